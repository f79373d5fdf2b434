"""Charts as inline SVG; every number that is drawn stands beside it as text.

Widths are per cent, so that they follow the window without any script. The page's policy forbids
style attributes, so looks are classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from dbtune.guide.model import Bar, Curve, Span, Tile
from dbtune.render.html.markup import bar, text
from dbtune.text import ms_text, significant

_WIDTH, _HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 26, 34
_LEAST_MS = 1e-4
_MOST_DECADES = 6
"""Of more, an axis has a label for every other one only."""


def tiles(found: Sequence[Tile]) -> Iterator[str]:
    """Numbers side by side."""
    yield '<ul class="tiles">'
    for one in found:
        level = f" {one.level}" if one.level in ("warning", "critical") else ""
        sign = f" <small>{one.level}</small>" if level else ""
        note = f"<small>{text(one.note)}</small>" if one.note else ""
        yield f'<li class="tile{level}"><span>{text(one.label)}{sign}</span>'
        yield f"<strong>{text(one.value)}</strong>{note}</li>"
    yield "</ul>"


def bars(found: Sequence[Bar]) -> Iterator[str]:
    """Bars one below the other."""
    yield '<ol class="bars">'
    for one in found:
        drawn = bar(one.share) if one.before is None else _beside(one.share, one.before)
        yield f"<li><code>{text(one.label)}</code><span>{drawn} {text(one.text)}</span></li>"
    yield "</ol>"


def _beside(after: float, before: float) -> str:
    """A bar before one in front of it."""
    widths = [max(0.0, min(1.0, share)) * 100 for share in (before, after)]
    return (
        '<svg class="bar" aria-hidden="true"><rect class="all" width="100%" height="100%"/>'
        f'<rect class="before" width="{widths[0]:.1f}%" height="100%"/>'
        f'<rect class="after" width="{widths[1]:.1f}%" height="100%"/></svg>'
    )


# ------------------------------------------------------------------------------------- durations


def spread(found: Sequence[Span]) -> Iterator[str]:
    """From the fastest to the slowest, on one logarithmic axis of times."""
    low = math.floor(math.log10(max(_LEAST_MS, min(one.low or _LEAST_MS for one in found))))
    high = math.ceil(math.log10(max(_LEAST_MS * 10, *(one.high for one in found))))
    high = max(high, low + 1)

    def at(ms: float) -> float:
        place = (math.log10(max(ms, 10.0**low)) - low) / (high - low)
        return max(0.0, min(1.0, place)) * 100

    yield '<ol class="spread">'
    for one in found:
        yield f"<li><code>{text(one.label)}</code><span>"
        yield '<svg class="span" aria-hidden="true">'
        yield _rect("all", 0, 100)
        yield _rect("range", at(one.low), at(one.high))
        if one.inner:
            yield _rect("inner", at(one.inner[0]), at(one.inner[1]))
        yield f'<rect class="middle" x="{at(one.middle):.2f}%" width="2" height="100%"/></svg>'
        yield f" {text(one.told)}{_counts(one)}</span></li>"
    yield "</ol>"
    yield '<div class="axis" aria-hidden="true"><span></span><svg>'
    for power in range(low, high + 1):
        place = at(10.0**power)
        side = "start" if power == low else "end" if power == high else "middle"
        between = (high - power) % 2 == 1
        if between and high - low > _MOST_DECADES:
            continue
        odd = ' class="odd"' if between else ""
        label = ms_text(10.0**power)
        yield f'<text x="{place:.2f}%" y="12" text-anchor="{side}"{odd}>{label}</text>'
    yield "</svg></div>"
    yield '<p class="note">Thin: fastest to slowest. Thick: mean ± standard deviation, or up to '
    yield "p95. Mark: mean. The axis is logarithmic.</p>"


def _rect(look: str, start: float, end: float) -> str:
    width = max(0.3, end - start)
    inset = {"range": 'y="40%" height="20%"'}.get(look, 'height="100%"')
    return f'<rect class="{look}" x="{start:.2f}%" width="{width:.2f}%" {inset}/>'


def _counts(one: Span) -> str:
    """A histogram as small columns, with what they are of."""
    if not one.counts:
        return ""
    most = max(count for _, count in one.counts)
    step = 100 / len(one.counts)
    columns = "".join(
        f'<rect x="{place * step:.1f}%" width="{step * 0.8:.1f}%" '
        f'y="{100 * (1 - count / most):.1f}%" height="{100 * count / most:.1f}%"/>'
        for place, (_, count) in enumerate(one.counts)
    )
    told = ", ".join(f"{name}: {count:,}" for name, count in one.counts)
    return f' <svg class="histogram" aria-hidden="true">{columns}</svg> <small>{text(told)}</small>'


# ---------------------------------------------------------------------------------------- curves


def curves(axis: str, found: Sequence[Curve], chosen: float | None) -> Iterator[str]:
    """A small chart for each quantity, all over the same axis."""
    yield '<div class="curves">'
    for one in found:
        yield _curve(axis, one, chosen)
    yield "</div>"


def _curve(axis: str, curve: Curve, chosen: float | None) -> str:
    xs = [x for x, _ in curve.points]
    top = max([y for _, y in curve.points] + list(curve.high)) or 1.0
    logarithmic = min(xs) > 0 and max(xs) / min(xs) > 20

    def across(x: float) -> float:
        low, high, here = ((math.log(one) for one in (min(xs), max(xs), x)) if logarithmic
                           else (min(xs), max(xs), x))  # fmt: skip
        share = (here - low) / (high - low) if high > low else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in curve.points)
    told = "; ".join(f"{significant(x)}: {significant(y)}" for x, y in curve.points)
    parts = [
        f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{text(f"{curve.title} by {axis}: {told}")}">',
        f'<text class="name" x="{_LEFT}" y="15">{text(curve.title)}</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        y = up(top * share)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_short(top * share)}</text>'
        )
    if curve.low:
        edge = [*zip(xs, curve.low, strict=True), *reversed(list(zip(xs, curve.high, strict=True)))]
        around = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in edge)
        parts.append(f'<polygon points="{around}"/>')
    if chosen is not None:
        x = across(chosen)
        parts.append(
            f'<line class="chosen" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        )
    parts.append(f'<polyline points="{line}"/>')
    parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.5"/>' for x, y in curve.points]
    last = -math.inf
    for x in xs:
        if across(x) - last >= 26:
            last = across(x)
            parts.append(
                f'<text x="{last:.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{_short(x)}</text>'
            )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">{text(axis)}</text>')
    return "".join([*parts, "</svg>"])


def _short(number: float) -> str:
    """A number on an axis: ``1.5k``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"
