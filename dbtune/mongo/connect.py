"""Reach a MongoDB server: the driver's options, and its errors in one clear sentence."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import pymongo
from pymongo import errors
from pymongo.server_description import ServerDescription

from dbtune.errors import TargetError, UsageError
from dbtune.mongo import APP_NAME
from dbtune.profile import Profile, redact, redact_url
from dbtune.session import Limits
from dbtune.text import plain

Client = pymongo.MongoClient[dict[str, Any]]
# Beyond maxTimeMS, so that the server gives up first and says why.
_SOCKET_GRACE_SECONDS = 5
# To find a server again that had answered before: no more than a moment's failure is waited for.
_SELECTION_SECONDS = 3


def connect(profile: Profile, limits: Limits) -> tuple[Client, str]:
    """A client whose server has answered, and the database that the profile or URL names.

    Raises:
        TargetError: no server answers, or none that speaks the protocol.
        UsageError: the URL or an option in it is wrong.
    """
    url, options, database = _options(profile.with_password(), limits)
    try:
        client = _client(url, options)
    except errors.ConfigurationError as error:
        if "DNS" in str(error) or "resolution" in str(error):  # of a mongodb+srv:// URL
            raise TargetError(connect_problem(error, profile)) from None
        raise _malformed(profile, error) from None
    except (errors.InvalidURI, ValueError, TypeError) as error:
        raise _malformed(profile, error) from None
    except OSError as error:  # a certificate file
        what = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        raise UsageError(f"{profile.source}: {plain(redact(what))}") from None
    try:
        _wait_for_server(client, profile, limits.connect_seconds)
    except BaseException:
        client.close()
        raise
    return client, database


def _client(url: str, options: dict[str, Any]) -> Client:
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        client: Client = pymongo.MongoClient(url, **options)
    for doubt in doubts:
        if not str(doubt.message).startswith("Unknown option"):  # another driver may know it
            client.close()
            raise ValueError(str(doubt.message))
    return client


def _options(profile: Profile, limits: Limits) -> tuple[str, dict[str, Any], str]:
    """URL, further options, and database for the driver; the profile's keys win over the URL."""
    keys = dict(profile.parameters)
    url = profile.url.reveal() or "mongodb://" + keys.pop("host", "localhost")
    if "port" in keys and not profile.url:
        url += f":{keys.pop('port')}"
    options: dict[str, Any] = {
        "appname": APP_NAME,
        "serverSelectionTimeoutMS": min(limits.connect_seconds, _SELECTION_SECONDS) * 1000,
        "connectTimeoutMS": limits.connect_seconds * 1000,
        "socketTimeoutMS": round((limits.statement_seconds + _SOCKET_GRACE_SECONDS) * 1000),
        "maxPoolSize": 1,
        "retryReads": False,  # a second try would take the time limits twice
        "server_selector": _always_the_same,
        "tz_aware": True,
        # What is read was written by others: never fail over its bytes.
        "unicode_decode_error_handler": "replace",
        "datetime_conversion": "DATETIME_AUTO",
    }
    if "user" in keys:
        options["username"] = keys.pop("user")
    if profile.password:
        options["password"] = profile.password.reveal()
        if "username" not in options and not re.search(r"//[^/@]+@", url):
            raise UsageError(f"{profile.source}: a password, but no user; write the user, too")
    database = keys.pop("dbname", "")
    if keys:
        known = "host, port, user, dbname (and no host or port beside a url)"
        raise UsageError(
            f"{profile.source}: {', '.join(sorted(keys))} can't be used for MongoDB; "
            f"put it into the url, or use {known}"
        )
    query = url.partition("?")[2].lower()
    hosts = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    if (
        url.startswith("mongodb://")
        and "," not in hosts
        and not re.search(r"\b(replicaset|directconnection|loadbalanced)=", query)
    ):
        options["directConnection"] = True
    if "readpreference=" not in query:
        options["readPreference"] = "primaryPreferred"
    return url, options, database or _database_of(url)


def _database_of(url: str) -> str:
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    return unquote(path)


def _always_the_same(servers: Sequence[ServerDescription]) -> list[ServerDescription]:
    return sorted(servers, key=lambda server: str(server.address))[:1]


