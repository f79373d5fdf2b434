"""One line of ``pgbouncer.ini`` and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass

DOCUMENTATION = "https://www.pgbouncer.org/config.html"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the file and the reason for it.

    Attributes:
        section: ``databases`` or ``pgbouncer``.
        group: heading under which it stands; "" for none.
        name: left of the equals sign.
        value: right of it.
        why: what it is good for.
        formula: how the value came about.
        document: where it is documented.
    """

    section: str
    group: str
    name: str
    value: str
    why: str
    formula: str
    document: str
