"""48 query shapes of a shop, sensors, a social network and a multi-tenant service, made by hand.

Used by ``mongo-indexes --hand-made``, on the documents of ``mongo_documents``. Each is one or more
commands as drivers send them, the indexes that exist already, and what an index for it could be
made of; ``needs`` is what its author expects, which the measurement may overrule.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bson import Regex
from mongo_documents import NOW
from mongo_judged import Command, Made, Shape, orders


@dataclass
class HandMade:
    """A shape.

    Attributes:
        name: what it is about.
        commands: what is asked; all of them are measured.
        fields: what an index could have, with the kind for what does not ascend; every order of
            every subset is built, with the sort as one more part.
        sort: fields and directions that are asked for.
        covers: fields that could be put behind, for the query to be covered.
        indexes: further sets of indexes to try.
        existing: indexes that there are.
        needs: whether its author expects an index to be of use.
    """

    name: str
    commands: list[Command]
    fields: dict[str, Any] = field(default_factory=dict)
    sort: list[tuple[str, int]] = field(default_factory=list)
    covers: list[str] = field(default_factory=list)
    indexes: list[list[Made]] = field(default_factory=list)
    existing: list[Made] = field(default_factory=list)
    needs: bool = True

    def shape(self) -> Shape:
        """The shape as it is judged."""
        every = [[Made(keys)] for keys in orders(self.fields, set(), self.sort, self.covers)]
        collection = str(next(iter(self.commands[0].values())))
        return Shape(
            self.name,
            collection,
            self.commands,
            every + self.indexes,
            self.existing,
            needs=self.needs,
        )


# ----------------------------------------------------------------------------------------- shapes


def find(collection: str, given: Command, **more: Any) -> Command:
    """A query."""
    return {"find": collection, "filter": given, **more}


def pipeline(collection: str, *stages: Command) -> Command:
    """An aggregation."""
    return {"aggregate": collection, "pipeline": list(stages), "cursor": {}}


def made(*keys: tuple[str, Any], **options: Any) -> Made:
    """An index of the shape's own collection."""
    return Made(keys, options)


