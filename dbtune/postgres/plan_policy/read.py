"""Policy files: YAML in, a policy out; every mistake with its line.

plans:
  sequential-scan: {tables: [orders, "sales.*"], above-rows: 10000}
  spill: forbid
  max-time: 500ms
  exceptions:
    - {rule: spill, plan: report.txt, reason: runs at night, until: 2027-01-31}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from dbtune.errors import UsageError
from dbtune.postgres.plan_policy.policy import ALL_RULES, Exemption, Policy, SeqScans
from dbtune.text import parse_seconds, plain

_KEY = "plans"
_BESIDE = ("default", "profiles")
"""What else a dbtune.yaml has."""
_EXEMPTION_KEYS = ("rule", "plan", "table", "reason", "until")
_ALIASES = {
    "sequential-scan": "plan.forbidden-seq-scan",
    "spill": "plan.forbidden-spill",
    "cartesian-join": "plan.forbidden-cartesian-join",
    "index-lost": "plan.index-lost-since-baseline",
    "max-cost": "plan.above-cost-limit",
    "max-time": "plan.above-time-limit",
    "max-blocks": "plan.above-block-limit",
}
"""An exception may name the policy's key in place of the rule."""


def load(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        UsageError: it can't be read, or has a mistake; with file and line.
    """
    name = plain(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--policy {name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--policy {name} is not UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Policy:
    """Read a policy's text; errors as :func:`load`."""
    from dbtune.yaml_text import read

    data, lines = read(text, plain(name))
    place = _Place(plain(name), lines)
    data = place.mapping(data or {}, (), (_KEY, *_BESIDE))
    if _KEY not in data:
        raise place.fail(f"there is no {_KEY!r}, under which a policy stands")
    known = (*_ALIASES, "near-empty-rows", "exceptions")
    values = place.mapping(data[_KEY] or {}, (_KEY,), known)
    fields: dict[str, Any] = {
        field: convert(place, values[key], (_KEY, key))
        for key, (field, convert) in _KEYS.items()
        if key in values
    }
    policy = Policy(file=name, **fields)
    if not policy.rules:
        raise place.fail(f"it forbids nothing; known: {', '.join(_ALIASES)}", _KEY)
    return policy


class _Place(NamedTuple):
    """A file's name and the lines of its keys."""

    name: str
    lines: Mapping[tuple[str, ...], int]

    def line(self, *keys: str) -> int:
        """The line of a key, or of the nearest around it."""
        known = (self.lines.get(keys[:count]) for count in range(len(keys), -1, -1))
        return next((line for line in known if line is not None), 1)

    def fail(self, message: str, *keys: str) -> UsageError:
        """An error with file and line."""
        return UsageError(f"{self.name}, line {self.line(*keys)}: {message}")

    def mapping(self, data: Any, keys: tuple[str, ...], known: tuple[str, ...]) -> dict[str, Any]:
        """A mapping that has no other keys than these."""
        if not isinstance(data, dict):
            raise self.fail(f"here must be a mapping with the keys {', '.join(known)}", *keys)
        for key in data:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
                raise self.fail(f"unknown key {plain(key)!r}; {hint}", *keys, key)
        return data


def _forbidden(place: _Place, value: Any, keys: tuple[str, ...]) -> bool:
    if value not in ("forbid", "allow"):
        raise place.fail(f"{keys[-1]} is 'forbid' or 'allow'", *keys)
    return bool(value == "forbid")


def _number(place: _Place, value: Any, keys: tuple[str, ...]) -> float:
    try:
        number = float(str(value).replace("_", "").replace(",", ""))
    except ValueError:
        number = math.nan
    if not isinstance(value, str) or not math.isfinite(number) or number < 0:
        raise place.fail(f"{keys[-1]} must be a number such as 10000", *keys)
    return number


def _ms(place: _Place, value: Any, keys: tuple[str, ...]) -> float:
    try:
        return 1000 * parse_seconds(value if isinstance(value, str) else "")
    except UsageError as error:
        raise place.fail(f"{keys[-1]}: {error}", *keys) from None


def _seq_scans(place: _Place, value: Any, keys: tuple[str, ...]) -> SeqScans | None:
    if isinstance(value, str):
        return SeqScans(("*",)) if _forbidden(place, value, keys) else None
    values = place.mapping(value, keys, ("tables", "above-rows"))
    tables = values.get("tables", "all")
    if tables == "all":
        tables = ["*"]
    if not isinstance(tables, list) or not all(isinstance(one, str) and one for one in tables):
        raise place.fail("tables is 'all' or a list of names", *keys, "tables")
    if not tables:
        raise place.fail("tables is empty, so that nothing is forbidden", *keys, "tables")
    above = values.get("above-rows", "0")
    return SeqScans(tuple(tables), _number(place, above, (*keys, "above-rows")))


def _exemptions(place: _Place, value: Any, keys: tuple[str, ...]) -> tuple[Exemption, ...]:
    if not isinstance(value, list):
        raise place.fail("exceptions must be a list", *keys)
    return tuple(_exemption(place, one, (*keys, str(at))) for at, one in enumerate(value))


def _exemption(place: _Place, value: Any, keys: tuple[str, ...]) -> Exemption:
    values = place.mapping(value, keys, _EXEMPTION_KEYS)
    first = next(iter(values), "")
    for key in ("rule", "reason", "until"):
        if not values.get(key):
            raise place.fail(f"an exception needs {key!r}", *keys, first)
    for key, one in values.items():
        if not isinstance(one, str):
            raise place.fail(f"{key} must be a text", *keys, key)
    rule = _ALIASES.get(values["rule"], values["rule"])
    if rule not in ALL_RULES:
        close = get_close_matches(rule, (*_ALIASES, *ALL_RULES), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_ALIASES)}"
        raise place.fail(f"no rule {plain(rule)!r}; {hint}", *keys, "rule")
    try:
        until = date.fromisoformat(values["until"])
    except ValueError:
        raise place.fail("until must be a date such as 2027-01-31", *keys, "until") from None
    return Exemption(
        rule,
        values.get("plan") or "*",
        values.get("table") or "",
        " ".join(values["reason"].split()),
        until,
        place.line(*keys, first),
    )


_KEYS: Mapping[str, tuple[str, Callable[[_Place, Any, tuple[str, ...]], object]]] = {
    "sequential-scan": ("seq_scans", _seq_scans),
    "spill": ("spill", _forbidden),
    "cartesian-join": ("cartesian_join", _forbidden),
    "index-lost": ("index_lost", _forbidden),
    "max-cost": ("max_cost", _number),
    "max-time": ("max_ms", _ms),
    "max-blocks": ("max_blocks", _number),
    "near-empty-rows": ("near_empty_rows", _number),
    "exceptions": ("exemptions", _exemptions),
}
"""Key of the file: field of the policy, and what reads it."""
