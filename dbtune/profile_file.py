"""Profile files: YAML in, profiles out; adding and removing entries without losing comments.

default: prod
profiles:
  prod:
    url: postgresql://dba@db.example.org/app
    password_command: [pass, show, db/prod]
    tags: [prod]
    ram: 64GB
    cpus: 16
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dbtune.errors import UsageError
from dbtune.profile import Engine, Profile, Secret, holds_password, profile_from_url, redact
from dbtune.text import parse_bytes, plain

FILENAME = "dbtune.yaml"

# Keywords that are handed to libpq as they are (PostgreSQL documentation 34.1.2).
_LIBPQ = frozenset(
    "host hostaddr port dbname user service passfile require_auth channel_binding connect_timeout "
    "sslmode sslnegotiation sslcert sslkey sslcertmode sslrootcert sslcrl sslcrldir sslsni "
    "ssl_min_protocol_version ssl_max_protocol_version gssencmode krbsrvname gsslib "
    "target_session_attrs load_balance_hosts keepalives keepalives_idle keepalives_interval "
    "keepalives_count tcp_user_timeout requirepeer".split()
)
_ALIASES = {"database": "dbname", "db": "dbname", "username": "user"}
_OWN = frozenset(
    "url engine password password_command password_file tags ram cpus storage app_instances "
    "workers provider thresholds".split()
)
_STORAGES = ("ssd", "nvme", "hdd", "san")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a profile file is; ``own`` is the user's own file, which may name commands to run."""

    path: Path
    own: bool


def own_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's own profile file: ``DBTUNE_CONFIG``, else in the XDG configuration folder."""
    if environ.get("DBTUNE_CONFIG"):
        return Path(environ["DBTUNE_CONFIG"])
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "dbtune" / FILENAME


