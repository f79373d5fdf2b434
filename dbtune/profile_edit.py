"""Change a profile file's text without losing comments, and write it safely."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbtune.errors import UsageError
from dbtune.profile_entry import MissingVariable
from dbtune.profile_file import Location, ProfileFile, is_name, parse
from dbtune.text import plain


def with_profile(text: str, name: str, entry: Mapping[str, object], path: Path) -> str:
    """The file's text with a profile added at the end of ``profiles:``; comments stay.

    Raises:
        UsageError: the name is taken or cannot be a name, or the file is wrong.
    """
    import yaml

    before = parse(text, Location(path, own=True))
    if not is_name(name):
        raise UsageError(f"{plain(name)!r} can't be a profile's name: letters, digits, _ . - only")
    if name in before.names:
        raise UsageError(
            f"profile {name!r} is in {path} already; remove it first, or edit the file"
        )
    block = yaml.safe_dump(
        {name: dict(entry)}, sort_keys=False, allow_unicode=True, width=10_000
    ).splitlines()
    lines = _lines(text)
    if before.names:
        indent = _indent(lines[before.lines["profiles", before.names[0]] - 1])
        end = max(_end_line(lines, before, one) for one in before.names)
        lines[end:end] = [f"{indent}{line}\n" for line in block]
    else:
        lines = [line for line in lines if not re.match(r"profiles\s*:", line)]
        lines += ["profiles:\n", *(f"  {line}\n" for line in block)]
    return _verified("".join(lines), path, {**before.entries, name: _as_texts(entry)})


def without_profile(text: str, name: str, path: Path) -> str:
    """The file's text with a profile, and ``default:`` if it named it, taken out.

    Raises:
        UsageError: there is no such profile, or the file is wrong.
    """
    before = parse(text, Location(path, own=True))
    if name not in before.names:
        raise UsageError(f"no profile {plain(name)!r} in {path}")
    lines = _lines(text)
    del lines[before.lines["profiles", name] - 1 : _end_line(lines, before, name)]
    if before.default == name:
        lines = [line for line in lines if not re.match(r"default\s*:", line)]
    left = {key: value for key, value in before.entries.items() if key != name}
    return _verified("".join(lines), path, left)


def with_default(text: str, name: str, path: Path) -> str:
    """The file's text with ``default:`` naming a profile of it.

    Raises:
        UsageError: there is no such profile, or the file is wrong.
    """
    before = parse(text, Location(path, own=True))
    lines = [line for line in _lines(text) if not re.match(r"default\s*:", line)]
    place = next((i for i, line in enumerate(lines) if re.match(r"profiles\s*:", line)), 0)
    lines.insert(place, f"default: {name}\n")
    return _verified("".join(lines), path, before.entries)


def check(text: str, path: Path, environ: Mapping[str, str] = os.environ) -> ProfileFile:
    """Read a text as the profile file it is to become, with every profile in it.

    A variable that is not set here is no mistake: it may be set where the profile is used.

    Raises:
        UsageError: something in it is wrong.
    """
    file = parse(text, Location(path, own=True), environ)
    for name in file.names:
        try:
            file.profile(name)
        except MissingVariable:
            continue
    return file


def edit(text: str, path: Path, editor: Sequence[str], again: Callable[[str], bool]) -> bool:
    """Let a person change a copy of the text until it is right and written, as visudo does.

    Args:
        text: the text to start from.
        path: the file it stands for.
        editor: the editor's words; the name of the copy is added.
        again: told what is wrong; whether to open the editor again.

    Returns:
        Whether anything was changed.

    Raises:
        UsageError: the editor failed, or what it left is wrong or can't be written. Nothing has
            changed then.
    """
    handle, temporary = tempfile.mkstemp(prefix="dbtune-", suffix=".yaml")  # mode 0600
    copy = Path(temporary)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        while True:
            _run_editor(editor, copy)
            try:
                changed = copy.read_text(encoding="utf-8")
                check(changed, path)
                if changed != text:
                    write(path, changed)
            except UnicodeDecodeError:
                problem = f"{path} would not be UTF-8 text"
            except UsageError as error:
                problem = str(error)
            else:
                return changed != text
            if not again(problem):
                raise UsageError(f"{problem}\nnothing has changed")
    except OSError as error:
        raise UsageError(f"a copy of {path} can't be edited: {error.strerror}") from None
    finally:
        copy.unlink(missing_ok=True)


def _run_editor(editor: Sequence[str], copy: Path) -> None:
    try:
        code = subprocess.run([*editor, str(copy)], check=False).returncode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        raise UsageError(f"the editor {editor[0]!r} could not be run: {reason}") from None
    if code != 0:
        raise UsageError(f"the editor {editor[0]!r} exited with {code}; nothing has changed")


def _lines(text: str) -> list[str]:
    """Lines as YAML counts them, each with its end."""
    text = text.rstrip("\n")
    return [f"{line}\n" for line in re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text) if text]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _end_line(lines: list[str], file: ProfileFile, name: str) -> int:
    """Number of lines up to and including the last one that belongs to a profile's entry."""
    first = file.lines["profiles", name]
    depth = len(_indent(lines[first - 1]))
    end = first
    for number, line in enumerate(lines[first:], start=first + 1):
        if line.strip():
            if len(_indent(line)) <= depth:
                break
            end = number
    return end


def _verified(text: str, path: Path, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The changed text, if it means what it should."""
    try:
        after = parse(text, Location(path, own=True))
    except UsageError:
        after = None
    if after is None or after.entries != entries:
        raise UsageError(
            f"{path} is laid out in a way that dbtune can't change; use: dbtune profile edit"
        )
    return text


def _as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_texts(one) for key, one in value.items()}
    return [_as_texts(one) for one in value] if isinstance(value, list) else str(value)


def write(path: Path, text: str) -> None:
    """Write a profile or password file atomically, readable by its owner only.

    Raises:
        UsageError: it can't be written; nothing has changed then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        real = path.resolve()  # a link to, say, a folder of dotfiles stays a link
        handle, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(real)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from None
