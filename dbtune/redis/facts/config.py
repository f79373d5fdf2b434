"""Settings that checks look at; never the passwords, which CONFIG GET would tell as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbtune.facts import fact
from dbtune.redis.session import Session

_PATTERNS = (
    "maxmemory*", "maxclients", "appendonly", "appendfsync", "save", "timeout", "tcp-keepalive",
    "latency-monitor-threshold", "slowlog-*", "lazyfree-*", "activedefrag", "bind",
    "protected-mode", "client-output-buffer-limit", "repl-backlog-size", "min-replicas-*",
    "no-appendfsync-on-rewrite", "stop-writes-on-bgsave-error", "io-threads", "tls-port",
    "replica-lazy-flush",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Settings by name, as CONFIG GET writes them.

    Attributes:
        values: by name.
        with_password: whether this session logged in with one.
    """

    values: Mapping[str, str]
    with_password: bool = True

    def text(self, name: str) -> str:
        """A setting, or "" if this version has none of that name."""
        return self.values.get(name, "")

    def number(self, name: str) -> float | None:
        """A setting's number."""
        try:
            return float(self.values[name])
        except (KeyError, ValueError):
            return None


@fact("config")
def config(session: Session) -> Config:
    """Least privilege: +config|get; managed services forbid it."""
    found: dict[str, str] = {}
    for pattern in _PATTERNS:
        found |= session.config(pattern)
    profile = session.profile
    return Config(found, profile.has_password or bool(session.user not in ("", "default")))
