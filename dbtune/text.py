"""Numbers, sizes and hostile text made fit for people: the only formatting helpers."""

from __future__ import annotations

import math
import re

from dbtune.errors import UsageError

_IEC = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
# Patterns are texts: re compiles and keeps each at its first use, start-up does not pay for them.
_SIZE = r"(?ai)\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*"
# PostgreSQL's own rule: kB, MB, GB and TB are powers of 1024 (guc.c, memory_unit_conversion_table).
_SIZE_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    for _suffix in ("", "b", "i", "ib"):
        _SIZE_UNITS[_letter + _suffix] = 1024**_power
_DURATION = r"(?ai)\s*([0-9]+(?:\.[0-9]+)?)\s*(us|µs|ms|s|sec|min|m|h|d)?\s*"
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "min": 60, "m": 60}
_SECONDS |= {"h": 3600, "d": 86400}

# C0 and C1 controls, DEL, line and paragraph separators, and the marks that reorder text.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def parse_bytes(text: str) -> int:
    """Read a size such as ``8GB``, ``512MiB`` or ``16384`` (bytes) as bytes.

    Units are powers of 1024 with or without the ``i``, as in PostgreSQL's configuration.

    Raises:
        UsageError: the text is no size.
    """
    match = re.fullmatch(_SIZE, text)
    unit = _SIZE_UNITS.get(match[2].lower()) if match else None
    size = math.inf if match is None or unit is None else float(match[1]) * unit
    if not math.isfinite(size):
        raise UsageError(f"{_quoted(text)} is not a size; write for example 8GB, 512MB or 1.5TB")
    return round(size)


def parse_seconds(text: str) -> float:
    """Read a duration such as ``60s``, ``5min``, ``20ms`` or ``1.5h``; a bare number is seconds.

    Raises:
        UsageError: the text is no duration.
    """
    match = re.fullmatch(_DURATION, text)
    unit = (match[2] or "s").lower() if match else ""
    seconds = float(match[1]) * _SECONDS[unit] if match else math.inf
    if not math.isfinite(seconds):
        raise UsageError(f"{_quoted(text)} is not a duration; write for example 20ms, 60s or 5min")
    return seconds


def _quoted(text: str) -> str:
    return repr(shorten(plain(text), 40))


def bytes_text(value: float) -> str:
    """Bytes with an IEC unit and three significant digits: ``1.50 GiB``."""
    size, unit = float(value), 0
    while abs(size) >= 1023.5 and unit < len(_IEC) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} B" if unit == 0 else f"{significant(size)} {_IEC[unit]}"


def ms_text(ms: float) -> str:
    """Milliseconds in the unit that a person would use: ``12.3 ms``, ``4.56 s``, ``2 h 5 min``."""
    if abs(ms) < 0.0005:
        return "0 ms"
    if abs(ms) < 0.9995:
        return f"{significant(ms * 1000)} µs"
    if abs(ms) < 999.5:
        return f"{significant(ms)} ms"
    seconds = ms / 1000
    if abs(seconds) < 119.5:
        return f"{significant(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def count_text(value: float) -> str:
    """A count with thousands separated by commas, fractions kept to three significant digits."""
    if isinstance(value, int) or abs(value) >= 1000 or float(value).is_integer():
        return f"{round(value):,}"
    return significant(value)


def ratio_text(value: float) -> str:
    """A share of one as per cent: ``0.1234`` is ``12.3 %``."""
    percent = value * 100
    if 0 < abs(percent) < 0.1:
        return "<0.1 %"
    return f"{percent:.1f} %"


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and no exponent."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    rounded = abs(float(f"{value:.{digits - 1}e}"))  # 0.9996 is 1.00, not 1.000
    if not math.isfinite(rounded):  # the largest floats round up beyond what a float can hold
        return f"{value:,.0f}"
    decimals = max(0, digits - 1 - math.floor(math.log10(rounded))) if rounded else 9
    return f"{value:,.{min(decimals, 9)}f}"


def plain(text: str) -> str:
    """Text from outside made harmless for a terminal: control characters become visible escapes.

    Line breaks and tabs become spaces, so that the result is always one line.
    """
    return visible(re.sub(r"\s+", " ", text))


def visible(line: str) -> str:
    """A line of code made harmless for a terminal; its spaces stay as they are."""
    return CONTROL.sub(lambda match: ascii(match[0])[1:-1], line)


def shorten(text: str, width: int) -> str:
    """Cut text to a width with an ellipsis."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def plural(count: int, noun: str, plural_form: str = "") -> str:
    """``1 row``, ``2 rows``, ``3 entries``."""
    return f"{count:,} {noun if count == 1 else plural_form or noun + 's'}"


def were(count: float) -> str:
    """The verb for so many of them in the past: ``was`` for one."""
    return "was" if count == 1 else "were"


def capital(text: str) -> str:
    """A sentence's first letter made large, the others left as they are."""
    return text[:1].upper() + text[1:]
