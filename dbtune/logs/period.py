"""Times that a person names, as a log writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from dbtune.errors import UsageError
from dbtune.text import parse_seconds, plain

_DAY = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d(?::\d\d(?::\d\d(?:\.\d{1,6})?)?)?)?")
_TIME = re.compile(r"\d\d:\d\d(?::\d\d)?")


def check_time(text: str) -> str:
    """The text itself, if it is a time, a duration, or nothing.

    Raises:
        UsageError: it is none.
    """
    if not text:
        return ""
    if _DAY.fullmatch(text):
        try:
            datetime.fromisoformat(text.replace(" ", "T"))
        except ValueError as error:
            raise UsageError(f"{plain(text)!r} is no time: {error}") from None
        return text
    if _TIME.fullmatch(text):
        return text
    try:
        parse_seconds(text)
    except UsageError:
        raise UsageError(
            f"{plain(text)!r} is no time; write for example '2026-11-28 08:00', 08:00 (today), "
            "or 2h (two hours ago)"
        ) from None
    return text


def as_logged(text: str, zone: tzinfo | None, *, epoch: bool = False) -> str:
    """A time as the records of a log begin.

    Args:
        text: what :func:`check_time` lets pass; a duration is so long ago.
        zone: that of the log's clock; UTC if it is not known.
        epoch: the log writes seconds since 1970.
    """
    if not text:
        return ""
    now = datetime.now(zone or UTC)
    if _DAY.fullmatch(text):
        moment = datetime.fromisoformat(text.replace(" ", "T"))
    elif _TIME.fullmatch(text):
        moment = datetime.fromisoformat(f"{now:%Y-%m-%d}T{text}")
    else:
        moment = (now - timedelta(seconds=parse_seconds(text))).replace(tzinfo=None)
    if epoch:
        return f"{moment.replace(tzinfo=zone or UTC).timestamp():.3f}"
    return moment.isoformat(" ", "milliseconds").removesuffix(".000")
