"""THE connection/profile module: which target is meant, how to reach it, and what is secret.

Nothing here opens a connection or imports a driver. :func:`resolve` turns what the user said (an
argument, options, environment variables, a profile file) into a :class:`Profile`; it does not
re-implement libpq: PostgreSQL's services, ``~/.pgpass`` and TLS files are left to libpq.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from dbtune.errors import UsageError
from dbtune.redaction import (
    Secret,
    has_scheme,
    holds_password,
    passwords_in,
    public,
    redact,
    redact_url,
)
from dbtune.text import plain, plural

if TYPE_CHECKING:
    from dbtune.accepted import Accepted
    from dbtune.profile_file import ProfileFile

__all__ = [  # Secret and the like live in redaction, and belong to the same vocabulary
    "Engine",
    "Place",
    "Profile",
    "Secret",
    "explain_resolution",
    "holds_password",
    "is_url",
    "named",
    "profile_from_url",
    "redact",
    "redact_url",
    "resolve",
]


class Engine(StrEnum):
    """The database systems that dbtune knows."""

    postgresql = "postgresql"
    mongodb = "mongodb"
    redis = "redis"
    pgbouncer = "pgbouncer"

    @property
    def product(self) -> str:
        """The name as people write it."""
        return _PRODUCTS[self]


_PRODUCTS: dict[str, str] = {
    Engine.postgresql: "PostgreSQL",
    Engine.mongodb: "MongoDB",
    Engine.redis: "Redis",
    Engine.pgbouncer: "PgBouncer",
}


def product_of(engine: str) -> str:
    """As :attr:`Engine.product`, of what a file says; one that is not known as it stands there."""
    return _PRODUCTS.get(engine) or plain(engine)


PACKAGES = {
    Engine.postgresql: "dbtune.postgres",
    Engine.mongodb: "dbtune.mongo",
    Engine.redis: "dbtune.redis",
    Engine.pgbouncer: "dbtune.pgbouncer",
}
"""Each has ``facts``, ``health.checks``, and ``health.describe(session)`` -> target and time."""


SCHEMES = {
    "postgresql": Engine.postgresql,
    "postgres": Engine.postgresql,
    "mongodb": Engine.mongodb,
    "mongodb+srv": Engine.mongodb,
    "redis": Engine.redis,
    "rediss": Engine.redis,
    "valkey": Engine.redis,
    "valkeys": Engine.redis,
    "redis+sentinel": Engine.redis,
    "rediss+sentinel": Engine.redis,
}
# What applications' libraries (Prisma, SQLAlchemy, Rails, JDBC) add to a PostgreSQL URL for
# themselves, and libpq would refuse: an application's DATABASE_URL should do as it is.
_FOREIGN_PARAMETERS = frozenset(
    "schema pgbouncer connection_limit pool_timeout socket_timeout statement_cache_size sslaccept "
    "sslidentity pool pool_size max_overflow prepared_statements checkout_timeout encoding "
    "currentschema preparethreshold uselibpqcompat".split()
)


# ---------------------------------------------------------------------------------------- profile


@dataclass(frozen=True, slots=True)
class Profile:
    """A named target. Immutable; holds how to connect and what SQL cannot tell.

    Attributes:
        name: the profile's name, or the redacted URL of a target given directly.
        engine: which database system it is.
        source: where it came from, for people ("environment variable DATABASE_URL").
        url: the connection URL or libpq connection string, with whatever secrets it has.
        parameters: libpq keywords (PostgreSQL), or host/port/dbname/user (MongoDB, Redis); win over
            ``url``.
        password: from the file, a prompt or an environment variable; wins over ``url``.
        password_command: run (without a shell) to get the password when it is needed.
        password_file: file whose first line is the password.
        tags: labels by which several profiles are addressed at once.
        ram_bytes: memory of the database's machine or container.
        cpus: processor cores that the database may use.
        storage: ``ssd``, ``nvme``, ``hdd`` or ``san``.
        instances: application instances that connect.
        workers: worker processes in each instance, each with a pool of its own.
        pgbouncer: profile or URL of the admin console of the PgBouncer before it, or "".
        provider: managed service (``rds``, ``aurora``, ``cloudsql``, ``azure``, ...), or "".
        thresholds: overrides by check name and threshold name.
        accepted: findings of ``check`` that do not count.
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
    instances: int | None = None
    workers: int | None = None
    pgbouncer: str = ""
    provider: str = ""
    thresholds: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()
    file: Path | None = None

    @property
    def redacted_url(self) -> str:
        """The URL or connection string without secrets; "" if there is none."""
        return redact_url(self.url.reveal())

    @property
    def where(self) -> str:
        """How to reach it, for people, without secrets."""
        settings = [f"{key}={value}" for key, value in self.parameters.items()]
        return plain(redact(" ".join([self.redacted_url, *settings]).strip()))

    @property
    def sentinel(self) -> bool:
        """Whether the URL names Sentinels, which know where the server is."""
        return self.url.reveal().partition("://")[0].lower().endswith("+sentinel")

    @property
    def has_password(self) -> bool:
        """Whether the profile itself says what the password is, or how to get it."""
        given = self.password or self.password_command or self.password_file
        return bool(given) or holds_password(self.url.reveal())

    def with_password(self) -> Profile:
        """The profile with its password fetched from the command or file it names.

        Raises:
            TargetError: the command failed or took too long.
            UsageError: the file is missing, or others may read it.
        """
        if self.password is not None:
            return self
        from dbtune.passwords import fetch

        return replace(self, password=fetch(self))


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
    for password in passwords_in(url):
        Secret(password)
    scheme, _, rest = url.partition("://")
    if not has_scheme(url):
        return Profile(redact_url(url), Engine.postgresql, source, Secret(url, alone=False))
    scheme = scheme.lower().removeprefix("jdbc:")
    if scheme.startswith(("postgresql+", "postgres+")):  # SQLAlchemy's way to name the driver
        scheme = "postgresql"
    if scheme not in SCHEMES:
        raise UsageError(
            f"{source}: {plain(scheme)}:// is not a database that dbtune knows; "
            "use postgresql://, mongodb://, mongodb+srv://, redis:// or rediss://"
        )
    engine = SCHEMES[scheme]
    _check_url(rest, source, engine)
    if engine is Engine.postgresql:
        rest = _without_foreign_parameters(rest)
    url = f"{scheme}://{rest}"
    return Profile(redact_url(url), engine, source, Secret(url, alone=False))


