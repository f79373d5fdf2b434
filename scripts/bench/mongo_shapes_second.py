"""40 more query shapes made by hand, when the first 48 were all answered right.

Used by ``mongo-indexes --hand-made second``.
"""

from __future__ import annotations

from datetime import timedelta

from bson import Regex
from mongo_documents import NOW
from mongo_judged import Command, Made
from mongo_shapes import HandMade, find, made, pipeline


def shapes(examples: dict[str, list[Command]]) -> list[HandMade]:
    """All of them, with values of documents that are there."""
    day = timedelta(days=1)
    newest, latest = [("created", -1)], {"created": -1}
    folded = {"locale": "en", "strength": 2}
    town = examples["places"][900]["location"]["coordinates"]
    near = {"type": "Point", "coordinates": town}
    return [
        HandMade(
            "seller, not delivered, newest",
            [find("orders", {"tenant": 1, "status": {"$ne": "delivered"}}, sort=latest, limit=20)],
            {"tenant": 1, "status": 1},
            newest,
        ),
        HandMade(
            "wildcard is there",
            [find("events", {"props.k2": 44, "tenant": "t0"})],
            {"props.k2": 1, "tenant": 1},
            existing=[made(("props.$**", 1))],
            needs=False,
        ),
        HandMade(
            "site and rack, latest",
            [find("readings", {"meta.site": 3, "meta.rack": 17}, sort={"ts": -1}, limit=5)],
            {"meta.site": 1, "meta.rack": 1},
            [("ts", -1)],
        ),
        HandMade(
            "comment elemMatch",
            [find("posts", {"comments": {"$elemMatch": {"by": 77, "stars": 5}}})],
            {"comments.by": 1, "comments.stars": 1},
        ),
        HandMade(
            "range is the sort",
            [find("posts", {"likes": {"$gte": 1000}}, sort={"likes": -1}, limit=10)],
            {"likes": 1},
            [("likes", -1)],
        ),
        HandMade(
            "public and liked, newest",
            [
                find(
                    "posts",
                    {"visibility": "public", "likes": {"$gte": 40}},
                    sort={"at": -1},
                    limit=20,
                )
            ],
            {"visibility": 1, "likes": 1},
            [("at", -1)],
        ),
        HandMade(
            "findAndModify",
            [
                {
                    "findAndModify": "orders",
                    "query": {"status": "pending", "channel": "app"},
                    "sort": {"created": 1},
                    "update": {"$set": {"status": "paid"}},
                }
            ],
            {"status": 1, "channel": 1},
            [("created", 1)],
        ),
        HandMade(
            "match sort limit lookup",
            [
                pipeline(
                    "orders",
                    {"$match": {"tenant": 3}},
                    {"$sort": {"total": -1}},
                    {"$limit": 10},
                    {
                        "$lookup": {
                            "from": "users",
                            "localField": "customer",
                            "foreignField": "number",
                            "as": "who",
                        }
                    },
                )
            ],
            {"tenant": 1},
            [("total", -1)],
            indexes=[
                [made(("tenant", 1), ("total", -1)), Made((("number", 1),), {}, "users")],
                [Made((("number", 1),), {}, "users")],
                [made(("tenant", 1)), Made((("number", 1),), {}, "users")],
            ],
        ),
        HandMade(
            "unwind then match",
            [
                pipeline(
                    "orders",
                    {"$unwind": "$items"},
                    {"$match": {"items.sku": 55}},
                    {"$group": {"_id": None, "n": {"$sum": "$items.qty"}}},
                )
            ],
            {"items.sku": 1},
        ),
        HandMade(
            "or on one field",
            [find("orders", {"$or": [{"customer": 5}, {"customer": 99}, {"customer": 3000}]})],
            {"customer": 1},
        ),
        HandMade(
            "two flags",
            [find("orders", {"channel": "shop", "archived": False})],
            {"channel": 1, "archived": 1},
        ),
        HandMade("prefix of a quarter", [find("users", {"email": Regex("^bob")})], {"email": 1}),
        HandMade(
            "near without distance",
            [find("places", {"location": {"$near": {"$geometry": near}}}, limit=20)],
            {"location": "2dsphere"},
        ),
        HandMade(
            "2dsphere is there",
            [find("places", {"location": {"$near": {"$geometry": near, "$maxDistance": 3000}}})],
            {"location": "2dsphere"},
            existing=[made(("location", "2dsphere"))],
            needs=False,
        ),
        HandMade(
            "null coupon of a rare seller",
            [find("orders", {"coupon": None, "tenant": 177})],
            {"coupon": 1, "tenant": 1},
        ),
        HandMade(
            "count tenant status",
            [{"count": "orders", "query": {"tenant": 0, "status": "cancelled"}}],
            {"tenant": 1, "status": 1},
        ),
        HandMade(
            "covered week",
            [
                find(
                    "orders",
                    {"created": {"$gte": NOW - 30 * day}},
                    projection={"_id": 0, "created": 1, "total": 1},
                )
            ],
            {"created": 1},
            covers=["total"],
        ),
        HandMade(
            "distinct user of type",
            [{"distinct": "events", "key": "user", "query": {"type": 20}}],
            {"type": 1, "user": 1},
        ),
        HandMade(
            "tags in and customer",
            [find("orders", {"tags": {"$in": [3, 4]}, "customer": 10})],
            {"tags": 1, "customer": 1},
        ),
        HandMade(
            "positional", [find("orders", {"items.0.sku": 5})], {"items.0.sku": 1, "items.sku": 1}
        ),
        HandMade(
            "range, other index there",
            [find("orders", {"total": {"$gte": 55, "$lt": 57}})],
            {"total": 1},
            existing=[made(("created", 1))],
        ),
        HandMade(
            "devices and range in order",
            [
                find(
                    "readings",
                    {"device": {"$in": list(range(40))}, "ts": {"$gte": NOW - 2 * day}},
                    sort={"ts": 1},
                )
            ],
            {"device": 1},
            [("ts", 1)],
        ),
        HandMade(
            "delete old",
            [
                {
                    "delete": "readings",
                    "deletes": [{"q": {"ts": {"$lt": NOW - 13 * day}}, "limit": 0}],
                }
            ],
            {"ts": 1},
        ),
        HandMade(
            "not null",
            [find("posts", {"reply_to": {"$ne": None}}, sort={"at": -1}, limit=10)],
            {"reply_to": 1},
            [("at", -1)],
        ),
        HandMade(
            "page far behind",
            [find("orders", {}, sort=latest, skip=3000, limit=10)],
            {},
            newest,
            existing=[made(("created", 1))],
            needs=False,
        ),
        HandMade(
            "pro users",
            [find("users", {"plan": "pro"}, sort={"last_login": -1}, limit=50)],
            {"plan": 1},
            [("last_login", -1)],
        ),
        HandMade(
            "sort skips a field of the index that is there",
            [find("orders", {"tenant": 0}, sort=latest, limit=10)],
            {"tenant": 1},
            newest,
            existing=[made(("tenant", 1), ("status", 1), ("created", 1))],
        ),
        HandMade(
            "single indexes are there",
            [find("orders", {"tenant": 150, "created": {"$gte": NOW - 2 * day}})],
            {"tenant": 1, "created": 1},
            existing=[made(("tenant", 1)), made(("created", 1))],
            needs=False,
        ),
        HandMade(
            "sparse is there",
            [find("orders", {"coupon": "SPRING3"})],
            {"coupon": 1},
            existing=[made(("coupon", 1), sparse=True)],
            needs=False,
        ),
        HandMade(
            "collation is there",
            [find("users", {"email": "ADA.77@mail0.com"}, collation=folded)],
            {},
            existing=[made(("email", 1), collation=folded)],
            needs=False,
        ),
        HandMade(
            "without the collation of the one there",
            [find("users", {"email": "ada.77@mail0.com"})],
            {"email": 1},
            indexes=[[made(("email", 1))]],
            existing=[made(("email", 1), ("plan", 1), collation=folded)],
        ),
        HandMade(
            "expr equal",
            [
                find(
                    "orders",
                    {"$expr": {"$and": [{"$eq": ["$customer", 17]}, {"$gt": ["$total", 10]}]}},
                )
            ],
            {"customer": 1, "total": 1},
        ),
        HandMade(
            "lookup pipeline",
            [
                pipeline(
                    "users",
                    {"$match": {"roles": "admin"}},
                    {
                        "$lookup": {
                            "from": "orders",
                            "let": {"n": "$number"},
                            "pipeline": [{"$match": {"$expr": {"$eq": ["$customer", "$$n"]}}}],
                            "as": "o",
                        }
                    },
                )
            ],
            {"roles": 1},
            indexes=[
                [Made((("customer", 1),), {}, "orders")],
                [Made((("customer", 1),), {}, "orders"), made(("roles", 1))],
            ],
        ),
        HandMade(
            "nor",
            [
                find(
                    "orders",
                    {
                        "$nor": [
                            {"status": "delivered"},
                            {"status": "cancelled"},
                            {"status": "shipped"},
                        ]
                    },
                )
            ],
            {"status": 1},
        ),
        HandMade(
            "descending pair",
            [find("orders", {"channel": "shop"}, sort={"total": -1, "created": -1}, limit=15)],
            {"channel": 1},
            [("total", -1), ("created", -1)],
        ),
        HandMade(
            "group by author of recent",
            [
                pipeline(
                    "posts",
                    {"$match": {"at": {"$gte": NOW - 2 * day}}},
                    {"$group": {"_id": "$author", "n": {"$sum": 1}}},
                    {"$sort": {"n": -1}},
                    {"$limit": 10},
                )
            ],
            {"at": 1},
            covers=["author"],
        ),
        HandMade("sample of all", [pipeline("posts", {"$sample": {"size": 10}})], {}, needs=False),
        HandMade(
            "geo within of everything",
            [
                find(
                    "places",
                    {"location": {"$geoWithin": {"$centerSphere": [[10, 48], 0.6]}}, "category": 0},
                )
            ],
            {"location": "2dsphere", "category": 1},
            needs=False,
        ),
        HandMade(
            "exists false",
            [find("posts", {"deleted": {"$exists": False}}, sort={"at": -1}, limit=20)],
            {"deleted": 1},
            [("at", -1)],
        ),
        HandMade("type", [find("posts", {"deleted": {"$type": "date"}})], {"deleted": 1}),
    ]
