"""Checks on logs. Facts: ``digest``, what was read, and ``seconds``, the length of its time."""

from __future__ import annotations

from dbtune.text import plain, shorten

_SUBJECT_WIDTH = 300


def subject(text: str) -> str:
    """A statement as a finding's subject: one line of bounded length."""
    return shorten(plain(text), _SUBJECT_WIDTH)