def find(environ: Mapping[str, str] = os.environ, start: Path | None = None) -> list[Location]:
    """The profile files that exist, nearest first: this folder, its parents, the user's own."""
    own = own_path(environ)
    here = (start or Path.cwd()).absolute()
    nearest = next((d / FILENAME for d in (here, *here.parents) if (d / FILENAME).is_file()), None)
    found = [Location(nearest, own=False)] if nearest and nearest != own else []
    return [*found, Location(own, own=True)] if own.is_file() else found


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file as read; profiles are made when asked for, so that one mistake hits only one.

    Attributes:
        location: the file.
        default: the name under ``default:``, or "".
        names: names of the profiles in the file's order.
    """

    location: Location
    default: str
    names: tuple[str, ...]
    _entries: Mapping[str, dict[str, Any]] = field(repr=False)
    _lines: Mapping[tuple[str, ...], int] = field(repr=False)
    _environ: Mapping[str, str] = field(repr=False)

    def fail(self, message: str, *keys: str) -> UsageError:
        """An error that names the file and line of a key."""
        line = next(
            (self._lines[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in self._lines), 1
        )
        return UsageError(f"{self.location.path}, line {line}: {message}")

    def profile(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            UsageError: a key or value in it is wrong; the message has file and line.
        """
        raw = self._entries[name]
        where = ("profiles", name)
        entry = {key: self._interpolate(value, (*where, key)) for key, value in raw.items()}
        entry = {_ALIASES.get(key, key): value for key, value in entry.items()}
        for key in entry:
            if key not in _LIBPQ and key not in _OWN:
                close = get_close_matches(key, [*_LIBPQ, *_OWN], n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise self.fail(
                    f"profile {name!r} has an unknown key {plain(key)!r}{hint}", *where, key
                )
        self._check_secrets(name, raw)
        source = f"profile {name!r} in {self.location.path}"
        base = Profile(name, Engine.postgresql, source)
        if entry.get("url"):
            try:
                base = replace(profile_from_url(str(entry["url"]), source), name=name)
            except UsageError as error:
                raise self.fail(str(error).partition(": ")[2], *where, "url") from None
        if "engine" in entry:
            base = replace(
                base, engine=self._engine(name, entry["engine"], bool(entry.get("url")), base)
            )
        parameters = {k: str(v) for k, v in entry.items() if k in _LIBPQ}
        if not parameters and not entry.get("url") and "engine" not in entry:
            raise self.fail(f"profile {name!r} has neither a url nor a host or service", *where)
        return replace(
            base,
            source=source,
            file=self.location.path,
            parameters=MappingProxyType({**base.parameters, **parameters}),
            password=Secret(str(entry["password"])) if entry.get("password") else None,
            password_command=self._command(name, entry),
            password_file=Path(str(entry["password_file"])).expanduser()
            if entry.get("password_file")
            else None,
            **self._instance_facts(name, entry),
        )

    def _engine(self, name: str, value: object, has_url: bool, base: Profile) -> Engine:
        where = ("profiles", name, "engine")
        try:
            engine = Engine(str(value))
        except ValueError:
            known = ", ".join(Engine)
            raise self.fail(f"engine must be one of {known}, not {value!r}", *where) from None
        if has_url and engine is not base.engine:
            raise self.fail(f"engine {engine} contradicts the url ({base.engine})", *where)
        return engine

    def _instance_facts(self, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        where = ("profiles", name)
        facts: dict[str, Any] = {}
        try:
            if "ram" in entry:
                facts["ram_bytes"] = parse_bytes(str(entry["ram"]))
        except UsageError as error:
            raise self.fail(f"ram: {error}", *where, "ram") from None
        for key, kind in (("cpus", float), ("app_instances", int), ("workers", int)):
            if key in entry:
                try:
                    number = kind(entry[key])
                except (TypeError, ValueError):
                    number = -1
                if not 0 < number < 1_000_000:
                    raise self.fail(
                        f"{key} must be a positive number, not {entry[key]!r}", *where, key
                    )
                facts[key] = number
        if "storage" in entry:
            if entry["storage"] not in _STORAGES:
                raise self.fail(f"storage must be one of {', '.join(_STORAGES)}", *where, "storage")
            facts["storage"] = entry["storage"]
        facts["provider"] = str(entry.get("provider", ""))
        tags = entry.get("tags", [])
        facts["tags"] = tuple(str(tag) for tag in (tags if isinstance(tags, list) else [tags]))
        thresholds = entry.get("thresholds", {})
        if not isinstance(thresholds, dict) or not all(
            isinstance(value, dict) for value in thresholds.values()
        ):
            raise self.fail(
                "thresholds must map check names to thresholds, for example "
                "{pg.n-plus-one: {min_calls: 10000}}",
                *where,
                "thresholds",
            )
        facts["thresholds"] = MappingProxyType(thresholds)
        return facts

    def _command(self, name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
        value = entry.get("password_command")
        if not value:
            return ()
        where = ("profiles", name, "password_command")
        if not self.location.own:
            raise self.fail(
                "password_command is honoured only in your own file "
                f"({own_path(self._environ)}): a file found by walking up from the current folder "
                "could be anybody's",
                *where,
            )
        words = value if isinstance(value, list) else shlex.split(str(value))
        return tuple(str(word) for word in words)

    def _check_secrets(self, name: str, raw: Mapping[str, Any]) -> None:
        """A literal password is for the owner's eyes only."""
        literal = [key for key in ("password", "url") if _holds_literal_password(key, raw.get(key))]
        path = self.location.path
        if literal and os.name == "posix" and path.stat().st_mode & 0o077:
            raise self.fail(
                f"a password stands here and others may read the file; run: chmod 600 {path}\n"
                "(or use ${VARIABLE}, password_command or password_file)",
                "profiles",
                name,
                literal[0],
            )

    def _interpolate(self, value: Any, where: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {k: self._interpolate(v, (*where, str(k))) for k, v in value.items()}
        if isinstance(value, list):
            return [self._interpolate(item, where) for item in value]
        if not isinstance(value, str) or "${" not in value:
            return value

        def substitute(match: re.Match[str]) -> str:
            found = self._environ.get(match[1]) or match[2]
            if found is None:
                raise self.fail(
                    f"environment variable {match[1]} is not set "
                    f"(needed by {where[-1]!r} of profile {where[1]!r})",
                    *where,
                )
            return found

        return _VARIABLE.sub(substitute, value)


def _holds_literal_password(key: str, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    without_variables = _VARIABLE.sub("", value)
    if key == "password":
        return bool(without_variables)
    return holds_password(without_variables)


def load(location: Location, environ: Mapping[str, str] = os.environ) -> ProfileFile:
    """Read a profile file.

    Raises:
        UsageError: unreadable, not YAML, or of another shape; with file, line and column.
    """
    path = location.path
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    return parse(text, location, environ)


def parse(text: str, location: Location, environ: Mapping[str, str] = os.environ) -> ProfileFile:
    """Read a profile file's text; errors as :func:`load`."""
    data, lines = _yaml_with_lines(text, location.path)
    file = ProfileFile(location, "", (), {}, lines, environ)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise file.fail("the file must be a mapping with the keys 'default' and 'profiles'")
    for key in data:
        if key not in ("default", "profiles"):
            raise file.fail(f"unknown key {plain(str(key))!r}; known: default, profiles", str(key))
    entries = data.get("profiles") or {}
    if not isinstance(entries, dict):
        raise file.fail("'profiles' must map names to profiles", "profiles")
    for name, entry in entries.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise file.fail(
                f"{plain(str(name))!r} can't be a profile's name: letters, digits, _ . - only",
                "profiles",
                str(name),
            )
        if not isinstance(entry, dict):
            raise file.fail(
                f"profile {name!r} must be a mapping such as {{url: ...}}", "profiles", name
            )
    default = data.get("default") or ""
    if default and default not in entries:
        raise file.fail(f"default: {plain(str(default))!r} is not among the profiles", "default")
    return replace(file, default=default, names=tuple(entries), _entries=entries)


def _yaml_with_lines(text: str, path: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """Plain data, and the line of each key by its path."""
    import yaml

    lines: dict[tuple[str, ...], int] = {}
    loader = yaml.SafeLoader(text)

    def walk(node: yaml.Node, where: tuple[str, ...], depth: int) -> None:
        if depth > 10:
            raise UsageError(f"{path}, line {node.start_mark.line + 1}: nested too deeply")
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            here = (*where, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                raise UsageError(
                    f"{path}, line {line}: {plain(str(key.value))!r} stands here twice "
                    f"(first in line {lines[here]})"
                )
            lines[here] = line
            walk(value, here, depth + 1)

    try:
        node = loader.get_single_node()
        if node is None:
            return None, lines
        walk(node, (), 0)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # The problem may quote a piece of the file; the file may hold a password.
        problem = redact(error.problem or "not valid YAML")
        raise UsageError(f"{path}{where}: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid YAML: {redact(plain(str(error)))}") from None
    finally:
        loader.dispose()


# ----------------------------------------------------------------------------------------- changes


def with_profile(text: str, name: str, entry: Mapping[str, object], path: Path) -> str:
    """The file's text with a profile added at the end of ``profiles:``; comments stay.

    Raises:
        UsageError: the name is taken or cannot be a name, or the file is wrong.
    """
    import yaml

    before = parse(text, Location(path, own=True))
    if not _NAME.fullmatch(name):
        raise UsageError(f"{plain(name)!r} can't be a profile's name: letters, digits, _ . - only")
    if name in before.names:
        raise UsageError(
            f"profile {name!r} is in {path} already; remove it first, or edit the file"
        )
    block = yaml.safe_dump({name: dict(entry)}, sort_keys=False, allow_unicode=True)
    if before.names:
        indent = _indent_of(text, before.names)
        end = max(_end_line(text, before, one) for one in before.names)
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[end:end] = [f"{indent}{line}\n" for line in block.splitlines()]
        changed = "".join(lines)
    else:
        kept = [ln for ln in text.splitlines() if not re.match(r"profiles\s*:", ln)]
        added = ["profiles:", *(f"  {line}" for line in block.splitlines())]
        changed = "\n".join([*kept, *added]) + "\n"
    after = parse(changed, Location(path, own=True))
    if after.names != (*before.names, name):
        raise UsageError(f"{path} is laid out in a way that can't be added to; edit it by hand")
    return changed


def without_profile(text: str, name: str, path: Path) -> str:
    """The file's text with a profile, and ``default:`` if it named it, taken out.

    Raises:
        UsageError: there is no such profile, or the file is wrong.
    """
    before = parse(text, Location(path, own=True))
    if name not in before.names:
        raise UsageError(f"no profile {plain(name)!r} in {path}")
    lines = text.splitlines(keepends=True)
    start = before._lines["profiles", name] - 1
    del lines[start : _end_line(text, before, name)]
    if before.default == name:
        lines = [line for line in lines if not re.match(r"default\s*:", line)]
    changed = "".join(lines)
    after = parse(changed, Location(path, own=True))
    if after.names != tuple(one for one in before.names if one != name):
        raise UsageError(f"{path} is laid out in a way that can't be changed; edit it by hand")
    return changed


def _indent_of(text: str, names: Sequence[str]) -> str:
    match = re.search(rf"^([ \t]+)(['\"]?){re.escape(names[0])}\2\s*:", text, re.MULTILINE)
    return match[1] if match else "  "


def _end_line(text: str, file: ProfileFile, name: str) -> int:
    """Number of lines up to and including the last one that belongs to a profile's entry."""
    lines = text.splitlines()
    first = file._lines["profiles", name]
    indent = len(lines[first - 1]) - len(lines[first - 1].lstrip())
    end = first
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            continue
        if len(line) - len(line.lstrip()) <= indent:
            break
        end = number
    return end


def write(path: Path, text: str) -> None:
    """Write a profile file atomically, readable by its owner only.

    Raises:
        UsageError: it can't be written; nothing has changed then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)  # noqa: PTH105 -- mkstemp gives a string
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108
            raise
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from None
