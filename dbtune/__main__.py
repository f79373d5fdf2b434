"""The console script, and ``python -m dbtune``: as little as stands before Ctrl-C is understood."""

import sys


def main() -> None:
    """Run the command line.

    What happens from there on is told by its error boundary; while its modules are loaded, which
    takes a tenth of a second, an interrupt would print Python's own traceback.
    """
    try:
        from dbtune.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
