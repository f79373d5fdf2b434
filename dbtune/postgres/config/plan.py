"""All rules put together: what each setting will be, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dbtune.postgres.config.guc import Guc, Value, gucs
from dbtune.postgres.config.inputs import Inputs
from dbtune.postgres.config.measured import Measured
from dbtune.postgres.config.rule import Advice, Rule, rules
from dbtune.postgres.config.running import Current, Running


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one setting.

    Attributes:
        guc: the setting in this version.
        rule: what decided, or ``None`` when no rule has an opinion.
        advice: what the rule advised, rounded to the setting's unit.
        current: what the target has; ``None`` without a target.
        value: what it will be.
    """

    guc: Guc
    rule: Rule | None
    advice: Advice | None
    current: Current | None
    value: Value

    @property
    def name(self) -> str:
        """The setting's name."""
        return self.guc.name

    @property
    def old(self) -> Value:
        """What it is without this configuration."""
        return self.guc.default if self.current is None else self.current.value

    @property
    def changes(self) -> bool:
        """Whether the configuration needs a line for it."""
        forced = self.current is None and self.rule is not None and self.rule.always
        return self.advice is not None and (forced or self.value != self.old)

    @property
    def kept(self) -> bool:
        """Whether the target has something else than advised that is good enough."""
        return self.advice is not None and self.value != self.advice.value


_OF_THE_SERVICE = frozenset({"fsync", "full_page_writes", "huge_pages", "log_line_prefix"})
"""What no managed service lets one set."""
_OF_THE_STORAGE = frozenset(
    {
        *("shared_buffers", "effective_cache_size", "effective_io_concurrency"),
        *("max_wal_size", "min_wal_size", "checkpoint_timeout", "wal_compression", "wal_buffers"),
        *("maintenance_io_concurrency", "checkpoint_completion_target"),
    }
)
"""What means something else, or nothing, where a storage service takes the log and keeps the
blocks: there is no page cache of the system to share memory with."""
_STORAGE_SERVICES = frozenset({"aurora", "neon"})


class Plan:
    """A configuration in the making; settings are decided when they are first asked for.

    Attributes:
        inputs: what it is made from.
        server: the target's configuration, or ``None``.
        measured: what its counters say; nothing without a target.
    """

    def __init__(
        self, inputs: Inputs, server: Running | None = None, measured: Measured | None = None
    ) -> None:
        self.inputs = inputs
        self.server = server
        self.measured = measured or Measured()
        self._gucs = gucs(inputs.version)
        self._decided: dict[str, Decision] = {}

    def has(self, name: str) -> bool:
        """Whether this version knows the setting."""
        return name in self._gucs

    def guc(self, name: str) -> Guc:
        """The setting's unit, range and default in this version."""
        return self._gucs[name]

    def value(self, name: str) -> Value:
        """What a setting will be."""
        return self.decide(name).value

    def number(self, name: str) -> float:
        """What a numeric setting will be: bytes, milliseconds or a count."""
        value = self.value(name)
        assert not isinstance(value, str), f"{name} is no number"
        return value

    def count(self, name: str) -> int:
        """What a whole-numbered setting will be."""
        return int(self.number(name))

    def current(self, name: str) -> Current | None:
        """What the target has."""
        return self.server.settings.get(name) if self.server else None

    def enums(self, name: str) -> tuple[str, ...]:
        """Words that the target's build takes; without a target, those that every build takes."""
        current = self.current(name)
        return current.enums if current else self.guc(name).enums

    def decide(self, name: str) -> Decision:
        """What becomes of a setting, and why."""
        if name not in self._decided:
            self._decided[name] = self._decide(name)
        return self._decided[name]

    @property
    def decisions(self) -> list[Decision]:
        """What becomes of every setting that has a rule and exists in this version."""
        return [self.decide(name) for name in rules() if self.has(name)]

    @property
    def changes(self) -> list[Decision]:
        """The settings that the configuration has lines for, in the order of the file."""
        return [one for one in self.decisions if one.changes]

    def _decide(self, name: str) -> Decision:
        guc, rule, current = self.guc(name), rules().get(name), self.current(name)
        advice = rule.function(self) if rule and not self._out_of_reach(name) else None
        old = current.value if current else guc.default
        if advice is None or rule is None:
            return Decision(guc, rule, None, current, old)
        advice = replace(advice, value=guc.fit(advice.value))
        good = current is not None and rule.keep(old, advice.value)
        return Decision(guc, rule, advice, current, old if good else advice.value)

    def _out_of_reach(self, name: str) -> bool:
        """Whether the target hides a setting from this role, or a managed service owns it."""
        server = self.server
        if server is None:
            return False
        owned = name in _OF_THE_SERVICE and server.provider != ""
        stored = name in _OF_THE_STORAGE and server.provider in _STORAGE_SERVICES
        return owned or stored or name not in server.settings
