"""Findings, and the checks that yield them.

A check is one decorated generator function in a file of its own; the file is the registration:

* its positional parameters name the facts it needs (as pytest injects fixtures by name);
* its keyword-only parameters with defaults are its thresholds, which a profile may override;
* its docstring is its documentation: the first line says what is wrong, then come the paragraphs
  ``Why:``, ``Mistaken when:`` and ``Remedy:``;
* its body yields :class:`Finding` objects, and raises ``Unavailable`` at its end if it could see a
  part only. (A fact of which that is always true for everything has a property ``unseen``.)
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from dbtune.errors import Unavailable, UsageError

Evidence = int | float | str | bool | None


class Level(IntEnum):
    """How much a finding matters."""

    info = 1
    warning = 2
    critical = 3


class Confidence(StrEnum):
    """How sure a finding is of what it says."""

    measured = "measured"
    """Read from the server's own counters or from an execution."""
    estimated = "estimated"
    """The planner's or a model's estimate."""
    rule_of_thumb = "rule of thumb"
    """Experience; neither measured nor modelled here."""


class Remedy(NamedTuple):
    """What to do about a finding.

    Attributes:
        text: the action, one or two sentences.
        sql: statements that can be pasted, or "".
        config: configuration lines that can be pasted, or "".
        effect: what applying it costs: lock, restart, reload, writes; or "".
    """

    text: str
    sql: str = ""
    config: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth a person's time.

    Attributes:
        subject: the object it is about, without any measured number (part of the fingerprint).
        message: one sentence that contains the number that decided.
        evidence: the numbers behind it; the unit is part of each name.
        remedy: what to do.
        level: how much it matters; ``None`` takes the check's level.
        confidence: how sure it is; ``None`` takes the check's confidence.
        rule: the check's name, for example ``pg.n-plus-one``; filled in by :func:`run_checks`.
        title: what is wrong, in one line and without its numbers; filled in from the check's
            docstring.
        why: why it matters; filled in from the check's docstring.
        mistaken_when: when the finding is wrong; filled in from the check's docstring.
        verify: how to see whether the remedy helped; filled in from the check's docstring.
        file: the file that it is about (a plan, a log, SQL), or "" for a server's.
        line: the line in that file; 0 if there is none.
        serves: subjects of other findings that its remedy is for: the statements of an index.
    """

    subject: str
    message: str
    remedy: Remedy
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    level: Level | None = None
    confidence: Confidence | None = None
    rule: str = ""
    title: str = ""
    why: str = ""
    mistaken_when: str = ""
    verify: str = ""
    file: str = ""
    line: int = 0
    serves: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Identity of the finding for baselines: rule and subject, never a measured number."""
        import hashlib  # loads OpenSSL

        return hashlib.sha256(f"{self.rule}\0{self.subject}".encode()).hexdigest()[:16]


class Skipped(NamedTuple):
    """Something that could not be examined. Skipped is not clean.

    Attributes:
        what: a check's or a fact's name.
        reason: why, one sentence.
        remedy: the statement or setting that would make it possible, or "".
    """

    what: str
    reason: str
    remedy: str = ""


class Check(NamedTuple):
    """A check as its decorator made it; call it like the function that it wraps."""

    name: str
    level: Level
    confidence: Confidence
    function: Callable[..., Iterable[Finding]]
    tags: tuple[str, ...] = ()

    def __call__(self, *facts: object, **thresholds: object) -> list[Finding]:
        """Run the check on facts given in order; returns its findings with all fields filled in."""
        return list(self._findings(facts, thresholds))

    def attempt(
        self, facts: Sequence[object], thresholds: Mapping[str, object]
    ) -> tuple[list[Finding], Unavailable | None]:
        """As calling it; what was found, and what kept it from seeing the rest."""
        found: list[Finding] = []
        try:
            for finding in self._findings(facts, thresholds):
                found.append(finding)  # noqa: PERF402 # what came before the exception counts
        except Unavailable as missing:
            return found, missing
        hidden = (getattr(one, "unseen", None) for one in facts)
        return found, next((one for one in hidden if isinstance(one, Unavailable)), None)

    def _findings(
        self, facts: Sequence[object], thresholds: Mapping[str, object]
    ) -> Iterator[Finding]:
        documentation = self.documentation
        for finding in self.function(*facts, **thresholds):
            yield dataclasses.replace(
                finding,
                rule=self.name,
                level=finding.level or self.level,
                confidence=finding.confidence or self.confidence,
                title=finding.title or self.title,
                why=finding.why or documentation.get("Why", ""),
                mistaken_when=finding.mistaken_when or documentation.get("Mistaken when", ""),
                verify=finding.verify or documentation.get("Verify", ""),
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the facts that the check needs."""
        code = self.function.__code__
        return code.co_varnames[: code.co_argcount]

    @property
    def thresholds(self) -> dict[str, object]:
        """Names and defaults of the thresholds that a profile may override."""
        return dict(getattr(self.function, "__kwdefaults__", None) or {})

    @property
    def title(self) -> str:
        """What is wrong, in one line."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")

    @property
    def documentation(self) -> dict[str, str]:
        """The docstring's paragraphs ``Why``, ``Mistaken when``, ``Remedy``, and ``Verify``."""
        sections: dict[str, str] = {}
        for paragraph in re.split(r"\n\s*\n", inspect.getdoc(self.function) or ""):
            label, colon, text = paragraph.partition(":")
            if colon and label in ("Why", "Mistaken when", "Remedy", "Verify"):
                sections[label] = " ".join(text.split())
        return sections


