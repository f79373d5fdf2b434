"""THE connection/profile module: which target is meant, how to reach it, and what is secret.

Nothing here opens a connection or imports a driver. :func:`resolve` turns what the user said (an
argument, options, environment variables, a profile file) into a :class:`Profile`; it does not
re-implement libpq: PostgreSQL's services, ``~/.pgpass`` and TLS files are left to libpq.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from dbtune.errors import TargetError, UsageError
from dbtune.text import plain, plural


class Engine(StrEnum):
    """The database systems that dbtune knows."""

    postgresql = "postgresql"
    mongodb = "mongodb"
    redis = "redis"


SCHEMES = {
    "postgresql": Engine.postgresql,
    "postgres": Engine.postgresql,
    "mongodb": Engine.mongodb,
    "mongodb+srv": Engine.mongodb,
    "redis": Engine.redis,
    "rediss": Engine.redis,
    "valkey": Engine.redis,
    "valkeys": Engine.redis,
}
_PASSWORD_COMMAND_SECONDS = 30

# ---------------------------------------------------------------------------------------- secrets

_known_secrets: set[str] = set()
MASK = "***"


class Secret:
    """A string that never shows itself: ``repr``, ``str`` and formatting give ``***``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if value:
            _known_secrets.update({value, unquote(value), quote(value, safe="")})

    def reveal(self) -> str:
        """The value itself, for the driver only."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


_SENSITIVE = re.compile(
    r"(?i)\b(password|sslpassword|passwd|pwd|oauth_client_secret|authMechanismProperties|"
    r"tlsCertificateKeyFilePassword|proxyPassword)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)"
)
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^:/@\s]*):([^\s]*)@(?=[^@\s]*)")


def redact(text: str) -> str:
    """Text with every secret that dbtune has seen, and whatever looks like one, masked.

    Used on everything that leaves the error boundary, and on URLs shown to people.
    """
    for secret in sorted(_known_secrets, key=len, reverse=True):
        if secret not in text:
            continue
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
        else:  # replacing every "a" would spoil the text and tell the password
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    text = _USERINFO.sub(rf"\1:{MASK}@", text)
    return _SENSITIVE.sub(rf"\1\2{MASK}", text)


# ---------------------------------------------------------------------------------------- profile


@dataclass(frozen=True, slots=True)
class Profile:
    """A named target. Immutable; holds how to connect and what SQL cannot tell.

    Attributes:
        name: the profile's name, or the redacted URL of a target given directly.
        engine: which database system it is.
        source: where it came from, for people ("environment variable DATABASE_URL").
        url: the connection URL or libpq connection string, with whatever secrets it has.
        parameters: libpq keywords (PostgreSQL), or host/port/db/username (Redis); win over ``url``.
        password: from the file, a command or an environment reference; wins over ``url``.
        password_command: run (without a shell) to get the password when it is needed.
        password_file: file whose first line is the password.
        tags: labels by which several profiles are addressed at once.
        ram_bytes: memory of the database's machine or container.
        cpus: processor cores that the database may use.
        storage: ``ssd``, ``nvme``, ``hdd`` or ``san``.
        app_instances: application instances that connect.
        workers: worker processes in each instance, each with a pool of its own.
        provider: managed service (``rds``, ``aurora``, ``cloudsql``, ``azure``, ...), or "".
        thresholds: overrides by check name and threshold name.
        file: the profile file it stands in, or ``None``.
    """

    name: str
    engine: Engine
    source: str
    url: Secret = field(default_factory=lambda: Secret(""))
    parameters: Mapping[str, str] = field(default_factory=dict)
    password: Secret | None = None
    password_command: tuple[str, ...] = ()
    password_file: Path | None = None
    tags: tuple[str, ...] = ()
    ram_bytes: int | None = None
    cpus: float | None = None
    storage: str = ""
    app_instances: int | None = None
    workers: int | None = None
    provider: str = ""
    thresholds: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    file: Path | None = None

    @property
    def redacted_url(self) -> str:
        """The URL or connection string without secrets; "" if there is none."""
        return redact_url(self.url.reveal())

    def with_password(self) -> Profile:
        """The profile with its password fetched from the command or file it names.

        Raises:
            TargetError: the command failed or took longer than 30 seconds.
            UsageError: the file is missing, or others may read it.
        """
        if self.password is not None:
            return self
        if self.password_command:
            return replace(self, password=_run_password_command(self))
        if self.password_file is not None:
            return replace(self, password=_read_password_file(self, self.password_file))
        return self


def _run_password_command(profile: Profile) -> Secret:
    command = profile.password_command
    what = f"password_command of profile {profile.name!r} ({command[0]})"
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=_PASSWORD_COMMAND_SECONDS, check=False
        )
    except FileNotFoundError:
        raise TargetError(f"{what} was not found; is it installed and on PATH?") from None
    except subprocess.TimeoutExpired:
        raise TargetError(f"{what} gave nothing within {_PASSWORD_COMMAND_SECONDS} s") from None
    except OSError as error:
        raise TargetError(f"{what} could not be run: {error.strerror}") from None
    password = done.stdout.decode(errors="replace").splitlines()
    if done.returncode != 0 or not password:
        state = "printed nothing" if not done.returncode else f"exited with {done.returncode}"
        raise TargetError(f"{what} {state}; run it by hand to see why")
    return Secret(password[0])


def _read_password_file(profile: Profile, path: Path) -> Secret:
    what = f"password_file of profile {profile.name!r} ({path})"
    try:
        if path.stat().st_mode & 0o077 and os.name == "posix":
            raise UsageError(f"{what} may be read by others; run: chmod 600 {path}")
        lines = path.read_text().splitlines()
    except OSError as error:
        raise UsageError(f"{what} can't be read: {error.strerror}") from None
    if not lines or not lines[0]:
        raise UsageError(f"{what} is empty; its first line must be the password")
    return Secret(lines[0])


# ------------------------------------------------------------------------------------------- URLs


def is_url(target: str) -> bool:
    """Whether a TARGET is a URL or a libpq connection string and not a profile's name."""
    return "://" in target or "=" in target


