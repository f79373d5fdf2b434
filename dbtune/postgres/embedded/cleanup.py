"""End a throw-away server and remove its folder; also the program that does so when we are killed.

:mod:`dbtune.postgres.embedded.server` starts this file as a watchdog, by its path and in isolated
mode: it imports nothing but the standard library. The watchdog reads its standard input. When that
ends, because the server is to be stopped or because the process that started it died in whatever
way, the watchdog cleans up; a line ``keep`` before sends it away.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_STOP_SECONDS = 10.0
_REMOVE_SECONDS = 10.0


def postmaster_pid(folder: Path) -> int | None:
    """The process of the server whose data lie in ``folder/data``, or ``None`` if none runs."""
    return _running(folder, "data/postmaster.pid")


def _running(folder: Path, *names: str) -> int | None:
    """The process that one of these files of the folder names, or ``None`` if none runs.

    A file left by a server that was killed may name a process that is another program's by now, so
    the process is asked whether it works in that folder.
    """
    for name in names:
        try:
            pid = int((folder / name).read_text().partition("\n")[0])
        except (OSError, ValueError):
            continue
        if _serves(pid, folder):
            return pid
    return None


def _serves(pid: int, folder: Path) -> bool:
    """Whether a process is alive and was started with the folder in its arguments."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsencode(folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]  # macOS
    shown = subprocess.run(command, capture_output=True, check=False).stdout
    return os.fsencode(folder) in shown


def remove(folder: Path) -> None:
    """End the server of a folder, if it runs, and remove the folder. Nothing happens twice.

    The server stops without a checkpoint: nobody needs its data any more.
    """
    for how in (signal.SIGQUIT, signal.SIGKILL):
        pid = _running(folder, "data/postmaster.pid", "pgbouncer.pid")
        if pid is None:
            break
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + _STOP_SECONDS
        while _serves(pid, folder) and time.monotonic() < deadline:
            time.sleep(0.01)
    # An initdb that was interrupted may write a last file meanwhile.
    deadline = time.monotonic() + _REMOVE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)


def main() -> None:
    """Wait until standard input ends, then clean up the folder that the argument names."""
    if "keep\n" not in list(sys.stdin):
        remove(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
