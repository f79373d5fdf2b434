"""Profile files: YAML in, profiles out. Changing them is in :mod:`dbtune.profile_edit`.

default: prod
profiles:
  prod:
    url: postgresql://dba@db.example.org/app
    password_command: [pass, show, db/prod]
    tags: [prod]
    ram: 64GB
    cpus: 16

Every value is text until its meaning is known: YAML's own typing would read the password ``0123``
as 83 and the user ``no`` as false.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from dbtune.errors import UsageError
from dbtune.profile import Profile
from dbtune.text import bytes_text, plain

FILENAME = "dbtune.yaml"

_MOST_BYTES = 1_048_576
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"


def is_name(text: str) -> bool:
    """Whether a text can be a profile's name."""
    return re.fullmatch(_NAME, text, re.ASCII) is not None


# ----------------------------------------------------------------------------------------- finding


class Location(NamedTuple):
    """Where a profile file is; ``own`` is the user's own file, which may name commands to run."""

    path: Path
    own: bool


def own_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's own profile file: ``DBTUNE_CONFIG``, else in the XDG configuration folder.

    Raises:
        UsageError: the user has no home folder, and neither variable is set.
    """
    if environ.get("DBTUNE_CONFIG"):
        return Path(environ["DBTUNE_CONFIG"]).absolute()
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # as the XDG specification wants it
        try:
            base = Path("~/.config").expanduser()
        except RuntimeError:
            raise UsageError("there is no home folder; name a file in DBTUNE_CONFIG") from None
    return base / "dbtune" / FILENAME


def find(environ: Mapping[str, str] = os.environ, start: Path | None = None) -> list[Location]:
    """The profile files that exist, nearest first: this folder, its parents, the user's own."""
    own = own_path(environ)
    found = [Location(own, own=True)] if _is_file(own) else []
    try:
        here = (start or Path.cwd()).absolute()
    except OSError:  # the current folder was removed
        return found
    nearest = next((d / FILENAME for d in (here, *here.parents) if _is_file(d / FILENAME)), None)
    if nearest is None or (found and nearest.samefile(own)):
        return found
    return [Location(nearest, own=False), *found]


def absent(environ: Mapping[str, str] = os.environ) -> str:
    """What to add to a message when ``DBTUNE_CONFIG`` names no file; "" when all is well."""
    if not environ.get("DBTUNE_CONFIG") or _is_file(own_path(environ)):
        return ""
    return f"\n(DBTUNE_CONFIG names {own_path(environ)}, which is not a file)"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder on the way may not be entered
        return False


# ----------------------------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file as read; profiles are made when asked for, so that one mistake hits only one.

    Attributes:
        location: the file.
        default: the name under ``default:``, or "".
        names: names of the profiles in the file's order.
        entries: what stands under each name, texts as written.
        lines: the line of each key by its path.
        environ: environment variables that values may refer to.
        private: whether only its owner may read it.
    """

    location: Location
    default: str
    names: tuple[str, ...]
    entries: Mapping[str, Mapping[str, Any]] = field(repr=False)
    lines: Mapping[tuple[str, ...], int] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    private: bool = True

    def fail(self, message: str, *keys: str) -> UsageError:
        """An error that names the file and line of a key."""
        return UsageError(f"{self.location.path}, line {self._line(keys)}: {message}")

    def _line(self, keys: tuple[str, ...]) -> int:
        known = (self.lines.get(keys[:count]) for count in range(len(keys), -1, -1))
        return next((line for line in known if line is not None), 1)

    def profile(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            UsageError: a key or value in it is wrong; the message has file and line.
        """
        from dbtune.profile_entry import to_profile

        return to_profile(self, name)


def load(location: Location, environ: Mapping[str, str] = os.environ) -> ProfileFile:
    """Read a profile file.

    Raises:
        UsageError: unreadable, planted by somebody else, not YAML, or of another shape; with file,
            line and column.
    """
    path = location.path
    try:
        if not location.own and os.name == "posix":
            _refuse_planted(path)
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is larger than {bytes_text(_MOST_BYTES)}: no profile file is")
        private = os.name != "posix" or not path.stat().st_mode & 0o077
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    return replace(parse(text, location, environ), private=private)


def _refuse_planted(path: Path) -> None:
    """Refuse a file that another user could have put in our way: it may send us anywhere."""
    found, folder, me = path.stat(), path.parent.stat(), os.getuid()
    foreign = found.st_uid not in (me, 0)
    if found.st_mode & 0o002 or (foreign and (me != 0 or folder.st_mode & 0o002)):
        raise UsageError(
            f"{path} is another user's or may be written by others, and so is not trusted; "
            "to use it anyway, name it in DBTUNE_CONFIG"
        )


def parse(text: str, location: Location, environ: Mapping[str, str] = os.environ) -> ProfileFile:
    """Read a profile file's text; errors as :func:`load`."""
    from dbtune.yaml_text import read

    data, lines = read(text, str(location.path))
    file = ProfileFile(location, "", (), {}, lines, environ)
    data = data or {}
    if not isinstance(data, dict):
        raise file.fail("the file must be a mapping with the keys 'default' and 'profiles'")
    for key in data:
        if key not in ("default", "profiles", "plans"):  # plans: the policy of explain check
            close = get_close_matches(key, ["default", "profiles"], n=1)
            hint = f"did you mean {close[0]!r}?" if close else "known: default, profiles"
            raise file.fail(f"unknown key {plain(key)!r}; {hint}", key)
    entries = data.get("profiles") or {}
    if not isinstance(entries, dict):
        raise file.fail("'profiles' must map names to profiles", "profiles")
    for name, entry in entries.items():
        if not is_name(name):
            raise file.fail(
                f"{plain(name)!r} can't be a profile's name: letters, digits, _ . - only",
                "profiles",
                name,
            )
        if not isinstance(entry, dict):
            raise file.fail(
                f"profile {name!r} must be a mapping such as {{url: ...}}", "profiles", name
            )
    default = data.get("default") or ""
    if default and (not isinstance(default, str) or default not in entries):
        raise file.fail(f"default: {plain(str(default))!r} is not among the profiles", "default")
    return replace(file, default=default, names=tuple(entries), entries=entries)