def check(
    name: str,
    *,
    level: Level = Level.warning,
    confidence: Confidence = Confidence.measured,
    tags: tuple[str, ...] = (),
) -> Callable[[Callable[..., Iterable[Finding]]], Check]:
    """Make a generator function a check named ``<engine>.<what-is-wrong>``.

    Args:
        name: its name; it says what is wrong, not what to do.
        level: of its findings, unless one has a level of its own.
        confidence: likewise.
        tags: words that ``--only`` and ``--exclude`` take for it: ``vacuum``, ``replication`` ...
    """

    def decorate(function: Callable[..., Iterable[Finding]]) -> Check:
        return Check(name, level, confidence, function, tags)

    return decorate


def load_checks(package: str) -> list[Check]:
    """Import every module of a package of checks; returns the checks sorted by name."""
    import importlib
    import pkgutil

    found: dict[str, Check] = {}
    parent = importlib.import_module(package)
    for info in pkgutil.iter_modules(parent.__path__, package + "."):
        module = importlib.import_module(info.name)
        found |= {item.name: item for item in vars(module).values() if isinstance(item, Check)}
    return [found[name] for name in sorted(found)]


def run_checks(
    checks: Sequence[Check],
    facts: Mapping[str, object],
    thresholds: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> tuple[list[Finding], list[Skipped]]:
    """Run checks on facts.

    Args:
        checks: what to run.
        facts: facts by name; a value may be an :class:`~dbtune.errors.Unavailable`, which makes the
            checks that need it *skipped*.
        thresholds: overrides by check name, then by threshold name.

    Returns:
        Findings (worst first, then by rule and subject) and what was skipped.

    Raises:
        UsageError: an override names a threshold that its check does not have.
    """
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for one in checks:
        overrides = thresholds.get(one.name, {})
        for name, value in overrides.items():
            _validate_threshold(one, name, value)
        missing = next(_missing(one, facts), None)
        if missing is not None:
            skipped.append(Skipped(one.name, missing.reason, missing.remedy))
            continue
        found, missing = one.attempt([facts[name] for name in one.needs], overrides)
        findings += found
        if missing is not None:
            skipped.append(Skipped(one.name, missing.reason, missing.remedy))
    return sort_findings(findings), skipped


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Worst first; ties by rule and subject, so that equal input gives equal output."""
    return sorted(findings, key=lambda f: (-(f.level or 0), f.rule, f.subject))


def without_served(findings: Sequence[Finding], rules: Collection[str]) -> list[Finding]:
    """Findings without those of some rules on what another finding's remedy is for."""
    served = {subject for one in findings for subject in one.serves}
    return [one for one in findings if one.rule not in rules or one.subject not in served]


def _missing(one: Check, facts: Mapping[str, object]) -> Iterator[Unavailable]:
    for name in one.needs:
        value = facts.get(name)
        if isinstance(value, Unavailable):
            yield value
        elif value is None:
            yield Unavailable(f"{name.replace('_', ' ')} not read")


def _validate_threshold(one: Check, name: str, value: object) -> None:
    if name not in one.thresholds:
        known = ", ".join(one.thresholds) or "none"
        raise UsageError(f"{one.name} has no threshold {name!r}; it has: {known}")
    default = one.thresholds[name]
    number = isinstance(default, int | float) and not isinstance(default, bool)
    if number and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise UsageError(f"threshold {name} of {one.name} must be a number, not {value!r}")