def profile_from_url(url: str, source: str) -> Profile:
    """A profile for a URL (``postgresql://``, ``mongodb://``, ``redis://``) or a libpq string.

    Raises:
        UsageError: unknown scheme, or an authority part that would be misread.
    """
    url = url.strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        _register_password(url)
        return Profile(redact_url(url), Engine.postgresql, source, Secret(url))
    # SQLAlchemy and Django write the driver behind a plus sign: postgresql+psycopg://
    base = scheme.lower()
    base = base if base in SCHEMES else base.partition("+")[0]
    _register_password(url)
    if base not in SCHEMES:
        raise UsageError(
            f"{source}: {plain(scheme)}:// is not a database that dbtune knows; "
            "use postgresql://, mongodb://, mongodb+srv://, redis:// or rediss://"
        )
    _check_authority(rest, source, several=SCHEMES[base] is Engine.mongodb)
    url = f"{base}://{rest}"
    return Profile(redact_url(url), SCHEMES[base], source, Secret(url))


def _check_authority(rest: str, source: str, *, several: bool) -> None:
    """Refuse URLs whose password would spill into host, port or path, and so into messages."""
    before_query = rest.partition("?")[0]
    authority, _, path = before_query.partition("/")
    advice = (
        "percent-encode special characters in user and password "
        "(@ is %40, / is %2F, : is %3A, # is %23, ? is %3F)"
    )
    if authority.count("@") > 1 or "@" in path or "#" in before_query:
        raise UsageError(f"{source}: malformed URL: {advice}")
    if re.search(r"\s", rest):
        raise UsageError(f"{source}: malformed URL: it contains a space; {advice}, space is %20")
    if re.search(r"%(?![0-9A-Fa-f]{2})", rest):
        raise UsageError(f"{source}: malformed URL: % must be followed by two hex digits; {advice}")
    hosts = authority.rpartition("@")[2]
    for host in hosts.split(","):
        port = re.sub(r"^\[[^\]]*\]", "", host).partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            # The text is not shown: with a forgotten "@" it is part of the password.
            raise UsageError(f"{source}: malformed URL: the port must be a number from 1 to 65535")
    if not several and not hosts and "@" in authority and "host=" not in rest:
        raise UsageError(f"{source}: malformed URL: no host after @")


def _register_password(url: str) -> None:
    """Remember whatever in a URL or connection string may be a password."""
    match = _USERINFO.search(url)
    if match:
        Secret(match[2])
    for found in _SENSITIVE.finditer(url):
        Secret(found[3].strip("'"))


def holds_password(url: str) -> bool:
    """Whether a URL or connection string has a password in it."""
    match = _USERINFO.search(url)
    return bool(match and match[2]) or bool(_SENSITIVE.search(url))


def redact_url(url: str) -> str:
    """A URL or connection string with its secrets masked and control characters made visible."""
    if "://" not in url:
        return plain(redact(url))
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return plain(redact(url))
    userinfo, at, hosts = parts.netloc.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    netloc = f"{user}{':' + MASK if colon else ''}{at}{hosts}"
    query = urlencode(
        [(k, MASK if _SENSITIVE.match(f"{k}=x") else v) for k, v in pairs], safe="*/:,"
    )
    return plain(redact(f"{parts.scheme}://{netloc}{parts.path}{'?' + query if query else ''}"))


