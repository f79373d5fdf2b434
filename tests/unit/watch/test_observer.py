"""What is told of snapshots one after the other: each thing once, and when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dbtune.facts import Snapshot, read
from dbtune.finding import Level
from dbtune.watch.observer import Observer
from dbtune.watch.store import Event

FILES = Path(__file__).parents[3] / "examples" / "compare"
START, DEPLOY, END = (read(FILES / f"{name}.json.gz") for name in ("start", "deploy", "end"))


def later(snapshot: Snapshot, minutes: float) -> Snapshot:
    return replace(snapshot, collected_at=snapshot.collected_at + timedelta(minutes=minutes))


def kinds(events: list[Event]) -> list[tuple[str, str]]:
    return [(one.type, one.rule or one.message.split(":")[0]) for one in events]


def test_a_regression_is_told_once_and_stays_while_nothing_shows_otherwise() -> None:
    observer = Observer()
    assert not [one for one in observer.see(START) if one.type != "note"]
    assert not [one for one in observer.see(DEPLOY) if one.type == "regression"]
    told = kinds(observer.see(END))
    assert ("regression", "compare.statement-reads-more") in told
    assert ("regression", "compare.index-gone") in told
    assert ("change", "setting work_mem") in told
    assert ("change", "index public.orders_customer is gone") in told
    # Load alone can make these: they are told when they are there twice.
    assert "compare.workload-slower" not in {rule for _, rule in told}
    # Nothing ran: that shows nothing, and the regression is not over.
    assert observer.see(later(END, 1)) == []
    assert {one.rule for one in observer.active.values()} >= {"compare.statement-reads-more"}


def test_facts_that_were_not_read_are_as_they_were() -> None:
    observer = Observer()
    observer.see(START)
    observer.see(DEPLOY)
    some = {name: END.facts[name] for name in ("server", "statements", "statements_setup")}
    told = kinds(observer.see(replace(END, facts=some)))
    assert ("regression", "compare.statement-reads-more") in told
    assert not [one for one in told if one[0] == "change"]


def test_a_clock_that_goes_back_begins_anew() -> None:
    observer = Observer()
    for one in (START, DEPLOY, END):
        observer.see(one)
    told = observer.see(later(END, -90))
    assert [one.type for one in told] == ["note"]
    assert "the target's clock went back by 90 min" in told[0].message
    assert not [one for one in observer.active.values() if one.rule.startswith("compare.")]
    assert observer.see(later(END, -89)) == []  # and goes on from there


def test_levels_below_the_one_asked_for_are_not_told() -> None:
    observer = Observer(Level.critical)
    observer.see(START)
    observer.see(DEPLOY)
    told = [one for one in observer.see(END) if one.type == "regression"]
    assert {one.level for one in told} == {"critical"}


def test_after_an_hour_it_is_the_new_normal() -> None:
    observer = Observer()
    for one in (START, DEPLOY, END):
        observer.see(one)
    for minutes in range(10, 100, 10):
        observer.see(later(END, minutes))
    assert not [one for one in observer.active.values() if one.rule.startswith("compare.")]
