"""Which collation of this machine stands for one of the target's.

The embedded server has no ICU, and this machine need not have the target's locales. What must not
differ is whether it is C: only then does an ordinary index serve ``LIKE 'x%'``, and many conditions
on texts are estimated otherwise.
"""

from __future__ import annotations

import functools
import re
import subprocess
from typing import NamedTuple

from dbtune.postgres.embedded.server import BUILTIN_LOCALE

_C = ("C", "POSIX")
_BY_CODE_POINT = "C.UTF-8"


class Collation(NamedTuple):
    """A collation of the lab's.

    Attributes:
        provider: ``libc`` or ``builtin``.
        name: the locale's.
        exact: whether it sorts as the target's.
    """

    provider: str
    name: str
    exact: bool

    @property
    def initdb(self) -> tuple[str, ...]:
        """Options of initdb that make it the default."""
        if self.provider == "builtin":
            return ("--locale-provider=builtin", f"--builtin-locale={self.name}", "--locale=C")
        return ("--locale-provider=libc", f"--locale={self.name}")


def collation_of(provider: str, locale: str) -> Collation:
    """The collation that stands for one of a target.

    Args:
        provider: of the target's: ``c`` libc, ``i`` ICU, ``b`` built in.
        locale: its name there.
    """
    if locale in _C:
        return Collation("builtin", "C", exact=True)
    if provider == "b":
        return Collation("builtin", locale, exact=True)
    posix = locale if provider == "c" else re.sub("-u-.*|@.*", "", locale).replace("-", "_")
    language = posix.partition(".")[0]
    wanted = posix if provider == "c" and _is_utf8(posix) else f"{language}.UTF-8"
    if _folded(wanted) in _installed():
        return Collation("libc", wanted, exact=provider == "c")
    if _folded(_BY_CODE_POINT) in _installed():
        return Collation("libc", _BY_CODE_POINT, exact=False)
    return Collation("builtin", BUILTIN_LOCALE[1].partition("=")[2], exact=False)


def _is_utf8(locale: str) -> bool:
    return _folded(locale).partition(".")[2].startswith("utf8")


def _folded(locale: str) -> str:
    return locale.lower().replace("utf-8", "utf8")


@functools.cache
def _installed() -> frozenset[str]:
    try:
        done = subprocess.run(["locale", "-a"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(_folded(line) for line in done.stdout.decode(errors="replace").split())
