"""The user's own profile file: list, add to, remove from and edit it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from dbtune import profile_edit, profile_file
from dbtune.errors import UsageError
from dbtune.finding import Skipped
from dbtune.profile import Profile, is_url
from dbtune.profile_entry import MissingVariable, without_variables
from dbtune.profile_file import Location
from dbtune.redaction import MASK, holds_password, redact_url
from dbtune.text import plain

_PASSWORDS = "passwords"
"""Folder beside the profile file, for passwords that were asked for."""
_TEMPLATE = """\
# dbtune's profiles: dbtune slow-queries NAME, or without a name the default.
#
# default: prod
# profiles:
#   prod:
#     url: postgresql://dba@db.example.org/app
#     password_command: [pass, show, db/prod]   # or password_file, ${VARIABLE}, ~/.pgpass
#     tags: [prod]
#     ram: 64GB
#     cpus: 16
"""


def listed(
    environ: Mapping[str, str] = os.environ, start: Path | None = None
) -> tuple[list[Profile], list[Skipped], Profile | None]:
    """Profiles of all profile files, nearest first; what is wrong with others; the default.

    A name that a nearer file has already is left out: it could not be addressed.
    """
    profiles: dict[str, Profile] = {}
    skipped: list[Skipped] = []
    default: Profile | None = None
    decided = False
    for location in profile_file.find(environ, start):
        try:
            file = profile_file.load(location, environ)
        except UsageError as error:
            skipped.append(Skipped(str(location.path), str(error)))
            continue
        for name in file.names:
            try:
                found = file.profile(name)
            except UsageError as error:
                skipped.append(Skipped(f"profile {name}", str(error)))
                continue
            if name == file.default and not decided:
                default = profiles.setdefault(name, found)
            profiles.setdefault(name, found)
        decided = decided or bool(file.default)
    return list(profiles.values()), skipped, default


def without_password(url: str, name: str) -> str:
    """The URL, if it is one and holds no password.

    Raises:
        UsageError: it does; the message shows the same command without it.
    """
    if url and not is_url(url) and without_variables(url) == url:
        raise UsageError("URL must be one such as postgresql://user@host/database")
    if not holds_password(without_variables(url)):
        return url
    bare = re.sub(
        rf":{re.escape(MASK)}(?=@)|[&\s]?\w+\s*=\s*{re.escape(MASK)}", "", redact_url(url)
    )
    raise UsageError(
        "the URL holds a password, which the process list and the shell's history show; "
        "leave it out and be asked for it:\n"
        f"  dbtune profile add {plain(name)} {shlex.quote(bare)} -W\n"
        "(or give --password-command or --password-file, or rely on ~/.pgpass)"
    )


class Store:
    """The user's own profile file.

    Attributes:
        path: the file, which need not exist yet.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self.path = profile_file.own_path(environ)

    def text(self) -> str:
        """The file's text; "" if there is none yet.

        Raises:
            UsageError: it can't be read.
        """
        try:
            return self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise UsageError(f"{self.path} can't be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{self.path} is not UTF-8 text") from None

    def refuse_taken(self, name: str) -> None:
        """Refuse a name that is in the file, before a password is asked for.

        Raises:
            UsageError: it is, or it can't be a name, or the file is wrong.
        """
        profile_edit.with_profile(self.text(), name, {"host": "x"}, self.path)

    def add(self, name: str, entry: Mapping[str, object], password: str, *, default: bool) -> None:
        """Store a profile; a password goes into a file of its own that only its owner may read.

        Raises:
            UsageError: the name is taken, a value is wrong, or the file can't be written.
        """
        if password:
            entry = {**entry, "password_file": f"{_PASSWORDS}/{name}"}
        text = profile_edit.with_profile(self.text(), name, entry, self.path)
        file = profile_file.parse(text, Location(self.path, own=True), self._environ)
        try:
            file.profile(name)
        except MissingVariable:
            pass  # it may be set where the profile is used
        except UsageError as error:  # of a line that is not in the file yet
            message = str(error).removeprefix(f"{self.path}, line ").partition(": ")[2]
            raise UsageError(message) from None
        if default:
            text = profile_edit.with_default(text, name, self.path)
        if password:
            profile_edit.write(self._password_path(name), password + "\n")
        try:
            profile_edit.write(self.path, text)
        except UsageError:
            if password:  # no profile would ever remove it
                self._password_path(name).unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Take a profile out, with the password that :meth:`add` stored for it.

        Raises:
            UsageError: there is none of that name, or the file can't be written.
        """
        text = profile_edit.without_profile(self.text(), name, self.path)
        entries = profile_file.parse(self.text(), Location(self.path, own=True)).entries
        profile_edit.write(self.path, text)
        if entries[name].get("password_file") == f"{_PASSWORDS}/{name}":
            self._password_path(name).unlink(missing_ok=True)

    def edit(self, again: Callable[[str], bool]) -> bool:
        """Let a person edit the file; whether it changed. Other arguments: see profile_edit.

        Raises:
            UsageError: there is no editor, or what was written is wrong.
        """
        text = self.text() or _TEMPLATE
        return profile_edit.edit(text, self.path, self._editor(), again)

    def _editor(self) -> list[str]:
        for variable in ("VISUAL", "EDITOR"):
            try:
                if words := shlex.split(self._environ.get(variable, "")):
                    return words
            except ValueError as error:
                raise UsageError(f"{variable} can't be understood: {error}".lower()) from None
        for program in ("sensible-editor", "editor", "nano", "vi"):
            if shutil.which(program):
                return [program]
        raise UsageError(f"no editor was found; set EDITOR, or edit {self.path}")

    def _password_path(self, name: str) -> Path:
        return self.path.parent / _PASSWORDS / name
