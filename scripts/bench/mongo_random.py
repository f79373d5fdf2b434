"""Random query shapes on skewed, correlated, sparse and array data: used by ``mongo-indexes``."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from mongo_judged import Keys, Made, Shape, orders


@dataclass
class Drawn:
    """A query shape that was drawn, and what indexes exist for it."""

    kind: str
    filter: dict[str, Any]
    sort: list[tuple[str, int]] = field(default_factory=list)
    limit: int = 0
    projection: dict[str, int] | None = None
    operation: str = "find"
    key: str = ""
    collection: str = "big"
    existing: list[Keys] = field(default_factory=list)


# ------------------------------------------------------------------------------------------- data


def zipf(rng: random.Random, many: int, skew: float) -> list[int]:
    weights = [1 / (n + 1) ** skew for n in range(many)]
    return rng.choices(range(many), weights, k=200_000)


def documents(rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Documents whose fields differ in number of values, skew, order and presence."""
    pools = {
        name: zipf(rng, many, skew)
        for name, many, skew in (
            ("flag", 2, rng.choice([1.0, 3.0])),
            ("status", 5, rng.choice([0.5, 1.5, 2.5])),
            ("region", 20, rng.choice([0.0, 1.0])),
            ("store", 300, rng.choice([0.0, 0.8, 1.2])),
            ("customer", 8000, rng.choice([0.0, 0.7])),
        )
    }
    for n in range(count):
        at = {name: pool[rng.randrange(len(pool))] for name, pool in pools.items()}
        recent = n > 0.97 * count
        yield {
            "_id": n,
            **at,
            "email": f"u{rng.randrange(10**9)}@x.org",
            "created": n * 10 + rng.randrange(30),
            "amount": round(rng.lognormvariate(4, 1.2), 2),
            "score": rng.random(),
            "age": int(rng.triangular(18, 90, 30)),
            "state": ("open" if recent and rng.random() < 0.6 else "closed"),
            "name": rng.choice("ABCDEFGH") + "".join(rng.choices("abcdef", k=5)),
            "tags": rng.sample(range(40), rng.randrange(0, 5)),
            "items": [
                {"sku": rng.randrange(500), "qty": rng.randrange(1, 20)}
                for _ in range(rng.randrange(0, 4))
            ],
            "geo": {"city": at["region"] * 7 + rng.randrange(7), "zip": rng.randrange(3000)},
            **({"ref": rng.randrange(1000)} if rng.random() < 0.02 else {}),
            **({"gone": None} if rng.random() < 0.98 else {"gone": n}),
            "pad": "x" * rng.randrange(100, 350),
        }


EQUAL = ["flag", "status", "region", "store", "customer", "email", "state", "geo.city", "geo.zip"]
RANGE = ["created", "amount", "score", "age", "geo.zip"]
SORT = ["created", "amount", "score", "age", "store"]


def value(rng: random.Random, docs: Sequence[dict[str, Any]], path: str) -> Any:
    """A value of a field: as frequent as it is, or any of its values."""
    pick = [at(rng.choice(docs), path) for _ in range(30)]
    return rng.choice(pick) if rng.random() < 0.6 else rng.choice(sorted(set(pick)))


def at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document[step]
    return document


def ranged(rng: random.Random, docs: Sequence[dict[str, Any]], path: str) -> dict[str, Any]:
    values = sorted(at(rng.choice(docs), path) for _ in range(2000))
    width = rng.choice([0.001, 0.01, 0.05, 0.2, 0.5])
    if rng.random() < 0.5:
        return rng.choice(
            [{"$gte": values[int((1 - width) * 1999)]}, {"$lt": values[int(width * 1999)]}]
        )
    low = rng.random() * (1 - width)
    return {"$gte": values[int(low * 1999)], "$lt": values[int((low + width) * 1999)]}


def sort_of(rng: random.Random, taken: Sequence[str]) -> list[tuple[str, int]]:
    free = [name for name in SORT if name not in taken]
    names = rng.sample(free, rng.choice([1, 1, 1, 2]))
    return [(name, rng.choice([1, -1])) for name in names]


# ----------------------------------------------------------------------------------------- shapes


def drawn(rng: random.Random, docs: Sequence[dict[str, Any]], many: int) -> Iterator[Drawn]:
    kinds = list(KINDS)
    for number in range(many):
        kind = kinds[number % len(kinds)] if many >= len(kinds) else rng.choice(kinds)
        yield KINDS[kind](rng, docs, kind)


def _mix(rng: random.Random, docs: Any, kind: str) -> Drawn:
    """Equalities, ranges and a sort, as the kind's letters say."""
    equal = rng.sample(EQUAL, kind.count("E"))
    ranges = rng.sample([one for one in RANGE if one not in equal], kind.count("R"))
    given: dict[str, Any] = {name: value(rng, docs, name) for name in equal}
    given |= {name: ranged(rng, docs, name) for name in ranges}
    if "I" in kind:
        name = rng.choice([one for one in EQUAL if one not in given])
        given[name] = {"$in": [value(rng, docs, name) for _ in range(rng.choice([2, 5, 30]))]}
    sort = sort_of(rng, [*given]) if "S" in kind else []
    if sort and rng.random() < 0.2 and ranges and ranges[0] in SORT:
        sort = [(ranges[0], rng.choice([1, -1]))]
    limit = rng.choice([10, 20, 100]) if "L" in kind else 0
    return Drawn(kind, given, sort, limit)