def _wait_for_server(client: Client, profile: Profile, seconds: float) -> None:
    """Wait until the server to read from is known; fail when every one has refused.

    That is a primary where one is preferred; else all have to answer, if they do soon. Before, a
    secondary would do, and then another: what is read would be of two servers. The driver itself
    would try again until the time limit, ten seconds for a wrong port.
    """
    preferred = client.read_preference.mode in (0, 1)  # primary, primaryPreferred
    started = time.monotonic()
    while True:
        waited = time.monotonic() - started
        servers = list(client.topology_description.server_descriptions().values())
        if not servers:
            raise TargetError(
                f"can't connect to {where(profile)}: what answers there is not a member of the "
                "replica set in the URL\ncheck replicaSet=, or leave it out to read that one server"
            )
        types = [server.server_type_name for server in servers]
        if preferred and "RSPrimary" in types:
            return
        known = len(types) - types.count("Unknown")
        refusals = [server.error for server in servers if server.error is not None]
        if known and (known + len(refusals) >= len(servers) or waited > _SELECTION_SECONDS):
            return
        if len(refusals) == len(servers):
            raise TargetError(connect_problem(refusals[0], profile))
        if waited > seconds:
            raise TargetError(connect_problem(TimeoutError("timed out"), profile))
        time.sleep(0.01)


def _malformed(profile: Profile, error: Exception) -> UsageError:
    """The driver quotes pieces of a malformed URL, which may be pieces of a password: cut them."""
    message = re.sub(r"""(["'])(?!true\b|false\b).*?\1""", '"…"', str(error).split("\n")[0])
    hint = ""
    if "assword is required" in message:
        message = "there is a user, but no password"
        hint = "; put it into the URL, or password_command or password_file into a profile"
    return UsageError(f"{profile.source}: malformed URL: {plain(redact(message))}{hint}")


_HINTS = (
    (
        r"authentication failed|auth error|bad auth",
        "check user and password; a user lives in the database where it was created: "
        "add ?authSource=admin",
    ),
    (r"certificate verify failed|self.signed", "check tlsCAFile (and the host name in the URL)"),
    (
        r"wrong version number|unexpected eof|record layer|\[SSL",
        "is TLS on at that port? Without it, drop tls=true",
    ),
    (r"connection refused|no such file", "is the server running on that host and port?"),
    (
        r"name or service not known|nodename nor servname|name resolution|getaddrinfo|DNS",
        "check the host name",
    ),
    (
        # What a full server does, too: it accepts, and closes without a word.
        r"connection closed|reset by peer",
        "something answers there, but not with MongoDB's protocol: check the port; if the server "
        "demands TLS, add ?tls=true; a server that has all the connections it may have "
        "(net.maxIncomingConnections) closes new ones, too: its log says so",
    ),
    (
        r"message length|invalid reply|opcode|response id",
        "something answers there, but not with MongoDB's protocol: check the port",
    ),
    (r"timed out|timeout", "is a firewall in between? The limit is --connect-timeout"),
    (r"replica set named|does not match", "check replicaSet in the URL"),
    (r"wire version", "this server's version is not supported by the driver"),
)


def connect_problem(error: Exception, profile: Profile) -> str:
    """What went wrong, to which target, and what to do about it; without secrets."""
    message = cause(error)
    hint = next((h for pattern, h in _HINTS if re.search(pattern, message, re.IGNORECASE)), "")
    return redact(f"can't connect to {where(profile)}: {message}" + (f"\n{hint}" if hint else ""))


def cause(error: Exception) -> str:
    """The driver's message without its own timeouts, topology description and full reply."""
    if isinstance(error, errors.OperationFailure):
        message = server_message(error)
    else:
        message = re.split(r" \(configured timeouts|, Timeout: |, full error:", str(error))[0]
    return plain(redact(message.strip() or type(error).__name__))


def server_message(error: errors.OperationFailure) -> str:
    """The server's own words."""
    details = error.details or {}
    return str(details.get("errmsg") or str(error).partition(", full error:")[0])


def where(profile: Profile) -> str:
    """A target for people: the profile's name, or the URL without secrets."""
    return profile.name if profile.name != profile.redacted_url else redact_url(profile.name)
