"""Conditions on places ($geoWithin, $near and the like), evaluated on points as estimates need it.

Sides of polygons are taken as straight lines of longitude and latitude, which on the globe they are
only nearly; shapes other than points that documents hold are not evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbtune.mongo.indexes.query import Condition

GEO = ("$near", "$nearSphere", "$geoWithin", "$geoIntersects")
"""Operators of conditions on places."""
EARTH_METRES = 6_378_100.0
"""The radius that the server calculates with."""
Point = tuple[float, float]
Inside = Callable[[Point], bool]


def kinds_of(condition: Condition) -> tuple[str, ...]:
    """The kinds of index that serve a condition on places, the best first."""
    operand = condition.operand
    told = operand if isinstance(operand, Mapping) else {}
    if any(one in told for one in ("$box", "$center", "$polygon")):
        return ("2d",)
    if is_near(condition) and "$geometry" not in told:
        return ("2d", "2dsphere") if condition.operator == "$near" else ("2dsphere", "2d")
    return ("2dsphere",)


def is_near(condition: Condition) -> bool:
    """Whether the nearest come first, which only an index of its kind can do."""
    return condition.operator in ("$near", "$nearSphere")


def point_of(value: object) -> Point | None:
    """A GeoJSON point, or a pair of coordinates; ``None`` if it is anything else."""
    if isinstance(value, Mapping):
        if "type" in value or "coordinates" in value:
            return point_of(value.get("coordinates")) if value.get("type") == "Point" else None
        value = list(value.values())[:2]
    if isinstance(value, list | tuple) and len(value) >= 2:
        x, y = value[0], value[1]
        if isinstance(x, int | float) and isinstance(y, int | float):
            return float(x), float(y)
    return None


def place_test(
    operator: str, operand: Any, siblings: Mapping[str, Any]
) -> Callable[[Any], bool] | None:
    """A test of a value of a field; ``None`` if the condition is not evaluated here.

    The test raises ValueError if the value is another shape than a point.
    """
    inside = _near(operator, operand, siblings) if "near" in operator.lower() else _within(operand)
    if inside is None:
        return None

    def test(value: Any) -> bool:
        point = point_of(value)
        if point is None and isinstance(value, Mapping):
            raise ValueError("a shape that is no point")
        return point is not None and inside(point)

    return test


def _within(operand: Any) -> Inside | None:
    if not isinstance(operand, Mapping):
        return None
    geometry = operand.get("$geometry")
    if isinstance(geometry, Mapping):
        coordinates = geometry.get("coordinates")
        if geometry.get("type") == "Polygon":
            return _polygon(coordinates)
        if geometry.get("type") == "MultiPolygon" and isinstance(coordinates, list):
            parts = list(map(_polygon, coordinates))
            return lambda point: any(part(point) for part in parts)
        return None
    for name, make in _FLAT.items():
        if name in operand:
            return make(operand[name])
    return None


def _near(operator: str, operand: Any, siblings: Mapping[str, Any]) -> Inside | None:
    told = operand if isinstance(operand, Mapping) else siblings
    sphere = isinstance(operand, Mapping) and "$geometry" in operand
    centre = point_of(operand["$geometry"] if sphere else operand)
    if centre is None:
        return None
    least = float(told.get("$minDistance", 0))
    most = float(told.get("$maxDistance", math.inf))
    if not sphere and operator == "$near":
        return lambda point: least <= math.dist(point, centre) <= most
    unit = EARTH_METRES if sphere else 1.0
    return lambda point: least <= _radians(point, centre) * unit <= most


def _radians(one: Point, other: Point) -> float:
    """The angle between two places on the globe: the haversine formula."""
    x, y, a, b = map(math.radians, (*one, *other))
    half = math.sin((b - y) / 2) ** 2 + math.cos(y) * math.cos(b) * math.sin((a - x) / 2) ** 2
    return 2 * math.asin(min(1.0, math.sqrt(half)))


def _polygon(rings: Any) -> Inside:
    """Inside the first ring, and in none of the holes."""
    outer, *holes = [_ring(one) for one in rings]
    return lambda point: outer(point) and not any(hole(point) for hole in holes)


def _ring(corners: Sequence[Sequence[float]]) -> Inside:
    """A ray to the right crosses the ring an odd number of times."""
    sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))

    def inside(point: Point) -> bool:
        x, y = point
        crossed = 0
        for (a, b, *_), (c, d, *_) in sides:
            if (b > y) != (d > y) and x < a + (y - b) * (c - a) / (d - b):
                crossed += 1
        return crossed % 2 == 1

    return inside


def _box(corners: Any) -> Inside:
    (a, b), (c, d) = corners
    return lambda point: a <= point[0] <= c and b <= point[1] <= d


def _circle(told: Any) -> Inside:
    centre, radius = told
    return lambda point: math.dist(point, centre) <= radius


def _cap(told: Any) -> Inside:
    centre, radius = told
    return lambda point: _radians(point, (centre[0], centre[1])) <= radius


_FLAT: dict[str, Callable[[Any], Inside]] = {
    "$box": _box,
    "$center": _circle,
    "$centerSphere": _cap,
    "$polygon": _ring,
}
