"""Times as a log writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d)(?::(\d\d):(\d\d)(\.\d{1,6})?)?"
    r" ?([A-Za-z]{1,10}|<?[+-]\d\d(?::?\d\d)?>?)?"
)
# PostgreSQL's own default reading of these (timezonesets/Default), in minutes east of Greenwich.
_ZONES = {
    name: int(minutes)
    for name, minutes in zip(
        *[
            iter(
                "UTC 0 GMT 0 Z 0 UCT 0 WET 0 WEST 60 BST 60 CET 60 CEST 120 EET 120 EEST 180 "
                "MSK 180 IST 330 SGT 480 JST 540 KST 540 AEST 600 AEDT 660 NZST 720 NZDT 780 "
                "EST -300 EDT -240 "
                "CST -360 CDT -300 MST -420 MDT -360 PST -480 PDT -420".split()
            )
        ]
        * 2,
        strict=True,
    )
}


def moment(stamp: str) -> datetime | None:
    """The time that a log wrote, or seconds since 1970; ``None`` if it is neither.

    A zone that is not known is taken for UTC.
    """
    found = _STAMP.match(stamp)
    try:
        if found is None:
            return datetime.fromtimestamp(float(stamp), UTC)
        day, hour, minute, second, fraction, zone = found.groups()
        naive = datetime.fromisoformat(f"{day}T{hour}:{minute or '00'}:{second or '00'}")
        micros = round(float(fraction or 0) * 1e6)
        return naive.replace(microsecond=min(micros, 999_999), tzinfo=_zone(zone or ""))
    except (ValueError, OverflowError, OSError):
        return None


def knows_zone(stamp: str) -> bool:
    """Whether the zone of a time is known."""
    found = _STAMP.match(stamp)
    zone = (found[6] or "") if found else ""
    return found is None or zone.upper() in _ZONES or zone.strip("<")[:1] in ("+", "-")


def _zone(name: str) -> timezone:
    name = name.strip("<>")
    if name[:1] in ("+", "-"):
        digits = name[1:].replace(":", "").ljust(4, "0")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
    return timezone(timedelta(minutes=_ZONES.get(name.upper(), 0)))
