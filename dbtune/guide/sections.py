"""The parts of a target's chapter: what each command has to say, laid out for a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from dbtune.compare.verdict import number
from dbtune.guide.limits import limit_of
from dbtune.guide.material import Material, Metrics
from dbtune.guide.model import (
    Bar,
    Bars,
    Block,
    Code,
    Grid,
    Lines,
    Section,
    Span,
    Spread,
    Text,
    Tile,
    Tiles,
)
from dbtune.profile import Engine
from dbtune.report import Column, Report, Row, Table
from dbtune.text import bytes_text, capital, count_text, ms_text, plain, plural, ratio_text, shorten

MEASURES = Table(
    "measures",
    "Numbers of the whole server",
    (
        Column("title", "number", "text", "What it is."),
        Column("always", "in the long run", "text", "Since statistics began, with its unit."),
        Column("observed", "observed", "text", "While it was observed."),
        Column("limit", "would be worse from", "text", "From here dbtune compare calls it worse."),
    ),
    empty="nothing was counted",
)
_SETTING = ("setting", "old_value", "value", "apply", "formula", "reason")
_LABEL = 110
_SPREAD = 10
_BARS = 10


def chapter(material: Material) -> Section:
    """All that is to be said of a target by itself."""
    known = {key: material.target.get(key) for key in ("database", "role", "address")}
    about = [f"{key} {value}" for key, value in known.items() if value not in (None, "")]
    title = f"{material.name}: {material.server}"
    blocks: list[Block] = [Text(" · ".join(about))] if about else []
    if material.notes:
        blocks.append(Lines(material.notes))
    parts = (_metrics(material), *(one for one in _parts(material) if one))
    return Section(title, tuple(blocks), parts)


def _parts(material: Material) -> Iterator[Section | None]:
    for command, title, lay_out in (
        ("slow-queries", "Where the time goes", _statements),
        ("suggest-indexes", "Indexes", _indexes),
        ("bloat", "Space", _space),
        ("pool-size", "Connection pools", _pool),
        ("gen-config", "Configuration", _configuration),
    ):
        yield _part(material, command, title, lay_out)


def _part(
    material: Material, command: str, title: str, lay_out: Callable[[Material], Iterator[Block]]
) -> Section | None:
    made = material.reports.get(command)
    if made is None:
        why = next((one for one in material.skipped if one.what == command), None)
        return Section(title, (Text(f"Not examined: {why.reason}", "note"),)) if why else None
    # That it is of a snapshot stands above, once.
    notes = tuple(one for one in made.notes if not one.startswith(material.notes or ("\n",)))
    blocks = [*lay_out(material), *((Lines(notes),) if notes else ())]
    return Section(title, tuple(blocks))


# ---------------------------------------------------------------------------------------- metrics


def _metrics(material: Material) -> Section:
    found = material.metrics
    if found is None:
        return Section("Now", (Text("Nothing could be read.", "note"),))
    rows: list[Row] = [
        {
            "title": one.title,
            "always": number(one, one.before) if one.before is not None else None,
            "observed": number(one, one.after)
            if found.observed and one.after is not None
            else None,
            "limit": limit_of(one) or None,
        }
        for one in found.measures
        if (one.before, one.after) != (None, None)
    ]
    blocks: list[Block] = [Tiles(tuple(_tiles(material))), Text(_periods(found), "note")]
    blocks.append(Grid(replace(MEASURES, rows=tuple(rows))))
    blocks += [Grid(table) for table in found.tables]
    return Section("Now", tuple(blocks))


def _periods(found: Metrics) -> str:
    seconds = found.always.seconds
    since = "an unknown time" if seconds is None else ms_text(seconds * 1000)
    text = f"In the long run: since statistics began, {since}"
    if found.observed is None or found.observed.seconds is None:
        return f"{text}."
    observed = ms_text(found.observed.seconds * 1000)
    return f"{text}. Observed: {observed}, with the few statements of dbtune itself."


def _tiles(material: Material) -> Iterator[Tile]:
    found = material.metrics
    assert found is not None
    for gauge in found.gauges:
        shown = bytes_text if gauge.kind == "bytes" else count_text
        note = f"of {shown(gauge.room)}, {ratio_text(gauge.ratio)}"
        yield Tile(gauge.title, shown(gauge.used), note, gauge.level)
    for one in found.measures:
        if one.name in _WORTH_A_TILE and one.before is not None:
            yield Tile(one.title, number(one, one.before), "in the long run")
        elif one.name in _WORTH_A_TILE and found.observed and one.after is not None:
            yield Tile(one.title, number(one, one.after), "observed")
    total = material.table("slow-queries", "summary")
    row = total.rows[0] if total else {}
    calls, ms = row.get("calls"), row.get("total_ms")
    if isinstance(calls, int) and isinstance(ms, int | float) and calls:
        what = f"mean time of a {'' if _counts_all(material) else 'recorded '}statement"
        yield Tile(what, ms_text(ms / calls), plural(calls, "call"))
    space = material.table("bloat", "summary")
    row = space.rows[0] if space else {}
    wasted, size = row.get("bloat_bytes"), row.get("size_bytes")
    if isinstance(wasted, int | float) and isinstance(size, int | float) and size:
        yield Tile("wasted space", bytes_text(wasted), f"of {bytes_text(size)} examined")


_WORTH_A_TILE = frozenset(
    "transactions_per_second cache_hit_ratio wal_bytes_per_second operations_per_second "
    "commands_per_second hit_ratio collection_scans_per_second evicted_keys_per_second".split()
)


# ------------------------------------------------------------------------------------- statements


def _statements(material: Material) -> Iterator[Block]:
    table = material.table("slow-queries", "statements")
    summary = material.table("slow-queries", "summary")
    if table is None:
        yield Text(_empty(material, "slow-queries", "statements"))
        return
    bars = [Bar(_label(row), _number(row, "share_ratio"), _time(row)) for row in table.rows[:_BARS]]
    whole = "time of all statements" if _counts_all(material) else "time that was recorded"
    yield Bars(f"Share of the {whole}", tuple(bars), table)
    spans = [span for row in table.rows[:_SPREAD] if (span := _span(row))]
    if spans:
        yield Spread("How long one execution takes", tuple(spans))
    if summary:
        yield Grid(summary, "What these numbers stand for")
    yield from _logged(material)


def _counts_all(material: Material) -> bool:
    """Whether every statement is counted, or only those that a profiler or a slow log has."""
    return material.engine is Engine.postgresql


def _logged(material: Material) -> Iterator[Block]:
    """What a log tells beside statements: errors, waits for locks, temporary files, ..."""
    known = ("statements", "summary")
    for table in material.reports["slow-queries"].tables:
        if table.name == "hours" and table.rows:
            longest = max(_number(row, "share_ratio") for row in table.rows) or 1.0
            bars = [
                Bar(plain(str(row["hour"])), _number(row, "share_ratio") / longest, _time(row))
                for row in table.rows
            ]
            yield Bars(f"{table.title}: share of the time", tuple(bars), table)
        elif table.rows and table.name not in known:
            yield Grid(table, table.title)


def _label(row: Row) -> str:
    return shorten(plain(str(row["statement"])), _LABEL)


def _time(row: Row) -> str:
    calls = plural(round(_number(row, "calls")), "call")
    return f"{ratio_text(_number(row, 'share_ratio'))} · {calls}"


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _span(row: Row) -> Span | None:
    low, high, mean = (row.get(name) for name in ("min_ms", "max_ms", "mean_ms"))
    if not (isinstance(high, int | float) and isinstance(mean, int | float) and high > 0):
        return None
    low = low if isinstance(low, int | float) else mean
    deviation = row.get("stddev_ms")
    inner = None
    if isinstance(p95 := row.get("p95_ms"), int | float):
        inner = (low, min(p95, high))
    elif isinstance(deviation, int | float):
        inner = (max(low, mean - deviation), min(high, mean + deviation))
    counts = row.get("histogram")
    known = counts.items() if isinstance(counts, dict) else ()
    return Span(_label(row), low, high, mean, inner, tuple((str(k), int(v)) for k, v in known))


# ---------------------------------------------------------------------------------------- indexes


def _indexes(material: Material) -> Iterator[Block]:
    new = material.table("suggest-indexes", "suggestions")
    if new is None:
        yield Text("No new index is advised.")
    else:
        yield Grid(replace(new, title="Indexes to make"))
        yield from _before_and_after(material)
    for name in ("existing_indexes", "indexes"):
        if table := material.table("suggest-indexes", name):
            yield Grid(table)
    for name in ("statements", "queries"):
        if table := material.table("suggest-indexes", name):
            yield Grid(table, f"{table.title}: cost before and after")
    if table := material.table("suggest-indexes", "summary"):
        yield Grid(table, "How they were found")


def _before_and_after(material: Material) -> Iterator[Block]:
    """Cost of the statements that gain: of the planner, or documents looked at."""
    for name, before, after, labels, title in (
        ("statements", "before_cost", "after_cost", ("statement",), "Planner's cost of a call"),
        ("suggestions", "before_docs", "after_docs", ("namespace", "keys"), "Documents of a call"),
    ):
        table = material.table("suggest-indexes", name)
        rows = [row for row in table.rows[:_BARS] if row.get(before)] if table else []
        if not rows:
            continue
        bars = [
            Bar(
                shorten(plain(" ".join(str(row[one]) for one in labels)), _LABEL),
                _number(row, after) / _number(row, before),
                f"{count_text(_number(row, before))} → {count_text(_number(row, after))}",
                1.0,
            )
            for row in rows
        ]
        yield Bars(f"{title}, with the new indexes beside now", tuple(bars))
        return


# ------------------------------------------------------------------------- space, pools, settings


def _space(material: Material) -> Iterator[Block]:
    made = material.reports["bloat"]
    folded = {"relations", "types", "indexes", "largest"}
    total = material.table("bloat", "summary")
    if total and total.rows[0].get("examined") == 0:
        small = bytes_text(_number(total.rows[0], "small_bytes"))
        yield Text(f"Nothing is large enough to be examined: {small} in all.")
        return
    for table in _ordered(made, ("summary", "memory", "tables", "remedies")):
        yield Grid(table, table.title if table.name in folded else "")


def _pool(material: Material) -> Iterator[Block]:
    made = material.reports["pool-size"]
    shown = ("recommendation", "measured", "derivation")
    for table in _ordered(made, (*shown, "inputs")):
        yield Grid(table, "" if table.name in shown else table.title)


def _configuration(material: Material) -> Iterator[Block]:
    made = material.reports["gen-config"]
    for table in made.tables:
        if table.name in ("changes", "server_settings"):
            by_name = {one.name: one._replace(rank=0) for one in table.columns}
            by_name["value"] = by_name["value"]._replace(title="after")
            columns = tuple(by_name[name] for name in _SETTING if name in by_name)
            yield Grid(replace(table, title="What should change, and why", columns=columns))
        elif table.rows:
            yield Grid(table, table.title)
    for one in made.artifacts:
        yield Code(one, f"The changes as a script: {one.filename}")


def _ordered(made: Report, first: Sequence[str]) -> Iterator[Table]:
    """Tables with rows, some of them first."""
    known = {table.name: table for table in made.tables if table.rows}
    yield from (known[name] for name in first if name in known)
    yield from (table for name, table in known.items() if name not in first)


def _empty(material: Material, command: str, name: str) -> str:
    made = material.reports[command]
    text = next((one.empty for one in made.tables if one.name == name), "nothing to show")
    return capital(text) + "."