def shapes(examples: dict[str, list[Command]]) -> list[HandMade]:
    """All of them, with values of documents that are there."""
    rng = random.Random(48)
    order = examples["orders"][20_011]
    post = next(one for one in examples["posts"][9000:] if len(one["hashtags"]) > 1)
    town = examples["places"][77]["location"]["coordinates"]
    follows = sorted(rng.sample(range(2500), 60))
    corners = ((-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1), (-0.1, -0.1))
    box = [[town[0] + x, town[1] + y] for x, y in corners]
    near = {"type": "Point", "coordinates": town}
    insensitive = {"locale": "en", "strength": 2}
    day, newest, latest = timedelta(days=1), [("created", -1)], {"created": -1}
    there = {"partialFilterExpression": {"coupon": {"$exists": True}}}
    left = {"partialFilterExpression": {"deleted": {"$exists": True}}}
    return [
        # ------------------------------------------------ equality, sort, range, limit
        HandMade("a customer's latest orders",
            [find("orders", {"customer": 41}, sort=latest, limit=10)],
            {"customer": 1}, newest),
        HandMade("a seller's open orders, newest first",
            [find("orders", {"tenant": 2, "status": "pending"}, sort=latest, limit=20)],
            {"tenant": 1, "status": 1}, newest),
        HandMade("a range that is rarer than the sort is helpful",
            [find("orders", {"tenant": 0, "total": {"$gte": 900}}, sort=latest, limit=20)],
            {"tenant": 1, "total": 1}, newest),
        HandMade("a frequent status, newest first: the walk ends soon",
            [find("orders", {"status": "delivered"}, sort=latest, limit=20)],
            {"status": 1}, newest),
        HandMade("a rare status ($in), newest first",
            [find("orders", {"status": {"$in": ["paid", "pending"]}}, sort=latest, limit=20)],
            {"status": 1}, newest),
        HandMade("a timeline: many authors ($in), newest first",
            [find("posts", {"author": {"$in": follows}}, sort={"at": -1}, limit=20)],
            {"author": 1}, [("at", -1)]),
        HandMade("a rare flag, latest first",
            [find("readings", {"alarm": True}, sort={"ts": -1}, limit=10)],
            {"alarm": 1}, [("ts", -1)],
            indexes=[[made(("ts", -1), partialFilterExpression={"alarm": True})]]),
        HandMade("a dominant tenant, mixed directions",
            [find("events", {"tenant": "t0"}, sort={"type": 1, "at": -1}, limit=25)],
            {"tenant": 1}, [("type", 1), ("at", -1)]),
        HandMade("tenant, several types, a week, newest first",
            [find("events", {"tenant": "t7", "type": {"$in": [3, 8, 11]},
                              "at": {"$gte": NOW - 7 * day}}, sort={"at": -1}, limit=50)],
            {"tenant": 1, "type": 1}, [("at", -1)]),
        HandMade("a sensor's day; a TTL index is there",
            [find("readings", {"device": 17,
                                "ts": {"$gte": NOW - 3 * day, "$lt": NOW - 2 * day}})],
            {"device": 1, "ts": 1},
            existing=[made(("ts", 1), expireAfterSeconds=10**9)]),
        # ------------------------------------------------ nested fields and arrays
        HandMade("an element with two conditions ($elemMatch)",
            [find("orders", {"items": {"$elemMatch": {"sku": 77, "qty": {"$gte": 3}}}})],
            {"items.sku": 1, "items.qty": 1}),
        HandMade("two arrays, of which an index can have one",
            [find("orders", {"tags": 7, "items.sku": 123})],
            {"tags": 1, "items.sku": 1}),
        HandMade("an array and a sort",
            [find("posts", {"hashtags": post["hashtags"][0], "visibility": "public"},
                   sort={"at": -1}, limit=20)],
            {"hashtags": 1, "visibility": 1}, [("at", -1)]),
        HandMade("nested fields, of which one implies the other",
            [find("orders", {"address.country": "c3", "address.city": "city 15"})],
            {"address.country": 1, "address.city": 1}),
        HandMade("a rare role in an array",
            [find("users", {"roles": "admin"})],
            {"roles": 1}),
        HandMade("two hashtags ($all)",
            [find("posts", {"hashtags": {"$all": post["hashtags"][:2]}})],
            {"hashtags": 1}),
        # ------------------------------------------------ $or
        HandMade("either of two fields",
            [find("orders", {"$or": [{"customer": 977}, {"coupon": "SPRING9"}]})],
            {"customer": 1, "coupon": 1},
            indexes=[[made(("customer", 1)), made(("coupon", 1))],
                     [made(("customer", 1)), made(("coupon", 1), sparse=True)]]),
        HandMade("by me or about me, newest first",
            [find("posts", {"$or": [{"author": 1200}, {"mentions": 1200}]},
                   sort={"at": -1}, limit=20)],
            {"author": 1, "mentions": 1}, [("at", -1)],
            indexes=[[made(("author", 1)), made(("mentions", 1))],
                     [made(("author", 1), ("at", -1)), made(("mentions", 1), ("at", -1))]]),
        # ------------------------------------------------ rare, absent and null
        HandMade("a field that few documents have, compared",
            [find("orders", {"coupon": "SPRING7"})],
            {"coupon": 1},
            indexes=[[made(("coupon", 1), sparse=True)],
                     [made(("coupon", 1), **there)]]),
        HandMade("a field that few documents have ($exists)",
            [find("posts", {"deleted": {"$exists": True}})],
            {"deleted": 1},
            indexes=[[made(("deleted", 1), sparse=True)],
                     [made(("deleted", 1), **left)]]),
        HandMade("null, of one author",
            [find("posts", {"author": 300, "reply_to": None}, sort={"at": -1}, limit=10)],
            {"author": 1, "reply_to": 1}, [("at", -1)]),
        # ------------------------------------------------ strings
        HandMade("a prefix (anchored expression)",
            [find("posts", {"slug": Regex("^" + post["slug"][:5])})],
            {"slug": 1}),
        HandMade("an expression without regard to case",
            [find("users", {"email": Regex("^ada\\.31", "i")})],
            {"email": 1}),
        HandMade("a collation without regard to case",
            [find("orders", {"email": "customer2500@example.org"}, collation=insensitive)],
            {},
            indexes=[[made(("email", 1), collation=insensitive)]]),
        # ------------------------------------------------ places
        HandMade("the nearest of a category",
            [find("places", {"location": {"$near": {"$geometry": near, "$maxDistance": 20_000}},
                              "category": 11}, limit=10)],
            {"location": "2dsphere", "category": 1}),
        HandMade("inside a box",
            [find("places", {"location": {"$geoWithin": {"$geometry":
                   {"type": "Polygon", "coordinates": [box]}}}, "rating": {"$gte": 4.5}})],
            {"location": "2dsphere", "rating": 1}),
        # ------------------------------------------------ arbitrary attributes
        HandMade("any of twelve attributes",
            [find("events", {f"props.k{n}": 100 + n}) for n in range(12)],
            {},
            indexes=[[made(("props.$**", 1))], [made(("$**", 1))],
                     [made((f"props.k{n}", 1)) for n in range(12)]]),
        # ------------------------------------------------ other commands
        HandMade("covered: a seller's sums",
            [find("orders", {"tenant": 0}, projection={"_id": 0, "total": 1, "status": 1})],
            {"tenant": 1}, covers=["total", "status"]),
        HandMade("a count of those who don't come any more",
            [{"count": "users",
              "query": {"plan": "enterprise", "last_login": {"$lt": NOW - 60 * day}}}],
            {"plan": 1, "last_login": 1}),
        HandMade("distinct values of a tenant",
            [{"distinct": "events", "key": "type", "query": {"tenant": "t3"}}],
            {"tenant": 1, "type": 1}),
        HandMade("an update of one document",
            [{"update": "readings", "updates": [
                {"q": {"device": 99, "seq": 41}, "u": {"$set": {"seen": True}}}]}],
            {"device": 1, "seq": 1}),
        HandMade("a group of one seller's orders by status",
            [pipeline("orders", {"$match": {"tenant": 5, "created": {"$gte": NOW - 60 * day}}},
                       {"$group": {"_id": "$status", "sum": {"$sum": "$total"}}})],
            {"tenant": 1, "created": 1}, covers=["status", "total"]),
        HandMade("a join ($lookup): the foreign field",
            [pipeline("users", {"$match": {"plan": "enterprise"}},
                       {"$lookup": {"from": "orders", "localField": "number",
                                    "foreignField": "customer", "as": "orders"}})],
            {},
            indexes=[
                [Made((("customer", 1),), {}, "orders")],
                [Made((("customer", 1),), {}, "orders"), made(("plan", 1))],
                [made(("plan", 1))],
            ]),
        # ------------------------------------------------ where no index is needed
        HandMade("null, where most have nothing",
            [find("orders", {"gift": None})], {"gift": 1}, needs=False),
        HandMade("a hashed index is there",
            [find("users", {"email": "bob.801@mail3.com"})], {"email": 1},
            existing=[made(("email", "hashed"))], needs=False),
        HandMade("a TTL index is there for the range",
            [find("readings", {"ts": {"$gte": NOW - timedelta(hours=3)}})], {"ts": 1},
            existing=[made(("ts", 1), expireAfterSeconds=10**9)], needs=False),
        HandMade("the sort is an index read backwards, both directions mixed",
            [find("events", {}, sort={"type": 1, "at": -1}, limit=50)], {},
            [("type", 1), ("at", -1)],
            existing=[made(("type", -1), ("at", 1))], needs=False),
        HandMade("the prefix of an index that is there",
            [find("orders", {"customer": order["customer"]})], {"customer": 1},
            existing=[made(("customer", 1), ("created", -1))], needs=False),
        HandMade("the index that is there read backwards",
            [find("orders", {"tenant": 1}, sort=latest, limit=20)], {"tenant": 1}, newest,
            existing=[made(("tenant", 1), ("created", 1))], needs=False),
        HandMade("a partial index is there",
            [find("orders", {"archived": False, "created": {"$gte": NOW - 20 * day}})],
            {"archived": 1, "created": 1},
            existing=[made(("created", 1), partialFilterExpression={"archived": False})],
            needs=False),
        HandMade("a text index is there",
            [find("posts", {"$text": {"$search": post["body"].split()[3]}}, limit=20)], {},
            existing=[made(("body", "text"))], needs=False),
        HandMade("a count of all",
            [{"count": "orders", "query": {}}], {"created": 1}, needs=False),
        HandMade("two fields of a document compared ($expr)",
            [find("orders", {"$expr": {"$gt": ["$total", {"$multiply": ["$customer", 2]}]}})],
            {"total": 1, "customer": 1}, needs=False),
        HandMade("a flag that nearly all have",
            [find("orders", {"archived": True, "channel": {"$ne": "shop"}})],
            {"archived": 1, "channel": 1}, needs=False),
        HandMade("a small collection",
            [find("settings", {"tenant": 3, "key": "setting.43"})],
            {"tenant": 1, "key": 1}, needs=False),
        HandMade("a group of all documents",
            [pipeline("readings", {"$group": {"_id": "$device", "mean": {"$avg": "$value"}}})],
            {}, needs=False),
        HandMade("some documents by _id",
            [find("orders", {"_id": {"$in": list(range(500, 540))},
                              "status": {"$ne": "delivered"}})],
            {"status": 1}, needs=False),
        HandMade("a deletion of any one of most",
            [{"delete": "orders", "deletes": [{"q": {"status": "delivered"}, "limit": 1}]}],
            {"status": 1}, needs=False),
    ]  # fmt: skip