def _array(rng: random.Random, docs: Any, kind: str) -> Drawn:
    given: dict[str, Any] = rng.choice(
        [
            {"tags": rng.randrange(40)},
            {"tags": {"$all": rng.sample(range(40), 2)}},
            {"tags": {"$in": rng.sample(range(40), 3)}, "store": value(rng, docs, "store")},
            {"items.sku": rng.randrange(500)},
            {"items": {"$elemMatch": {"sku": rng.randrange(500), "qty": {"$gt": 10}}}},
            {"items": {"$elemMatch": {"qty": 3, "sku": {"$lt": 20}}},
             "region": value(rng, docs, "region")},
        ]
    )  # fmt: skip
    sort = sort_of(rng, [*given]) if rng.random() < 0.5 else []
    return Drawn(kind, given, sort, rng.choice([0, 10]) if sort else 0)


def _or(rng: random.Random, docs: Any, kind: str) -> Drawn:
    a, b = rng.sample(["store", "customer", "email", "geo.zip", "region"], 2)
    branches = [{a: value(rng, docs, a)}, {b: value(rng, docs, b)}]
    if rng.random() < 0.4:
        branches[0]["amount"] = ranged(rng, docs, "amount")
    given: dict[str, Any] = {"$or": branches}
    if rng.random() < 0.4:
        name = rng.choice([one for one in ("status", "flag", "state") if one not in (a, b)])
        given[name] = value(rng, docs, name)
    sort = [("created", -1)] if rng.random() < 0.5 else []
    return Drawn(kind, given, sort, 10 if sort and rng.random() < 0.7 else 0)


def _odd(rng: random.Random, docs: Any, kind: str) -> Drawn:
    """Conditions that an index narrows badly, alone or beside a good one."""
    letter = rng.choice("ABCDEFGH")
    given: dict[str, Any] = rng.choice(
        [
            {"status": {"$ne": value(rng, docs, "status")}},
            {"region": {"$nin": [value(rng, docs, "region")]}},
            {"gone": None},
            {"gone": {"$ne": None}},
            {"name": {"$regex": f"{letter.lower()}$", "$options": "i"}},
            {"name": {"$regex": rng.choice(["abc", "fed", "aa"])}},
            {"name": {"$regex": f"^{letter}{rng.choice(['a', 'ab'])}"}},
            {"name": {"$regex": f"^{letter}a"}, "status": value(rng, docs, "status")},
            {"tags": {"$size": 2}},
            {"$expr": {"$gt": ["$amount", "$created"]}},
            {"store": value(rng, docs, "store"), "status": {"$ne": value(rng, docs, "status")}},
            {"ref": {"$exists": True}},
            {"ref": rng.randrange(1000)},
            {rng.choice(["age", "ref"]): {"$mod": [10, 3]}},
            {rng.choice(["gone", "ref"]): {"$type": "int"}},
            {"amount": {"$not": {"$lt": rng.choice([100, 1000])}}},
            {"$expr": {"$eq": ["$store", value(rng, docs, "store")]}},
            {"state": "closed"},
            {"state": "open"},
        ]
    )
    return Drawn(kind, given)


def _covered(rng: random.Random, docs: Any, kind: str) -> Drawn:
    name = rng.choice(["store", "region", "customer", "status"])
    given: dict[str, Any] = {name: value(rng, docs, name)}
    if rng.random() < 0.4:
        given["amount"] = ranged(rng, docs, "amount")
    wanted = rng.sample(["amount", "age", "score"], rng.choice([1, 2]))
    return Drawn(kind, given, projection={"_id": 0, **dict.fromkeys(wanted, 1)})


def _count(rng: random.Random, docs: Any, kind: str) -> Drawn:
    if rng.random() < 0.5:
        given = {"store": value(rng, docs, "store")} if rng.random() < 0.5 else {}
        return Drawn(kind, given, operation="distinct", key=rng.choice(["region", "status", "age"]))
    names = rng.sample(["store", "region", "status", "customer"], rng.choice([1, 2]))
    given = {name: value(rng, docs, name) for name in names}
    if rng.random() < 0.4:
        given["amount"] = ranged(rng, docs, "amount")
    return Drawn(kind, given, operation="count")


def _served(rng: random.Random, docs: Any, kind: str) -> Drawn:
    """An index exists already: a good one, or one that a better one should replace."""
    shape = _mix(rng, docs, rng.choice(["E", "ES L", "ER", "EE"]))
    names = [name for name in shape.filter if name != "$or"]
    good = [*((name, 1) for name in names if not isinstance(shape.filter[name], dict)), *shape.sort]
    good += [(name, 1) for name in names if isinstance(shape.filter[name], dict)]
    existing: list[Keys] = [tuple(good)]
    if rng.random() < 0.3:
        existing = [((names[0], 1),)]
    if rng.random() < 0.2:
        shape.filter = {"_id": rng.randrange(len(docs)), **shape.filter}
    return Drawn(kind, shape.filter, shape.sort, shape.limit, existing=existing)


