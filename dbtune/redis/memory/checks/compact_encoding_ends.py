"""redis.compact-encoding-ends"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbtune.finding import Finding, Level, Remedy, check
from dbtune.redis.memory.encodings import Encoded
from dbtune.text import count_text, plain, ratio_text, shorten


@check("redis.compact-encoding-ends", level=Level.info, tags=("memory",))
def compact_encoding_ends(
    encodings: Sequence[Encoded],
    *,
    min_keys: int = 50,
    near_ratio: float = 0.8,
    min_near_ratio: float = 0.05,
    min_converted_ratio: float = 0.02,
    max_converted_ratio: float = 0.9,
) -> Iterator[Finding]:
    """Collections of a pattern are about to lose their compact encoding, or some have lost it.

    Why: A small hash, set or sorted set is kept in one piece (listpack, intset). Beyond a number of
    elements, or with one element that is too long, it is converted for good, and takes several
    times the memory.

    Mistaken when: The collections do not grow any more, or there are few of them.

    Remedy: Keep them below the limit (split by a part of the field, drop old ones), or raise the
    limit: compact ones are searched from the start, so that a few hundred elements are a sensible
    end.
    """
    for one in encodings:
        seen = one.compact + one.converted
        if seen < min_keys or not one.compact:
            continue
        limit = one.limit or 0
        near = sum(length >= near_ratio * limit for length in one.lengths) if limit else 0
        near_share = near / seen
        lost = one.converted / seen
        crossing = min_converted_ratio <= lost <= max_converted_ratio
        if near_share < min_near_ratio and not crossing:
            continue
        parts = []
        if crossing:
            parts.append(f"{ratio_text(lost)} are no longer {one.encoding}")
        if near_share >= min_near_ratio:
            parts.append(
                f"{ratio_text(near_share)} have at least {ratio_text(near_ratio)} of the "
                f"{count_text(limit)} elements that {one.setting} allows"
            )
        short = [length for length in one.converted_lengths if limit and length <= limit]
        by_size = bool(short) and len(short) == len(one.converted_lengths)
        if crossing and by_size:
            parts.append("they are short: a long element did it (…-value)")
        growth = one.growth
        if growth and growth > 1.1:
            parts.append(f"converted, an element takes {growth:.1f} times the memory")
        yield Finding(
            subject=f"{one.type} {shorten(plain(one.pattern), 200)}",
            message="; ".join(parts),
            evidence={
                "keys_seen": seen,
                "compact": one.compact,
                "converted": one.converted,
                "limit": one.limit,
                "longest_compact": max(one.lengths, default=None),
                "times_the_memory": growth,
            },
            remedy=Remedy(
                "Keep them below the limit, or raise it after a look at the longest ones (a few "
                "hundred at most).",
                config="" if by_size or not limit else f"{one.setting} {2 * limit}",
                effect="CONFIG SET takes effect at once, for collections that are written anew; "
                "those that were converted stay so.",
            ),
        )
