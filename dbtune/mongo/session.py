"""A read-only session."""

from __future__ import annotations

from typing import Self

from dbtune.profile import Profile
from dbtune.session import Limits, Trace


class Session:
    """An open session; a context manager."""

    def __init__(self, profile: Profile, limits: Limits, trace: Trace | None = None) -> None:
        self.profile = profile

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
