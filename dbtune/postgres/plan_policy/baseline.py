"""The baseline: a folder with the plans of before, in files of the same names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from dbtune.errors import Unavailable, UsageError
from dbtune.postgres.explain.report import Given
from dbtune.postgres.plans.model import Plan
from dbtune.text import plain, plural

WRITE = "dbtune explain check ... --write-baseline DIR"
_LARGEST_BYTES = 16_000_000

Reader = Callable[[str], Sequence[Given]]


def baselines(given: Sequence[Given], folder: Path, read: Reader) -> list[Plan | Unavailable]:
    """The plan of before for each plan.

    Plans of one file are told apart by query id or statement, else by their order, if both files
    have as many.

    Args:
        given: the plans that are checked.
        folder: the baseline.
        read: reads the plans of a file.
    """
    of_file: dict[str, list[Given]] = {}
    for one in given:
        of_file.setdefault(one.file, []).append(one)
    before: dict[str, Sequence[Given] | Unavailable] = {
        name: _read(name, folder, read) for name in of_file
    }
    found: list[Plan | Unavailable] = []
    passed = dict.fromkeys(of_file, 0)
    for one in given:
        count = len(of_file[one.file])
        found.append(_match(one.plan, passed[one.file], count, before[one.file]))
        passed[one.file] += 1
    return found


def copies(names: Sequence[str]) -> dict[str, bytes]:
    """What a baseline of plan files holds, by the names that they have there.

    Raises:
        UsageError: two files have the same name, or one is no file or too large.
    """
    found: dict[str, bytes] = {}
    for name in names:
        path = Path(name)
        if path.name in found:
            raise UsageError(f"two files are called {plain(path.name)}: a baseline needs one each")
        if not path.is_file():
            raise UsageError("--write-baseline needs plans in files, which give it their names")
        if path.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"{plain(name)} is too large for a baseline; keep single plans there")
        found[path.name] = path.read_bytes()
    return found


def _read(name: str, folder: Path, read: Reader) -> Sequence[Given] | Unavailable:
    path = folder / PurePath(name).name
    if not name or not path.is_file():
        shown = plain(PurePath(name).name) if name else "standard input"
        return Unavailable(f"the baseline {plain(str(folder))} has no plan for {shown}", WRITE)
    return read(str(path))


def _match(
    plan: Plan, at: int, count: int, before: Sequence[Given] | Unavailable
) -> Plan | Unavailable:
    """The plan of before for the plan at a place among so many of its file."""
    if isinstance(before, Unavailable):
        return before
    for key in (plan.query_id, plan.query):
        same = [old.plan for old in before if key and key in (old.plan.query_id, old.plan.query)]
        if same:
            return same[0]
    if len(before) == count:
        return before[at].plan
    return Unavailable(
        f"the baseline has {plural(len(before), 'plan')} of this file, not {count}, and none "
        "of the same statement",
        WRITE,
    )
