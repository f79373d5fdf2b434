"""The console script, and ``python -m dbtune``: as little as stands before Ctrl-C is understood."""

import sys
from typing import Any


def main() -> None:
    """Run the command line.

    What happens from there on is told by its error boundary; while its modules are loaded, which
    takes a tenth of a second, an interrupt would print Python's own traceback.
    """
    sys.unraisablehook = _interrupt_again
    try:
        from dbtune.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # Python remembers an interrupt that came while a text was executed (so dataclasses are
        # made), and would end by the signal, not by our exit code; the next text makes it forget
        # (run_eval_code_obj in Python/pythonrun.c).
        exec("")  # noqa: S102


def _interrupt_again(lost: Any) -> None:
    """Python prints an interrupt that comes within a callback of its own, as of an import's lock
    or of an object that goes, and the command would go on: it comes again, outside of that."""
    if lost.exc_type is KeyboardInterrupt:
        import _thread
        import threading

        timer = threading.Timer(0.01, _thread.interrupt_main)
        timer.daemon = True
        timer.start()
    else:
        sys.__unraisablehook__(lost)


if __name__ == "__main__":
    main()