def _check_url(rest: str, source: str, engine: Engine) -> None:
    """Refuse URLs whose password would spill into host, port or path, and so into messages."""
    before_query, _, query = rest.partition("?")
    authority, _, path = before_query.partition("/")
    userinfo, _, hosts = authority.rpartition("@")
    advice = (
        "percent-encode special characters in user and password "
        "(@ is %40, / is %2F, : is %3A, # is %23, ? is %3F, % is %25)"
    )
    if re.search(r"[\s\x00-\x1f\x7f]", rest):
        raise UsageError(f"{source}: malformed URL: it contains a space; {advice}, space is %20")
    keys = [pair.partition("=")[0] for pair in query.split("&")]
    if "@" in userinfo or "@" in path or "#" in before_query or any("@" in key for key in keys):
        raise UsageError(f"{source}: malformed URL: {advice}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", rest):
        raise UsageError(f"{source}: malformed URL: % must be followed by two hex digits; {advice}")
    if "%00" in rest:
        raise UsageError(f"{source}: malformed URL: %00 can't stand in it")
    for host in hosts.split(","):
        port = re.sub(r"^\[[^\]]*\]", "", host).partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            # The text is not shown: with a forgotten "@" it is part of the password.
            raise UsageError(
                f"{source}: malformed URL: the port must be a number from 1 to 65535 "
                "(user:password@ comes before the host; an IPv6 address needs brackets)"
            )
    if engine is not Engine.postgresql and not hosts:
        raise UsageError(f"{source}: malformed URL: it has no host")
    shown = (
        userinfo.partition(":")[0],
        path,
        *(host.partition(":")[0] for host in hosts.split(",")),
    )
    public(*shown, *map(unquote, shown))