# ------------------------------------------------------------------------------------- resolution


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a target may be named.

    Attributes:
        name: the place, for people.
        value: what stands there, redacted; "" when nothing does.
        chosen: whether this place decided.
    """

    name: str
    value: str
    chosen: bool = False


_PG_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")


def resolve(
    target: str | None = None,
    *,
    url: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> Profile:
    """Find the target that is meant.

    Order: TARGET or ``--url``, ``--profile``, ``DBTUNE_PROFILE``, the engines' variables
    (``DATABASE_URL``, ``PG*``, ``MONGODB_URI``, ``REDIS_URL``), then ``default:`` of the nearest
    profile file.

    Args:
        target: a profile's name or a URL.
        url: a URL only.
        profile: a profile's name only.
        environ: environment variables.
        start: folder from which profile files are looked for; the current one by default.

    Raises:
        UsageError: nothing names a target, a name is unknown, or a profile file is wrong.
    """
    for place, value in _places(target, url, profile, environ, start):
        if value:
            return _open_place(place, value, environ, start)
    raise UsageError(
        "no target: give a URL or a profile name, for example\n"
        "  dbtune slow-queries postgresql://user@host/database\n"
        "or set DATABASE_URL, or store one: dbtune profile add NAME URL"
    )


def explain_resolution(
    target: str | None = None,
    *,
    url: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> list[Place]:
    """Every place where a target may be named, in order of precedence, and which one won."""
    places: list[Place] = []
    for name, value in _places(target, url, profile, environ, start):
        won = bool(value) and not any(place.chosen for place in places)
        shown = redact_url(value) if value and is_url(value) else plain(value)
        places.append(Place(name, shown, won))
    return places


def _places(
    target: str | None,
    url: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    start: Path | None,
) -> Iterator[tuple[str, str]]:
    if target and url:
        raise UsageError("give a TARGET or --url, not both")
    yield "TARGET argument", target or ""
    yield "--url", url or ""
    yield "--profile", profile or ""
    yield "environment variable DBTUNE_PROFILE", environ.get("DBTUNE_PROFILE", "")
    yield "environment variable DATABASE_URL", environ.get("DATABASE_URL", "")
    libpq = [name for name in _PG_VARIABLES if environ.get(name)]
    yield "libpq environment variables PG*", " ".join(f"{n}={environ[n]}" for n in libpq)
    yield "environment variable MONGODB_URI", environ.get("MONGODB_URI", "")
    yield "environment variable REDIS_URL", environ.get("REDIS_URL", "")
    from dbtune import profile_file

    for file in profile_file.find(environ, start):
        yield f"default: in {file.path}", profile_file.load(file, environ).default


def _open_place(place: str, value: str, environ: Mapping[str, str], start: Path | None) -> Profile:
    if place.startswith("libpq"):
        return Profile(plain(value), Engine.postgresql, place)
    if place == "--url" and "://" not in value and "=" not in value:
        raise UsageError(f"--url: {plain(value)!r} is not a URL; for a profile use --profile")
    if place.startswith("environment variable") and "PROFILE" not in place and not is_url(value):
        raise UsageError(f"{place} does not hold a URL such as postgresql://user@host/database")
    if is_url(value) and place != "--profile":
        found = profile_from_url(value, place)
        password = environ.get("REDISCLI_AUTH")
        if found.engine is Engine.redis and password and "@" not in value:
            return replace(found, password=Secret(password))
        return found
    return named(value, environ=environ, start=start, source=place)


def named(
    name: str,
    *,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
    source: str = "",
) -> Profile:
    """The profile of that name from the nearest profile file that has it.

    Raises:
        UsageError: there is none (the message lists names and files), or its file is wrong.
    """
    from dbtune import profile_file

    names: list[str] = []
    files = profile_file.find(environ, start)
    for file in files:
        loaded = profile_file.load(file, environ)
        if name in loaded.names:
            found = loaded.profile(name)
            return replace(found, source=f"{source}: {found.source}" if source else found.source)
        names += loaded.names
    close = get_close_matches(name, names, n=1)
    looked = f" in {' and '.join(str(file.path) for file in files)}" if files else ""
    hint = f"; did you mean {close[0]!r}?" if close else ""
    if not names:
        hint = f"; store it with: dbtune profile add {shlex.quote(plain(name))} URL"
    elif not close:
        hint = f"; known: {', '.join(sorted(names))}"
    count = plural(len(names), "profile")
    raise UsageError(f"no profile {plain(name)!r} ({count} found{looked}){hint}")
