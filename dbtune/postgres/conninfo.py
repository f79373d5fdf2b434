"""Which connection settings libpq will use for a profile, and where each comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
from psycopg.pq import Conninfo, ConninfoOption

from dbtune.errors import UsageError
from dbtune.profile import Profile
from dbtune.redaction import MASK

# Shown even when nobody set them; every other keyword only when somebody did.
_ALWAYS = ("host", "port", "dbname", "user", "password", "sslmode")
_SECRET = ("password", "sslpassword", "oauth_client_secret")


def settings(profile: Profile) -> Iterator[tuple[str, str, str]]:
    """Keyword, value without secrets, and source of each setting that matters.

    Values of a service file are named after the service: libpq reads them, dbtune does not.

    Raises:
        UsageError: the connection string is malformed.
    """
    url = profile.url.reveal()
    try:
        given = {text(one.keyword): text(one.val) for one in Conninfo.parse(url.encode())}
        defaults = Conninfo.get_defaults()
    except psycopg.Error:
        raise UsageError(f"{profile.source}: malformed connection string") from None
    service = profile.parameters.get("service") or given.get("service")
    for option in defaults:
        key = text(option.keyword)
        if key in profile.parameters:
            value, source = profile.parameters[key], profile.source
        elif given.get(key):
            value, source = given[key], f"{profile.source}, url"
        else:
            value, source = _default(option, service or "")
        if key == "password":
            value, source = _password(profile, value, source)
        if value or key in _ALWAYS:
            yield key, MASK if key in _SECRET and value else value, source


def _default(option: ConninfoOption, service: str) -> tuple[str, str]:
    key, value, variable = text(option.keyword), text(option.val), text(option.envvar)
    if variable and os.environ.get(variable) == value:
        unless = f", unless service {service!r} sets it" if service else ""
        return value, f"environment variable {variable}{unless}"
    if service:
        return "", f"service {service!r}, or libpq's default" if key in _ALWAYS else ""
    if key == "user":
        return value, "operating system"
    if value != text(option.compiled):
        return value, "service file"
    if key not in _ALWAYS:
        return "", ""
    nothing = {"host": "local socket", "dbname": "same as user", "password": ""}
    return value or nothing.get(key, ""), "libpq's default"


def _password(profile: Profile, value: str, source: str) -> tuple[str, str]:
    if profile.password is not None:
        return MASK, profile.source
    if profile.password_command:
        return MASK, f"password_command: {profile.password_command[0]}"
    if profile.password_file is not None:
        return MASK, f"password_file: {profile.password_file}"
    if value:
        return MASK, source
    passfile = os.environ.get("PGPASSFILE") or "~/.pgpass"
    return "", f"{passfile}, if it has a line for this target"


def text(value: bytes | None) -> str:
    """What libpq gives, as text."""
    return (value or b"").decode(errors="replace")
