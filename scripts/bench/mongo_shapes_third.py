"""40 query shapes of a help desk, an airline and an archive of pictures, the third made by hand.

Used by ``mongo-indexes --hand-made third``, on documents of their own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

from bson import Decimal128, ObjectId, Regex
from mongo_documents import NOW, Document, _zipf
from mongo_judged import Command, Made
from mongo_shapes import HandMade, find, made, pipeline

_WORDS = ("refund login invoice broken slow export password upgrade seat delay printer lost "
          "damaged question cancel thanks error timeout update missing").split()  # fmt: skip


def tickets(rng: random.Random, count: int = 40_000) -> Iterator[Document]:
    """Requests to a help desk: most are closed, and few are on time."""
    orgs = _zipf(rng, 120, 1.0)
    for n in range(count):
        name = rng.choice(["Ärzte", "arzte", "Smith", "smith", "Zoe"])
        opened = NOW - timedelta(minutes=(count - n) * 12 + rng.randrange(300))
        state = rng.choices(["closed", "waiting", "open"], [95, 3, 2])[0]
        yield {
            "_id": n,
            "ref": f"TCK-{n * 7 % 1_000_000:06}",
            "number": n,
            "org": rng.choice(orgs),
            "state": state,
            "priority": rng.choices([1, 2, 3, 4, 5], [40, 30, 20, 9, 1])[0],
            "assignee": None if rng.random() < 0.6 else rng.randrange(40),
            "opened": opened,
            **({"closed": opened + timedelta(hours=3 + n % 399)} if state == "closed" else {}),
            "labels": [f"label {int(rng.paretovariate(0.7))}" for _ in range(rng.randrange(4))],
            "watchers": rng.sample(range(900), rng.choice([0, 0, 1, 2, 5])),
            "sla": [
                {"name": name, "met": rng.random() < 0.98, "due": opened + timedelta(hours=hours)}
                for name, hours in (("first reply", 4), ("solved", 72))
            ],
            "subject": " ".join(rng.choices(_WORDS, k=4)) + (" chargeback" if n % 400 == 9 else ""),
            "customer": {
                "name": f"{name} {rng.randrange(3000)}",
                "tier": rng.choices(["basic", "gold", "trial"], [70, 29, 1])[0],
            },
            "locale": rng.choices(["en", "de", "fr"], [80, 15, 5])[0],
            **({"spam": True} if rng.random() < 0.01 else {}),
            "log": "l" * rng.randrange(100, 260),
        }  # fmt: skip


def bookings(rng: random.Random, count: int = 30_000) -> Iterator[Document]:
    """Seats on planes; fares are of two types, and few are dear."""
    airports = [f"A{n:02}" for n in _zipf(rng, 60, 1.1)]
    for n in range(count):
        departs = NOW + timedelta(minutes=rng.randrange(-300_000, 80_000))
        fare = round(rng.lognormvariate(5, 0.9), 2)
        yield {
            "_id": ObjectId(f"{0x60000000 + n:08x}{n:016x}"),
            "pnr": f"{(n * 48_271) % 2_147_483_647:07X}",
            "from": rng.choice(airports),
            "to": rng.choice(airports),
            "departs": departs,
            "expires": departs + timedelta(days=400),
            "fare": Decimal128(str(fare)) if n % 3 else fare,
            "status": rng.choices([10, 20, 30, 40], [88, 8, 3, 1])[0],
            "carrier": rng.choice(["Lufthansa", "LUFTHANSA", "lufthansa", "Air Malta", "SWISS"])
            if rng.random() < 0.2
            else f"Carrier {rng.randrange(200)}",
            "passengers": [
                {"name": f"p{rng.randrange(9000)}", "passport": f"{rng.randrange(10**7):07}",
                 "meal": rng.choices(["none", "vegan", "kosher"], [90, 9, 1])[0]}
                for _ in range(rng.choices([1, 2, 3, 4, 5], [60, 25, 10, 4, 1])[0])
            ],
            "bags": rng.choices([0, 1, 2, 3], [20, 50, 25, 5])[0],
            "remarks": "r" * rng.randrange(60, 200),
        }  # fmt: skip


def pictures(rng: random.Random, count: int = 30_000) -> Iterator[Document]:
    """Files with attributes as pairs, flags as a map, and places as mere pairs of numbers."""
    owners = [ObjectId(f"{n:024x}") for n in range(800)]
    picked = _zipf(rng, 800, 0.6)
    for n in range(count):
        yield {
            "_id": n,
            "owner": owners[rng.choice(picked)],
            "path": f"/{rng.choice('abcdefgh')}/{rng.randrange(90):02}/{n}.png",
            "bytes": int(rng.lognormvariate(12, 1.5)),
            "mime": rng.choices(["image/png", "image/jpeg", "image/tiff"], [60, 39.5, 0.5])[0],
            "hash": f"{rng.getrandbits(64):016x}",
            "attributes": [
                {"k": key, "v": rng.randrange(values)}
                for key, values in (("camera", 300), ("iso", 12), ("lens", 90))
                if rng.random() < 0.7
            ],
            "size": {"w": rng.randrange(4000), "h": rng.randrange(4000)},
            "at": [rng.gauss(10, 5), rng.gauss(50, 4)],
            "flags": {f"f{rng.randrange(40)}": True for _ in range(3)},
            "title": " ".join(rng.choices(_WORDS, k=6)) + (" aurora" if n % 500 == 3 else ""),
            "tier": "cold" if rng.random() < 0.003 else "hot",
            "taken": NOW - timedelta(seconds=rng.randrange(10**8)),
            "ticket": rng.randrange(40_000),
        }


def codes(rng: random.Random, count: int = 400) -> Iterator[Document]:
    """A small collection."""
    for n in range(count):
        yield {"_id": n, "code": f"C{n}", "group": n % 9, "text": "t" * rng.randrange(10, 60)}


COLLECTIONS = {one.__name__: one for one in (tickets, bookings, pictures, codes)}


def shapes(examples: dict[str, list[Command]]) -> list[HandMade]:
    """All of them, with values of documents that are there."""
    day = timedelta(days=1)
    booking, picture = examples["bookings"][11_111], examples["pictures"][7_777]
    iso = next(one for one in picture["attributes"] if one["k"] in ("camera", "lens"))
    passport = booking["passengers"][0]["passport"]
    primary = {"locale": "en", "strength": 1}
    opened, newest = {"opened": -1}, [("opened", -1)]
    return [
        HandMade("nobody's open tickets, most urgent first",
            [find("tickets", {"state": "open", "assignee": None},
                  sort={"priority": -1, "opened": 1}, limit=20)],
            {"state": 1, "assignee": 1}, [("priority", -1), ("opened", 1)]),
        HandMade("not closed: the field is missing",
            [find("tickets", {"org": 3, "closed": {"$exists": False}})],
            {"org": 1, "closed": 1}),
        HandMade("three conditions on one element",
            [find("tickets", {"sla": {"$elemMatch": {"name": "solved", "met": False,
                                                      "due": {"$lt": NOW - 300 * day}}}})],
            {"sla.name": 1, "sla.met": 1, "sla.due": 1}),
        HandMade("all of two labels, newest first",
            [find("tickets", {"labels": {"$all": ["label 40", "label 1"]}}, sort=opened, limit=10)],
            {"labels": 1}, newest),
        HandMade("watched by some, and not closed",
            [find("tickets", {"watchers": {"$in": [5, 9, 77]},
                               "state": {"$in": ["open", "waiting"]}})],
            {"watchers": 1, "state": 1}),
        HandMade("mine or my org's urgent ones, oldest first",
            [find("tickets", {"$or": [{"assignee": 7, "state": "open"},
                                       {"org": 12, "priority": 5}]},
                   sort={"opened": 1}, limit=10)],
            {"assignee": 1, "state": 1}, [("opened", 1)],
            indexes=[
                [made(("assignee", 1), ("state", 1), ("opened", 1)),
                 made(("org", 1), ("priority", 1), ("opened", 1))],
                [made(("assignee", 1), ("state", 1)), made(("org", 1), ("priority", 1))],
                [made(("state", 1), ("assignee", 1)), made(("priority", 1), ("org", 1))],
                [made(("state", 1)), made(("priority", 1))],
            ]),
        HandMade("a rare flag that is there or not, of the largest org",
            [find("tickets", {"org": 0, "spam": {"$exists": True}})],
            {"org": 1, "spam": 1},
            indexes=[[made(("spam", 1), sparse=True)], [made(("spam", 1), ("org", 1))],
                     [made(("org", 1), partialFilterExpression={"spam": {"$exists": True}})],
                     [made(("spam", 1), partialFilterExpression={"spam": {"$exists": True}})]]),
        HandMade("a prefix, in its own order, from behind",
            [find("tickets", {"ref": Regex("^TCK-01")}, sort={"ref": -1}, limit=25)],
            {}, [("ref", 1)]),
        HandMade("a rare word anywhere in a text",
            [find("tickets", {"subject": Regex("chargeback")},
                  projection={"_id": 0, "subject": 1})],
            {"subject": 1}),
        HandMade("an update of many",
            [{"update": "tickets", "updates": [
                {"q": {"state": "waiting", "opened": {"$lt": NOW - 250 * day}},
                 "u": {"$set": {"state": "closed"}}, "multi": True}]}],
            {"state": 1, "opened": 1}),
        HandMade("a deletion by a nested field and a range",
            [{"delete": "tickets", "deletes": [
                {"q": {"customer.tier": "trial", "closed": {"$lt": NOW - 200 * day}},
                 "limit": 0}]}],
            {"customer.tier": 1, "closed": 1}),
        HandMade("a count of the urgent and open",
            [{"count": "tickets", "query": {"priority": {"$gte": 4}, "state": "open"}}],
            {"priority": 1, "state": 1}),
        HandMade("who works for one org",
            [{"distinct": "tickets", "key": "assignee", "query": {"org": 1}}],
            {"org": 1, "assignee": 1}),
        HandMade("labels of a rare org",
            [pipeline("tickets", {"$match": {"org": 90}}, {"$unwind": "$labels"},
                       {"$group": {"_id": "$labels", "n": {"$sum": 1}}}, {"$sort": {"n": -1}})],
            {"org": 1}),
        HandMade("without accents and case, newest first",
            [find("tickets", {"customer.name": "arzte 77"}, sort=opened, collation=primary)],
            {},
            indexes=[[made(("customer.name", 1), collation=primary)],
                     [made(("customer.name", 1), ("opened", -1), collation=primary)]]),
        HandMade("a join of few with a field that is not indexed there",
            [pipeline("pictures", {"$match": {"tier": "cold"}},
                       {"$lookup": {"from": "tickets", "localField": "ticket",
                                    "foreignField": "number", "as": "t"}},
                       {"$unwind": "$t"}, {"$match": {"t.state": "open"}})],
            {},
            indexes=[
                [Made((("number", 1),), {}, "tickets")],
                [Made((("number", 1),), {}, "tickets"), made(("tier", 1))],
                [made(("tier", 1))],
            ]),
        HandMade("a computed field first, then a condition on a stored one",
            [pipeline("bookings", {"$addFields": {"heavy": {"$gt": ["$bags", 2]}}},
                       {"$match": {"to": "A33", "heavy": True}})],
            {"to": 1}),
        HandMade("a renamed field",
            [pipeline("bookings", {"$project": {"origin": "$from", "fare": 1}},
                       {"$match": {"origin": "A41"}})],
            {"from": 1}),
        HandMade("the last of each carrier",
            [pipeline("bookings", {"$sort": {"carrier": 1, "departs": -1}},
                       {"$group": {"_id": "$carrier", "last": {"$first": "$departs"}}})],
            {}, [("carrier", 1), ("departs", -1)]),
        HandMade("a route, a month, the cheapest",
            [find("bookings", {"from": "A01", "to": "A02",
                                "departs": {"$gte": NOW - 60 * day, "$lt": NOW - 30 * day}},
                   sort={"fare": 1}, limit=5)],
            {"from": 1, "to": 1, "departs": 1}, [("fare", 1)]),
        HandMade("two rare states in a future, both directions mixed",
            [find("bookings", {"status": {"$in": [30, 40]}, "departs": {"$gte": NOW}},
                   sort={"departs": 1, "fare": -1}, limit=50)],
            {"status": 1}, [("departs", 1), ("fare", -1)]),
        HandMade("a number that is a double here and a decimal there",
            [find("bookings", {"fare": {"$gt": 2500}})],
            {"fare": 1}),
        HandMade("an element by two conditions, of which one alone is rare",
            [find("bookings", {"passengers.passport": passport,
                                "passengers.meal": {"$ne": "kosher"}})],
            {"passengers.passport": 1, "passengers.meal": 1}),
        HandMade("pairs of a name and a value",
            [find("pictures", {"attributes": {"$elemMatch": {"k": iso["k"], "v": iso["v"]}}})],
            {"attributes.k": 1, "attributes.v": 1}),
        HandMade("a whole document as a value",
            [find("pictures", {"attributes": {"k": iso["k"], "v": iso["v"]}})],
            {"attributes": 1}),
        HandMade("two ranges",
            [find("pictures", {"size.w": {"$gte": 3700}, "size.h": {"$gte": 3700}})],
            {"size.w": 1, "size.h": 1}),
        HandMade("some prefixes",
            [find("pictures", {"hash": {"$in": [Regex("^00a"), Regex("^ff1")]}})],
            {"hash": 1}),
        HandMade("mere pairs of numbers in a box",
            [find("pictures", {"at": {"$geoWithin": {"$box": [[9, 49], [9.6, 49.5]]}}})],
            {"at": "2d"}),
        HandMade("the nearest, as the first stage",
            [pipeline("pictures",
                       {"$geoNear": {"near": [9.2, 49.1], "distanceField": "d", "key": "at",
                                     "query": {"mime": "image/tiff"}, "maxDistance": 2}},
                       {"$limit": 5})],
            {"at": "2d", "mime": 1}),
        HandMade("any flag of a map",
            [find("pictures", {f"flags.f{n}": True}, sort={"taken": -1}, limit=10)
             for n in range(0, 40, 4)],
            {},
            indexes=[[made(("flags.$**", 1))], [made(("taken", -1))],
                     [made((f"flags.f{n}", 1), ("taken", -1)) for n in range(0, 40, 4)]]),
        HandMade("an owner's largest, covered",
            [find("pictures", {"owner": picture["owner"]}, sort={"bytes": -1}, limit=3,
                  projection={"_id": 0, "path": 1, "bytes": 1})],
            {"owner": 1}, [("bytes", -1)], covers=["path"]),
        HandMade("a folder, as a range of texts",
            [find("pictures", {"path": {"$gte": "/c/17/", "$lt": "/c/170"}}, sort={"path": 1})],
            {"path": 1}),
        HandMade("the same fields, but for another collation",
            [find("bookings", {"carrier": "SWISS", "to": "A20"})],
            {"carrier": 1, "to": 1},
            existing=[made(("carrier", 1), ("to", 1), collation={"locale": "fr"})]),
        HandMade("the same field, but only of open ones",
            [find("tickets", {"assignee": 9, "priority": 5})],
            {"assignee": 1, "priority": 1},
            existing=[made(("assignee", 1), partialFilterExpression={"state": "open"})]),
        # ------------------------------------------------ where no index is needed
        HandMade("the first of most",
            [find("tickets", {"state": "closed", "locale": "en"}, limit=20)],
            {"state": 1, "locale": 1}, needs=False),
        HandMade("most of them by a range and a negation",
            [find("tickets", {"priority": {"$lte": 4}, "locale": {"$nin": ["xx", "fr"]}})],
            {"priority": 1, "locale": 1}, needs=False),
        HandMade("a page by _id",
            [find("bookings", {"_id": {"$gt": booking["_id"]}, "status": 10},
                  sort={"_id": 1}, limit=50)],
            {"status": 1}, needs=False),
        HandMade("the last as they lie",
            [find("bookings", {}, sort={"$natural": -1}, limit=10)], {"departs": 1}, needs=False),
        HandMade("a unique index is there, and one condition more",
            [find("bookings", {"pnr": booking["pnr"], "from": booking["from"]})],
            {"pnr": 1, "from": 1}, existing=[made(("pnr", 1), unique=True)], needs=False),
        HandMade("equalities the other way round, read backwards",
            [find("tickets", {"state": "waiting", "org": 4}, sort={"opened": 1}, limit=30)],
            {"org": 1, "state": 1}, [("opened", 1)],
            existing=[made(("org", 1), ("state", -1), ("opened", -1))], needs=False),
        HandMade("a partial index is there for just that",
            [find("tickets", {"assignee": 7, "state": "open"}, sort={"priority": -1})],
            {"assignee": 1, "state": 1}, [("priority", -1)],
            existing=[made(("assignee", 1), partialFilterExpression={"state": "open"})],
            needs=False),
        HandMade("a wildcard index is there",
            [find("pictures", {"flags.f3": True, "mime": "image/tiff"})],
            {"flags.f3": 1, "mime": 1},
            existing=[made(("flags.$**", 1))]),
        HandMade("some values, and a hashed index is there",
            [find("pictures", {"owner": {"$in": [picture["owner"], ObjectId(b"x" * 12)]}})],
            {"owner": 1}, existing=[made(("owner", "hashed"))], needs=False),
        HandMade("a TTL index is there for the order",
            [find("bookings", {"expires": {"$lt": NOW + 250 * day}}, sort={"expires": -1},
                  limit=20)],
            {}, [("expires", 1)],
            existing=[made(("expires", 1), expireAfterSeconds=10**9)], needs=False),
        HandMade("missing in most, and a sparse index is there",
            [find("tickets", {"spam": None, "locale": "en"})],
            {"spam": 1, "locale": 1}, existing=[made(("spam", 1), sparse=True)], needs=False),
        HandMade("a small collection, sorted",
            [find("codes", {"group": 3}, sort={"code": 1})],
            {"group": 1}, [("code", 1)], needs=False),
        HandMade("a condition on sums",
            [pipeline("tickets", {"$group": {"_id": "$org", "n": {"$sum": 1}}},
                       {"$match": {"n": {"$gt": 300}}})],
            {}, needs=False),
        HandMade("arithmetic on a field",
            [find("bookings", {"$expr": {"$eq": [{"$mod": ["$bags", 4]}, 3]}})],
            {"bags": 1}, needs=False),
        HandMade("as many elements",
            [find("bookings", {"passengers": {"$size": 5}})],
            {"passengers": 1}, needs=False),
        HandMade("the rare value has its index already",
            [find("bookings", {"from": "A52", "to": "A00"})],
            {"from": 1, "to": 1}, existing=[made(("from", 1))], needs=False),
        HandMade("nearly all departures",
            [{"count": "bookings", "query": {"departs": {"$exists": True}, "bags": {"$ne": 9}}}],
            {"departs": 1, "bags": 1}, needs=False),
    ]  # fmt: skip