def _without_foreign_parameters(rest: str) -> str:
    place, _, query = rest.partition("?")
    pairs = query.split("&") if query else []
    kept = [one for one in pairs if one.partition("=")[0].lower() not in _FOREIGN_PARAMETERS]
    return f"{place}?{'&'.join(kept)}" if kept else place


# ------------------------------------------------------------------------------------- resolution


class Place(NamedTuple):
    """One place where a target may be named.

    Attributes:
        name: the place, for people.
        value: what stands there, redacted; "" when nothing does.
        chosen: whether this place decided.
        problem: why it can't be read; "" if it can.
    """

    name: str
    value: str
    chosen: bool = False
    problem: str = ""


class _Candidate(NamedTuple):
    """A place with what stands there, and what makes a profile of that."""

    place: str
    value: str
    open: Callable[[str, str], Profile]


# What says where to connect to. PGUSER and PGPORT only say how: many people export them for good,
# and they should not hide the default of a profile file. libpq still uses them.
_PG_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")
_PG_SHOWN = (*_PG_VARIABLES, "PGPORT", "PGUSER", "PGSSLMODE")


def resolve(
    target: str | None = None,
    *,
    url: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> Profile:
    """Find the target that is meant.

    Order: TARGET, ``--url`` or ``--profile`` (one of them), ``DBTUNE_PROFILE``, the engines'
    variables (``DATABASE_URL``, ``PG*``, ``MONGODB_URI``, ``REDIS_URL``), then ``default:`` of the
    nearest profile file. Nothing behind the place that decides is read.

    Args:
        target: a profile's name or a URL.
        url: a URL only.
        profile: a profile's name only.
        environ: environment variables.
        start: folder from which profile files are looked for; the current one by default.

    Raises:
        UsageError: nothing names a target, a name is unknown, or a profile file is wrong.
    """
    if environ.get("PGPASSWORD"):
        Secret(environ["PGPASSWORD"])  # libpq reads it itself; here it only becomes known
    for candidate in _candidates(target, url, profile, environ, start):
        if candidate.value:
            return _with_redis_password(candidate.open(candidate.value, candidate.place), environ)
    from dbtune.profile_file import absent

    raise UsageError(
        "no target: give a URL, such as postgresql://user@host/database, or a profile's name, or "
        f"set DATABASE_URL; to store one: dbtune profile add NAME URL{absent(environ)}"
    )


def explain_resolution(
    target: str | None = None,
    *,
    url: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> list[Place]:
    """Every place where a target may be named, in order of precedence, and which one won.

    A profile file that can't be read shows as a problem; it decides if nothing before it does.
    """
    places: list[Place] = []
    won = False
    candidates = _candidates(target, url, profile, environ, start)
    try:
        for place, value, _ in candidates:
            shown = redact_url(value) if is_url(value) else plain(value)
            places.append(Place(place, shown, bool(value) and not won))
            won = won or bool(value)
    except UsageError as error:
        if not places:  # the command line contradicts itself
            raise
        places.append(Place("default: in a profile file", "", not won, str(error)))
    return places


def _candidates(
    target: str | None,
    url: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    start: Path | None,
) -> Iterator[_Candidate]:
    if sum(map(bool, (target, url, profile))) > 1:
        raise UsageError("TARGET, --url and --profile name a target each; give one of them")

    def by_name(value: str, place: str) -> Profile:
        return named(value, environ=environ, start=start, source=place)

    def by_either(value: str, place: str) -> Profile:
        return (profile_from_url if is_url(value) else by_name)(value, place)

    yield _Candidate("TARGET argument", target or "", by_either)
    yield _Candidate("--url", url or "", _by_url)
    yield _Candidate("--profile", profile or "", by_name)
    variable = "environment variable"
    yield _Candidate(f"{variable} DBTUNE_PROFILE", environ.get("DBTUNE_PROFILE", ""), by_name)
    yield _Candidate(f"{variable} DATABASE_URL", environ.get("DATABASE_URL", ""), _by_url)
    yield _Candidate("libpq environment variables PG*", _libpq_variables(environ), _by_libpq)
    yield _Candidate(f"{variable} MONGODB_URI", environ.get("MONGODB_URI", ""), _by_url)
    yield _Candidate(f"{variable} REDIS_URL", environ.get("REDIS_URL", ""), _by_url)
    from dbtune import profile_file

    for location in profile_file.find(environ, start):
        file = profile_file.load(location, environ)
        opener = partial(_by_default, file)
        yield _Candidate(f"default: in {location.path}", file.default, opener)


def _libpq_variables(environ: Mapping[str, str]) -> str:
    if not any(environ.get(name) for name in _PG_VARIABLES):
        return ""
    return " ".join(f"{name}={environ[name]}" for name in _PG_SHOWN if environ.get(name))


def _by_libpq(value: str, place: str) -> Profile:
    return Profile(redact_url(value), Engine.postgresql, place)


def _by_default(file: ProfileFile, name: str, place: str) -> Profile:
    """The file's own profile of that name, even if a nearer file has one of the same name."""
    return replace(file.profile(name), source=place)


def _by_url(value: str, place: str) -> Profile:
    if not is_url(value):
        # Not shown: with the scheme forgotten, a password may stand in it.
        hint = "; a profile's name goes to --profile" if place == "--url" else ""
        raise UsageError(f"{place} is not a URL such as postgresql://user@host/database{hint}")
    return profile_from_url(value, place)


def _with_redis_password(profile: Profile, environ: Mapping[str, str]) -> Profile:
    """REDISCLI_AUTH is to Redis what PGPASSWORD is to libpq: used where no password is given."""
    word = environ.get("REDISCLI_AUTH")
    given = profile.password or profile.password_command or profile.password_file
    if profile.engine is not Engine.redis or not word or given:
        return profile
    return (
        profile if holds_password(profile.url.reveal()) else replace(profile, password=Secret(word))
    )


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

    if not profile_file.is_name(name):
        # Not shown: it may be a URL with a password and without its scheme.
        raise UsageError(
            f"{source or 'the name'} is neither a profile's name (letters, digits, _ . -) nor a "
            "URL such as postgresql://user@host/database"
        )
    names: list[str] = []
    locations = profile_file.find(environ, start)
    for location in locations:
        file = profile_file.load(location, environ)
        if name in file.names:
            found = file.profile(name)
            return replace(found, source=f"{source}: {found.source}" if source else found.source)
        names += file.names
    message = _unknown(name, names, [str(location.path) for location in locations])
    raise UsageError(message + profile_file.absent(environ))


def tagged(
    tag: str, *, environ: Mapping[str, str] = os.environ, start: Path | None = None
) -> list[Profile]:
    """Profiles that have a tag, by name; of equal names the nearest file's counts.

    Raises:
        UsageError: none has it, or a profile file is wrong.
    """
    from dbtune import profile_file

    found: dict[str, Profile | None] = {}
    tags: set[str] = set()
    for location in profile_file.find(environ, start):
        file = profile_file.load(location, environ)
        for name in file.names:
            if name not in found:
                profile = file.profile(name)
                tags |= set(profile.tags)
                found[name] = profile if tag in profile.tags else None
    chosen = [profile for _, profile in sorted(found.items()) if profile is not None]
    if not chosen:
        known = f"tags: {', '.join(sorted(tags))}" if tags else "no profile has a tag"
        raise UsageError(f"no profile has the tag {plain(tag)!r}; {known}")
    return chosen


def _unknown(name: str, names: list[str], paths: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=1)
    if Path(name).is_file():
        hint = "it is a file here: --from FILE names a snapshot, --log FILE a server's log"
    elif close:
        hint = f"did you mean {close[0]!r}?"
    elif names:
        hint = f"known: {', '.join(sorted(set(names)))}"
    else:
        hint = f"store it with: dbtune profile add {name} URL"
    looked = f" in {' and '.join(paths)}" if paths else ""
    return f"no profile {name!r} ({plural(len(names), 'profile')} found{looked}); {hint}"
