"""Put a report where it belongs: stdout or a file, atomically; everything else goes to stderr."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from dbtune.cli.command import Color, Format, Output
from dbtune.errors import UsageError
from dbtune.render import Style, render
from dbtune.report import Report

_BY_NAME = {
    ".html": ("html",),
    ".htm": ("html",),
    ".json": ("json", "speedscope"),
    ".ndjson": ("ndjson",),
    ".csv": ("csv",),
    ".md": ("markdown",),
    ".sarif": ("sarif",),
    ".sql": ("sql",),
    ".svg": ("svg",),
    ".folded": ("folded",),
}
"""Formats that a file's name asks for; a command has one of them, or none."""


def emit(report: Report, output: Output) -> None:
    """Render and write a report.

    A command that generates a file has that file's text as its result: on stdout, or in
    ``--output`` (a folder when there are several files); the report about it then goes to stderr,
    or to stdout when the file went elsewhere.

    Raises:
        UsageError: a file exists and ``--force`` was not given, or it can't be written.
    """
    if output.format in (Format.table, None) and report.artifacts and not report.document:
        _emit_artifacts(report, output)
        return
    to_file = output.path is not None
    text = render(report, format_of(output), style(output, sys.stdout, to_file=to_file))
    if output.path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_file(output.path, text, force=output.force)
        _said(output, output.path)


def format_of(output: Output) -> str:
    """The format that was asked for, by --format or by the file's name, or else the default."""
    if output.format is not None:
        return output.format.value
    suffix = output.path.suffix.lower() if output.path else ""
    known = [one.value for one in output.formats]
    return next((name for name in _BY_NAME.get(suffix, ()) if name in known), known[0])


def _emit_artifacts(report: Report, output: Output) -> None:
    about = sys.stderr if output.path is None else sys.stdout
    if output.path is None:
        several = len(report.artifacts) > 1
        for artifact in report.artifacts:
            if several:
                sys.stdout.write(f"# ---- {artifact.filename} ----\n")
            sys.stdout.write(artifact.text)
        sys.stdout.flush()
    elif len(report.artifacts) == 1:
        write_file(output.path, report.artifacts[0].text, force=output.force)
        _said(output, output.path)
    else:
        files = [(output.path / one.filename, one.text) for one in report.artifacts]
        for path, _ in files:
            _refuse_existing(path, force=output.force)
        for path, text in files:
            write_file(path, text, force=output.force)
            _said(output, path)
    if not output.quiet:
        about.write(render(report, "table", style(output, about)))
        about.flush()


def _said(output: Output, path: Path) -> None:
    if not output.quiet:
        sys.stderr.write(f"written to {path}\n")


def style(output: Output, stream: object, *, to_file: bool = False) -> Style:
    """Width and colour for a stream: a terminal's, or neither when it is a pipe or a file.

    ``COLUMNS``, ``NO_COLOR`` and ``FORCE_COLOR`` are respected.
    """
    terminal = not to_file and bool(getattr(stream, "isatty", lambda: False)())
    columns = os.environ.get("COLUMNS", "")
    width: int | None
    if columns.isdecimal() and int(columns) > 0 and not to_file:
        width = max(40, int(columns))
    else:
        width = max(40, shutil.get_terminal_size().columns) if terminal else None
    color = output.color is Color.always
    if output.color is Color.auto and not os.environ.get("NO_COLOR"):
        color = bool(os.environ.get("FORCE_COLOR")) or (
            terminal and os.environ.get("TERM") != "dumb"
        )
    return Style(width=None if output.wide else width, color=color)


def check_writable(path: Path | None, option: str, *, force: bool) -> None:
    """Refuse early what could not be written at the end.

    Args:
        path: the file, if one was named.
        option: that named it.
        force: whether it may be overwritten.

    Raises:
        UsageError: the file exists (without ``--force``) or its folder does not.
    """
    if path is not None and not path.is_dir():
        _refuse_existing(path, force=force)
        if not path.parent.is_dir():
            raise UsageError(f"{option}: the folder {path.parent} does not exist")


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.is_file() and not force:
        raise UsageError(f"{path} exists; give --force to overwrite it, or another name")


def write_file(path: Path, text: str | bytes, *, force: bool) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: it exists and ``force`` is false, or it can't be written.
    """
    _refuse_existing(path, force=force)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if path.parent.is_file():
        raise UsageError(f"{path.parent} is a file; name a folder")
    content = text.encode() if isinstance(text, str) else text
    try:
        if path.exists() and not path.is_file():  # a device or pipe: nothing to replace
            path.write_bytes(content)
            return
        import tempfile  # loads random, and that OpenSSL

        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            Path(temporary).chmod(mode)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}; nothing was left") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
