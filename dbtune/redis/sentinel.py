"""Sentinel URLs: which server is the master now, and which are its replicas.

``redis+sentinel://USER:PASSWORD@HOST1:26379,HOST2:26379/SERVICE/DATABASE``; user and password are
the servers' own. What the Sentinels want is in the query: ``sentinel_username``,
``sentinel_password``. ``rediss+sentinel://`` speaks TLS to all of them.

Least privilege on a Sentinel, where it has users: ``+sentinel|masters +sentinel|replicas``
(before 7.0: ``+sentinel``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from redis import exceptions
from redis.sentinel import MasterNotFoundError, Sentinel

from dbtune.errors import TargetError, UsageError
from dbtune.profile import Profile, redact
from dbtune.session import Limits
from dbtune.text import plain

MARK = "+sentinel"
_DEFAULT_PORT = 26379


@dataclass(frozen=True, slots=True)
class Watched:
    """What a Sentinel URL names.

    Attributes:
        scheme: of the servers' own URLs: ``redis`` or ``rediss``.
        userinfo: ``user:password@`` as it stands in the URL, or "".
        sentinels: where to ask.
        service: the name that Sentinels know the master by.
        database: its number, or "".
        query: options for the servers.
        sentinel_options: username and password for the Sentinels.
    """

    scheme: str
    userinfo: str
    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: str
    query: tuple[tuple[str, str], ...]
    sentinel_options: tuple[tuple[str, str], ...]

    def url(self, host: str, port: int) -> str:
        """The URL of one of the servers."""
        place = f"[{host}]" if ":" in host else host
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"{self.scheme}://{self.userinfo}{place}:{port}/{self.database}{query}"


def parse(url: str, source: str) -> Watched:
    """A Sentinel URL taken apart.

    Raises:
        UsageError: it names no service, or a path that is none.
    """
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    userinfo, at, hosts = authority.rpartition("@")
    service, _, database = path.partition("/")
    if not service or (database and not database.isdigit()):
        raise UsageError(
            f"{source}: a Sentinel URL names the service that is watched, and may name a database: "
            "redis+sentinel://host:26379/SERVICE/0"
        )
    pairs = parse_qsl(query, keep_blank_values=True)
    own = {"sentinel_username": "username", "sentinel_password": "password"}
    return Watched(
        scheme.lower().removesuffix(MARK).replace("valkey", "redis"),
        userinfo + at,
        tuple(_place(one) for one in hosts.split(",")),
        unquote(service),
        database or "0",
        tuple(pair for pair in pairs if pair[0] not in own),
        tuple((own[name], value) for name, value in pairs if name in own),
    )


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if "]" not in text else text.rpartition("]:")
    if not host or not port.isdigit():
        return text.strip("[]"), _DEFAULT_PORT
    return host.strip("[]"), int(port)


def discover(profile: Profile, limits: Limits) -> tuple[Watched, list[tuple[str, int, str]]]:
    """Host, port and role of the master (first) and of its replicas that are up.

    Raises:
        TargetError: no Sentinel answers, or none knows the service.
        UsageError: the URL is malformed.
    """
    watched = parse(profile.url.reveal(), profile.source)
    tls = {name: value for name, value in watched.query if name.startswith("ssl_")} | {"ssl": True}
    options: dict[str, Any] = {
        "socket_connect_timeout": limits.connect_seconds,
        "socket_timeout": limits.statement_seconds,
        **dict(watched.sentinel_options),
        **(tls if watched.scheme == "rediss" else {}),
    }
    asked: Any = Sentinel(  # type: ignore[no-untyped-call]
        list(watched.sentinels), sentinel_kwargs=options
    )
    name = plain(watched.service)
    try:
        master = asked.discover_master(watched.service)
        replicas = asked.discover_slaves(watched.service)
    except MasterNotFoundError as error:
        raise TargetError(
            f"no Sentinel tells the master of {name}: {_why(watched, str(error))}"
        ) from None
    except (exceptions.RedisError, OSError) as error:
        raise TargetError(
            f"can't ask the Sentinels of {name}: {plain(redact(str(error)))}\n"
            "their password is sentinel_password=... in the URL's query"
        ) from None
    finally:
        for one in asked.sentinels:
            one.close()
    found = [(str(master[0]), int(master[1]), "master")]
    return watched, found + [(str(host), int(port), "replica") for host, port in replicas]


def _why(watched: Watched, message: str) -> str:
    """What the driver says of each Sentinel, without the descriptions of its own objects."""
    places = plain(", ".join(f"{host}:{port}" for host, port in watched.sentinels))
    if "Authentication" in message or "NOAUTH" in message or "NOPERM" in message:
        return (
            f"{places} want a password, or another one\n"
            "give it as sentinel_password=... (and sentinel_username=...) in the URL's query"
        )
    # One that answers, and does not know the name, is not among the errors.
    if message.count("> - ") >= len(watched.sentinels):
        return f"no answer from {places}\nis a Sentinel running there, and is TLS meant?"
    return f"{places} do not know it\ncheck the name: SENTINEL MASTERS lists the services"


def master_url(profile: Profile, limits: Limits) -> str:
    """The URL of the present master.

    Raises:
        TargetError, UsageError: as :func:`discover`.
    """
    watched, found = discover(profile, limits)
    host, port, _ = found[0]
    return watched.url(host, port)
