"""The steps of a derivation: what was computed from what, for a person to check."""

from __future__ import annotations

from typing import NamedTuple

from dbtune.text import count_text, ms_text, ratio_text


class Step(NamedTuple):
    """One line of a derivation.

    Attributes:
        symbol: short name that later formulas use.
        meaning: what it is, in words.
        formula: how it is computed, in symbols.
        numbers: the formula with numbers in it.
        value: the result.
        unit: of the result: ``ms``, ``share``, or what is counted, in the plural.
        source: where the formula comes from.
    """

    symbol: str
    meaning: str
    formula: str
    numbers: str
    value: float
    unit: str
    source: str

    @property
    def result(self) -> str:
        """The value with its unit, for people."""
        if self.unit == "ms":
            return ms_text(self.value)
        if self.unit == "share":
            return ratio_text(self.value)
        return f"{count_text(self.value)} {self.unit[:-1] if self.value == 1 else self.unit}"