def _small(rng: random.Random, docs: Any, kind: str) -> Drawn:
    shape = _mix(rng, docs, rng.choice(["E", "ES L", "R"]))
    return Drawn(kind, shape.filter, shape.sort, shape.limit, collection="small")


KINDS: dict[str, Any] = {
    **dict.fromkeys(
        ["E", "EE", "EEE", "ES L", "EES L", "ES", "ER", "EERS L", "ERS L", "ERS", "RS L", "R",
         "RR", "S L", "IS L", "EI", "IRS L", "EIS", "ERR"],
        _mix,
    ),
    "array": _array, "array2": _array, "or": _or, "or2": _or, "odd": _odd, "odd2": _odd,
    "odd3": _odd, "odd4": _odd, "covered": _covered, "covered2": _covered, "count": _count,
    "count2": _count, "served": _served, "served2": _served, "served3": _served, "small": _small,
}  # fmt: skip


# ---------------------------------------------------------------------------- what could be made


def shapes(rng: random.Random, docs: Sequence[dict[str, Any]], many: int) -> Iterator[Shape]:
    """Shapes as they are judged."""
    for one in drawn(rng, docs, many):
        yield Shape(
            one.kind,
            one.collection,
            [command(one)],
            [[Made(keys) for keys in sets] for sets in every_index(one)],
            [Made(keys) for keys in one.existing],
            [Made(keys) for keys in textbook(one)],
        )


def command(shape: Drawn) -> dict[str, Any]:
    if shape.operation == "count":
        return {"count": shape.collection, "query": shape.filter}
    if shape.operation == "distinct":
        return {"distinct": shape.collection, "key": shape.key, "query": shape.filter}
    made: dict[str, Any] = {"find": shape.collection, "filter": shape.filter}
    made |= {"sort": dict(shape.sort)} if shape.sort else {}
    made |= {"limit": shape.limit} if shape.limit else {}
    return made | ({"projection": shape.projection} if shape.projection else {})


def single_fields(given: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, one in given.items():
        if name.startswith("$"):
            continue
        if isinstance(one, dict) and isinstance(one.get("$elemMatch"), dict):
            found += [f"{name}.{inner}" for inner in one["$elemMatch"]]
        elif name != "_id":
            found.append(name)
    return found


def every_index(shape: Drawn) -> list[list[Keys]]:
    """All sets of indexes that could serve a shape: one, or one for each branch of an $or."""
    fields = single_fields(shape.filter)
    options = [[keys] for keys in _orders(fields, shape)]
    branches = shape.filter.get("$or", [])
    if branches:
        each = []
        common = {name: one for name, one in shape.filter.items() if name != "$or"}
        for branch in branches:
            inner = Drawn("", {**branch, **common}, shape.sort, shape.limit)
            own = [keys for keys in _orders(single_fields(inner.filter), inner)
                   if keys[0][0] in branch or len(fields) == 0 or keys[0][0] in fields]  # fmt: skip
            short = [keys for keys in own if len(keys) <= 3]
            random.Random(1).shuffle(short)
            each.append(sorted(short[:9], key=len))
        options += [list(dict.fromkeys(pair)) for pair in product(*each)]
    return options


def _orders(fields: Sequence[str], shape: Drawn) -> Iterator[Keys]:
    equal = {name for name in fields if not isinstance(shape.filter.get(name, {}), dict)}
    covers = [name for name, on in (shape.projection or {}).items() if on]
    if shape.operation == "distinct":
        covers = [shape.key]
    yield from orders(dict.fromkeys(fields, 1), equal, shape.sort, covers)
    if shape.operation == "distinct":
        yield ((shape.key, 1),)


def textbook(shape: Drawn) -> list[Keys]:
    """Equality, sort, range: without a look at the data."""

    def one(given: dict[str, Any]) -> Keys:
        flatly: dict[str, Any] = {}
        for name, spec in given.items():
            if isinstance(spec, dict) and "$elemMatch" in spec:
                flatly |= {f"{name}.{inner}": what for inner, what in spec["$elemMatch"].items()}
            elif not name.startswith("$"):
                flatly[name] = spec

        def is_equal(spec: Any) -> bool:
            return not isinstance(spec, dict) or bool({"$in", "$all", "$eq"} & spec.keys())

        equal = [(name, 1) for name, spec in flatly.items() if is_equal(spec)]
        ranges = [(name, 1) for name, spec in flatly.items() if not is_equal(spec)]
        return tuple(dict([*equal, *shape.sort, *ranges]).items())

    rest = {name: spec for name, spec in shape.filter.items() if name != "$or"}
    if "$or" in shape.filter:
        return [one({**rest, **branch}) for branch in shape.filter["$or"]]
    keys = one(rest)
    return [keys] if keys and "_id" not in dict(keys) else []
