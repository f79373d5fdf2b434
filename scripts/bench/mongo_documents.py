"""The documents of the hand-made query shapes: the same each time, skewed, nested and sparse."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Document = dict[str, Any]


def _zipf(rng: random.Random, many: int, skew: float, draws: int = 50_000) -> list[int]:
    return rng.choices(range(many), [1 / (n + 1) ** skew for n in range(many)], k=draws)


def orders(rng: random.Random, count: int = 40_000) -> Iterator[Document]:
    """Orders of a shop with 200 sellers (tenants)."""
    tenants, customers = _zipf(rng, 200, 0.9), _zipf(rng, 6000, 0.4)
    for n in range(count):
        customer = rng.choice(customers)
        city = rng.randrange(300)
        created = NOW - timedelta(minutes=(count - n) * 10 + rng.randrange(60))
        new = n > 0.98 * count
        yield {
            "_id": n,
            "tenant": rng.choice(tenants),
            "customer": customer,
            "email": f"{'Customer' if n % 3 else 'customer'}{customer}@example.org",
            "status": rng.choices(
                ["delivered", "cancelled", "shipped", "paid", "pending"],
                [10, 10, 40, 20, 20] if new else [89, 8, 2.5, 0.3, 0.2],
            )[0],
            "created": created,
            "updated": created + timedelta(minutes=rng.randrange(5000)),
            "total": round(rng.lognormvariate(4, 1), 2),
            "channel": rng.choices(["web", "app", "shop"], [70, 25, 5])[0],
            "archived": rng.random() < 0.95,
            "items": [
                {"sku": rng.randrange(800), "qty": int(rng.expovariate(0.6)) + 1}
                for _ in range(rng.randrange(1, 5))
            ],
            "tags": rng.sample(range(60), rng.randrange(0, 5)),
            "address": {
                "country": f"c{city % 12}",
                "city": f"city {city}",
                "zip": city * 9 + n % 9,
            },
            **({"coupon": f"SPRING{rng.randrange(40)}"} if rng.random() < 0.03 else {}),
            **({"gift": "wrapped"} if rng.random() < 0.04 else {}),
            "note": "n" * rng.randrange(60, 220),
        }


def readings(rng: random.Random, count: int = 40_000) -> Iterator[Document]:
    """What 400 sensors told."""
    for n in range(count):
        yield {
            "_id": n,
            "device": rng.randrange(400),
            "seq": n // 400,
            "ts": NOW - timedelta(seconds=(count - n) * 30),
            "kind": rng.choices(["temperature", "humidity", "voltage"], [50, 30, 20])[0],
            "value": rng.gauss(20, 8),
            "quality": min(100, int(abs(rng.gauss(100, 25)))) if rng.random() < 0.98 else 3,
            "alarm": rng.random() < 0.004,
            "meta": {"site": rng.randrange(12), "rack": rng.randrange(90)},
            "raw": "f" * rng.randrange(80, 200),
        }


def posts(rng: random.Random, count: int = 30_000) -> Iterator[Document]:
    """Posts of 2,500 people."""
    authors, topics = _zipf(rng, 2500, 0.8), _zipf(rng, 500, 0.8)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randrange(3, 9))) for _ in range(900)]
    common = _zipf(rng, 900, 0.7)
    for n in range(count):
        yield {
            "_id": n,
            "author": rng.choice(authors),
            "slug": f"{words[rng.randrange(900)]}-{words[rng.randrange(900)]}-{n}",
            "at": NOW - timedelta(minutes=(count - n) * 4),
            "likes": int(rng.paretovariate(0.9)) - 1,
            "reply_to": None if rng.random() < 0.7 else rng.randrange(n + 1),
            "visibility": rng.choices(["public", "friends", "private"], [80, 15, 5])[0],
            "hashtags": sorted({rng.choice(topics) for _ in range(rng.randrange(4))}),
            "mentions": [rng.randrange(2500) for _ in range(rng.choice([0, 0, 0, 1, 2]))],
            "comments": [
                {"by": rng.randrange(2500), "stars": rng.randrange(6)}
                for _ in range(rng.choice([0, 0, 1, 3]))
            ],
            "body": " ".join(words[rng.choice(common)] for _ in range(25)),
            **(
                {"deleted": NOW - timedelta(days=rng.randrange(120))}
                if rng.random() < 0.015
                else {}
            ),
        }


def users(rng: random.Random, count: int = 12_000) -> Iterator[Document]:
    """Accounts."""
    for n in range(count):
        yield {
            "_id": n,
            "number": n,
            "email": f"{rng.choice(['Ada', 'bob', 'Carl', 'dora'])}.{n}@mail{n % 7}.com",
            "plan": rng.choices(["free", "pro", "enterprise"], [90, 9.7, 0.3])[0],
            "roles": ["user", *["editor"][: n % 40 == 0], *["admin"][: n % 700 == 0]],
            "country": f"c{rng.randrange(60)}",
            "last_login": NOW - timedelta(hours=int(rng.expovariate(1 / 900))),
            "about": "u" * rng.randrange(100, 300),
        }


def events(rng: random.Random, count: int = 40_000) -> Iterator[Document]:
    """Events of 50 tenants, of which one sends most; what they have under props differs."""
    types, tenants = _zipf(rng, 30, 0.7), _zipf(rng, 49, 0.5)
    for n in range(count):
        yield {
            "_id": n,
            "tenant": "t0" if rng.random() < 0.6 else f"t{rng.choice(tenants) + 1}",
            "type": rng.choice(types),
            "at": NOW - timedelta(seconds=(count - n) * 20 + rng.randrange(15)),
            "user": rng.randrange(3000),
            "props": {f"k{k}": rng.randrange(3000) for k in rng.sample(range(12), 5)},
            "payload": "p" * rng.randrange(100, 260),
        }


def places(rng: random.Random, count: int = 25_000) -> Iterator[Document]:
    """Shops and sights around some towns."""
    kinds = [40, 20, 10, 8, 6, 4, 3, 2, 2, 1, 1, 1, 1, 0.5, 0.5]
    towns = [(rng.uniform(-10, 30), rng.uniform(36, 60)) for _ in range(40)]
    for n in range(count):
        x, y = rng.choice(towns)
        where = [x + rng.gauss(0, 0.3), y + rng.gauss(0, 0.2)]
        yield {
            "_id": n,
            "location": {"type": "Point", "coordinates": where},
            "category": rng.choices(range(len(kinds)), kinds)[0],
            "rating": round(rng.triangular(1, 5, 4), 1),
            "description": "d" * rng.randrange(80, 200),
        }


def settings(rng: random.Random, count: int = 250) -> Iterator[Document]:
    """A small collection."""
    for n in range(count):
        yield {"_id": n, "key": f"setting.{n}", "value": rng.random(), "tenant": n % 20}


COLLECTIONS = {
    one.__name__: one for one in (orders, readings, posts, users, events, places, settings)
}
