"""Get a profile's password from the command or the file that it names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dbtune.errors import TargetError, UsageError
from dbtune.profile import Profile
from dbtune.redaction import Secret

COMMAND_SECONDS = 30
"""How long a command may take: enough for a person to unlock a key."""


def fetch(profile: Profile) -> Secret | None:
    """The password from ``password_command`` or ``password_file``; ``None`` if neither is set.

    Raises:
        TargetError: the command failed or took longer than :data:`COMMAND_SECONDS`.
        UsageError: the file is missing, empty, or others may read it.
    """
    if profile.password_command:
        return _from_command(profile, profile.password_command)
    if profile.password_file is not None:
        return _from_file(profile, profile.password_file)
    return None


def _from_command(profile: Profile, command: tuple[str, ...]) -> Secret:
    what = f"password_command of profile {profile.name!r} ({command[0]})"
    try:
        # No shell. Its stdin and stderr are ours: it may ask for a passphrase.
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
    except FileNotFoundError:
        # Its name is not repeated: who takes the key for the password's would see that printed.
        raise TargetError(
            f"password_command of profile {profile.name!r}: the program was not found; is it "
            "installed and on PATH?"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds a NUL character"
        raise TargetError(f"{what} could not be run: {reason}") from None
    try:
        out, _ = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        # Not waiting for the end of its output: a child of the command may keep that open.
        raise TargetError(f"{what} gave nothing within {COMMAND_SECONDS} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    password = _first_line(out)
    if process.returncode != 0 or not password:
        state = f"exited with {process.returncode}" if process.returncode else "printed nothing"
        raise TargetError(f"{what} {state}; run it by hand to see why")
    return Secret(password)


def _from_file(profile: Profile, path: Path) -> Secret:
    what = f"password_file of profile {profile.name!r} ({path})"
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise UsageError(f"{what} may be read by others; run: chmod 600 {path}")
            password = _first_line(file.read(65536))
    except OSError as error:
        raise UsageError(f"{what} can't be read: {error.strerror}") from None
    if not password:
        raise UsageError(f"{what} is empty; its first line must be the password")
    return Secret(password)


def _first_line(data: bytes) -> str:
    return data.decode(errors="replace").split("\n", 1)[0].rstrip("\r")
