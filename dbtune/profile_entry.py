"""One entry of a profile file made a :class:`~dbtune.profile.Profile`: keys checked and typed."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from dbtune.accepted import Accepted
from dbtune.errors import UsageError
from dbtune.profile import Engine, Profile, profile_from_url
from dbtune.profile_file import ProfileFile, own_path
from dbtune.redaction import Secret, holds_password, public
from dbtune.text import parse_bytes, plain

_LEAST_RAM_BYTES = 1 << 20
"""Less is no machine's: the unit is missing."""

LIBPQ = frozenset(
    "host hostaddr port dbname user service passfile require_auth channel_binding connect_timeout "
    "sslmode sslnegotiation sslcert sslkey sslcertmode sslrootcert sslcrl sslcrldir sslsni "
    "ssl_min_protocol_version ssl_max_protocol_version gssencmode krbsrvname gsslib "
    "target_session_attrs load_balance_hosts keepalives keepalives_idle keepalives_interval "
    "keepalives_count tcp_user_timeout requirepeer".split()
)
"""Keywords that are handed to libpq as they are (PostgreSQL documentation 34.1.2)."""
_ALIASES = {"database": "dbname", "db": "dbname", "username": "user"}
_LISTS = frozenset(("tags", "password_command", "accept"))
_OWN = frozenset(
    "url engine password password_file ram cpus storage instances workers provider pgbouncer "
    "thresholds accept".split()
).union(_LISTS)
_ACCEPTED = "[{rule: pg.unused-index, subject: 'public.*', reason: why, until: 2027-01-31}]"
STORAGES = ("ssd", "nvme", "hdd", "san")
# ${NAME}, ${NAME:-default}; $${ stands for ${ itself; any other ${ is a mistake.
_VARIABLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\$(?=\{)|\$\{"
_N = TypeVar("_N", int, float)


class MissingVariable(UsageError):
    """A value refers to an environment variable that is not set here."""


def to_profile(file: ProfileFile, name: str) -> Profile:
    """The profile of that name.

    Raises:
        UsageError: a key or value in it is wrong; the message has file and line.
    """
    entry = _Entry(file, name)
    source = f"profile {name!r} in {file.location.path}"
    url = entry.text("url")
    base = Profile(name, Engine.postgresql, source)
    if url:
        try:
            base = replace(profile_from_url(url, source), name=name)
        except UsageError as error:
            raise entry.wrong("url", str(error).removeprefix(f"{source}: ")) from None
    engine = entry.choice("engine", tuple(Engine)) or base.engine
    console = (engine, base.engine) == (Engine.pgbouncer, Engine.postgresql)  # one has no scheme
    if url and engine != base.engine and not console:
        raise entry.wrong("engine", f"engine {engine} contradicts the url ({base.engine})")
    parameters = {key: text for key in entry.keys & LIBPQ if (text := entry.text(key))}
    if not parameters and not url and not entry.text("engine"):
        raise file.fail(
            f"profile {name!r} has neither a url nor a host or service", "profiles", name
        )
    public(*parameters.values())
    password = entry.text("password")
    return replace(
        base,
        engine=Engine(engine),
        source=source,
        file=file.location.path,
        parameters=MappingProxyType(dict(sorted(parameters.items()))),
        password=Secret(password) if password else None,
        password_command=entry.command(),
        password_file=entry.password_file(),
        tags=entry.texts("tags"),
        ram_bytes=entry.size("ram"),
        cpus=entry.number("cpus", float),
        storage=entry.choice("storage", STORAGES),
        instances=entry.number("instances", int),
        workers=entry.number("workers", int),
        pgbouncer=entry.console(),
        provider=entry.text("provider").lower(),
        thresholds=entry.thresholds(),
        accepted=entry.accepted(),
    )


class _Entry:
    """One profile's keys, checked and given their types one by one."""

    def __init__(self, file: ProfileFile, name: str) -> None:
        self._file = file
        self._name = name
        self._raw = {_ALIASES.get(key, key): value for key, value in file.entries[name].items()}
        self._written = {_ALIASES.get(key, key): key for key in file.entries[name]}
        self._check_keys()
        self._check_permissions()

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._raw)

    @property
    def _own_path(self) -> Path:
        return own_path(self._file.environ)

    def wrong(self, key: str, message: str) -> UsageError:
        return self._file.fail(message, "profiles", self._name, self._written.get(key, key))

    def _check_keys(self) -> None:
        for key, value in self._raw.items():
            if key not in LIBPQ and key not in _OWN:
                close = get_close_matches(key, [*LIBPQ, *_OWN], n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise self.wrong(key, f"profile {self._name!r} has an unknown key {key!r}{hint}")
            if isinstance(value, dict) and key != "thresholds":
                raise self.wrong(key, f"{key} must be a text, not a mapping")
            if isinstance(value, list) and key not in _LISTS:
                raise self.wrong(key, f"{key} must be a text, not a list")

    def _check_permissions(self) -> None:
        """A literal password is for the owner's eyes only."""
        literal = next((k for k in ("password", "url") if _is_secret(k, self._raw.get(k))), None)
        if literal and not self._file.private:
            raise self.wrong(
                literal,
                "a password stands here and others may read the file; run: "
                f"chmod 600 {self._file.location.path}\n"
                "(or use ${VARIABLE}, password_command or password_file)",
            )

    def console(self) -> str:
        """The profile or URL of PgBouncer's console; a password belongs into a profile."""
        found = self.text("pgbouncer")
        if holds_password(found):
            raise self.wrong("pgbouncer", "a password stands here: make it a profile, name it here")
        return found

    def text(self, key: str) -> str:
        """A value with its ``${VARIABLE}`` references replaced; "" if it is not there."""
        return self._interpolated(key, str(self._raw.get(key, "")))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        value = self._raw.get(key) or []
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in items):
            raise self.wrong(key, f"{key} must be a list of texts")
        return tuple(self._interpolated(key, item) for item in items)

    def _interpolated(self, key: str, text: str) -> str:
        def substitute(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            if not match[1]:
                raise self.wrong(
                    key, f"{key}: write ${{NAME}} or ${{NAME:-default}}; a literal ${{ is $${{"
                )
            found = self._file.environ.get(match[1]) or match[2]
            if found is None:
                message = f"environment variable {match[1]} is not set"
                where = f"(needed by {key!r} of profile {self._name!r})"
                raise MissingVariable(str(self.wrong(key, f"{message} {where}")))
            return found

        return re.sub(_VARIABLE, substitute, text)

    def _shown(self, key: str) -> str:
        """A value as written: what a variable stands for may be a secret put in the wrong place."""
        return repr(plain(str(self._raw[key])))

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        text = self.text(key)
        if text and text not in known:
            raise self.wrong(
                key, f"{key} must be one of {', '.join(known)}, not {self._shown(key)}"
            )
        return text

    def size(self, key: str) -> int | None:
        text = self.text(key)
        try:
            size = parse_bytes(text) if text else None
        except UsageError:
            size = 0
        if size is not None and size < _LEAST_RAM_BYTES:
            message = f"{key} must be a size such as 64GB, not {self._shown(key)}"
            raise self.wrong(key, message)
        return size

    def number(self, key: str, kind: type[_N]) -> _N | None:
        text = self.text(key)
        if not text:
            return None
        try:
            number = kind(text)
        except ValueError:
            number = kind(0)
        if not 0 < number < 1_000_000:
            what = "a positive whole number" if kind is int else "a positive number"
            raise self.wrong(key, f"{key} must be {what}, not {self._shown(key)}")
        return number

    def command(self) -> tuple[str, ...]:
        """``password_command`` as words; refused in a file that is not the user's own."""
        value = self._raw.get("password_command")
        if not value:
            return ()
        if not self._file.location.own:
            raise self.wrong(
                "password_command",
                f"password_command is honoured only in your own file ({self._own_path}): a file "
                "found by walking up from the current folder could be anybody's",
            )
        if isinstance(value, list):
            return self.texts("password_command")
        try:
            return tuple(shlex.split(self.text("password_command")))
        except ValueError as error:
            raise self.wrong("password_command", f"password_command: {error}".lower()) from None

    def password_file(self) -> Path | None:
        """``password_file``, relative to the profile file; one found by walking up stays below."""
        text = self.text("password_file")
        if not text:
            return None
        folder = self._file.location.path.parent
        try:
            path = folder / Path(text).expanduser()
        except RuntimeError:
            message = "password_file: ~ does not stand for a folder here"
            raise self.wrong("password_file", message) from None
        if not self._file.location.own and not path.resolve().is_relative_to(folder.resolve()):
            raise self.wrong(
                "password_file",
                f"password_file must be below {folder}, unless it is named in your own file "
                f"({self._own_path}): this file could be anybody's, and so could the server",
            )
        return path

    def thresholds(self) -> Mapping[str, Mapping[str, object]]:
        value = self._raw.get("thresholds") or {}
        if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
            raise self.wrong(
                "thresholds",
                "thresholds must map check names to thresholds, for example "
                "{pg.n-plus-one: {min_calls: 10000}}",
            )
        return MappingProxyType(
            {
                check: MappingProxyType({name: _typed(text) for name, text in one.items()})
                for check, one in value.items()
            }
        )

    def accepted(self) -> tuple[Accepted, ...]:
        value = self._raw.get("accept") or ()
        if not isinstance(value, list | tuple) or not all(isinstance(one, dict) for one in value):
            raise self.wrong("accept", f"accept must be a list, for example {_ACCEPTED}")
        return tuple(self._one_accepted(one) for one in value)

    def _one_accepted(self, one: Mapping[str, object]) -> Accepted:
        if unknown := sorted(one.keys() - {"rule", "subject", "reason", "until"}):
            raise self.wrong("accept", f"accept has no key {unknown[0]!r}; example: {_ACCEPTED}")
        for key in ("rule", "reason"):
            if not str(one.get(key) or "").strip():
                raise self.wrong("accept", f"each entry of accept needs a {key}: {_ACCEPTED}")
        until = None
        if one.get("until"):
            try:
                until = date.fromisoformat(str(one["until"]))
            except ValueError:
                raise self.wrong("accept", "until must be a date such as 2027-01-31") from None
        reason = " ".join(str(one["reason"]).split())
        return Accepted(str(one["rule"]), reason, str(one.get("subject") or "*"), until)


def _typed(text: object) -> object:
    """A threshold as a number, a truth value or a text."""
    for kind in (int, float):
        try:
            number = kind(str(text))
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return {"true": True, "false": False}.get(str(text).lower(), text)


def _is_secret(key: str, value: object) -> bool:
    """Whether a value has a password in it that does not come from the environment."""
    if not isinstance(value, str):
        return False
    literal = without_variables(value)
    return bool(literal) if key == "password" else holds_password(literal)


def without_variables(text: str) -> str:
    """A text with nothing in place of its variables, but for the defaults they are given."""
    return re.sub(_VARIABLE, lambda match: match[2] or "", text)
