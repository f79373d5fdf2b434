"""Findings that are known already: those of a baseline, and those that somebody accepted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from dbtune.accepted import Accepted
from dbtune.errors import UsageError
from dbtune.finding import Finding
from dbtune.text import plain

SCHEMA = "dbtune.baseline/1"


@dataclass(frozen=True, slots=True)
class Sorted:
    """Findings apart from what is known.

    Attributes:
        new: what is to be shown.
        accepted: what was accepted, with the reason.
        baseline: what the baseline has.
        expired: acceptances that are over although their finding is still there.
        gone: how many of the baseline's findings are no more.
    """

    new: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, str], ...]
    baseline: tuple[Finding, ...]
    expired: tuple[Accepted, ...]
    gone: int


def sort_out(
    findings: Iterable[Finding],
    accepted: Sequence[Accepted],
    baseline: Mapping[str, str],
    today: date,
    *,
    prefix: str = "",
) -> Sorted:
    """Tell new findings from known ones.

    Args:
        findings: all of them.
        accepted: what somebody lives with.
        baseline: fingerprints and what they stand for.
        today: the day that decides on what is expired.
        prefix: what stands before each subject; acceptances do not have it.
    """
    new, known, old = [], [], []
    expired: dict[Accepted, None] = {}
    fingerprints = set()
    for finding in findings:
        fingerprints.add(finding.fingerprint)
        bare = replace(finding, subject=finding.subject.removeprefix(prefix))
        covering = [one for one in accepted if one.covers(bare)]
        valid = [one for one in covering if one.until is None or one.until >= today]
        if finding.fingerprint in baseline:
            old.append(finding)
        elif valid:
            known.append((finding, valid[0].reason))
        else:
            expired |= dict.fromkeys(covering)
            new.append(finding)
    gone = sum(one not in fingerprints for one in baseline)
    return Sorted(tuple(new), tuple(known), tuple(old), tuple(expired), gone)


def baseline_text(findings: Iterable[Finding]) -> str:
    """The file of a baseline: a fingerprint a line, so that its changes can be reviewed."""
    entries = {f.fingerprint: f"{f.rule}: {plain(f.subject)}" for f in findings}
    ordered = sorted(entries.items(), key=lambda item: (item[1], item[0]))
    return json.dumps({"schema": SCHEMA, "findings": dict(ordered)}, indent=2, ensure_ascii=False)


def read_baseline(path: Path) -> dict[str, str]:
    """Fingerprints and what they stand for.

    Raises:
        UsageError: the file can't be read or is no baseline.
    """
    name = plain(str(path))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--baseline {name} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--baseline {name} is not JSON; --write-baseline writes one") from None
    found = document.get("findings") if isinstance(document, dict) else None
    if not isinstance(found, dict) or document.get("schema") != SCHEMA:
        raise UsageError(f"--baseline {name} is no baseline; --write-baseline writes one")
    return {str(key): str(value) for key, value in found.items()}
