"""dbtune explain on MongoDB: real explain output in every form, and each rule on plans of it."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pymongo
import pytest
from bson import json_util

from dbtune.finding import Finding, load_checks, run_checks
from dbtune.mongo.plans.build import build
from dbtune.mongo.plans.find import Found, find_documents
from dbtune.mongo.plans.model import Plan
from dbtune.mongo.shellprint import shell_text
from dbtune.mongo.shelltext import read_value
from tests.command import dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB

Client = pymongo.MongoClient[dict[str, Any]]
COUNT = 6000
CHECKS = load_checks("dbtune.mongo.plans.checks")


@pytest.fixture(scope="module")
def server() -> Iterator[MongoDB]:
    with own_mongodb() as started:
        started.start()
        with started.client() as client:
            fill(client)
        yield started


@pytest.fixture(scope="module")
def client(server: MongoDB) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


def fill(client: Client) -> None:
    client.shop.orders.insert_many(
        {
            "_id": n,
            "status": "new" if n % 10 == 0 else "done",
            "amount": n % 1000,
            "created": n,
            "customer": n % 77,
            "name": f"N{n % 500}",
            "tags": [n % 5, n % 7, n % 11, n % 3],
            "scores": list(range(n % 40)),
            "note": "x" * 150,
        }
        for n in range(COUNT)
    )
    client.shop.customers.insert_many({"_id": n, "number": n % 77} for n in range(1500))
    for keys in ("amount", "tags", "name", "scores"):
        client.shop.orders.create_index(keys)
    client.shop.orders.create_index([("status", 1), ("created", 1)])
    client.shop.orders.create_index([("amount", 1), ("customer", 1), ("name", 1)], name="wide")


def raw(client: Client, command: Mapping[str, Any], verbosity: str = "executionStats") -> Any:
    return client.shop.command({"explain": dict(command), "verbosity": verbosity})


def plan(client: Client, command: Mapping[str, Any], verbosity: str = "executionStats") -> Plan:
    return build(Found(raw(client, command, verbosity), 1, False))


def find(given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"find": "orders", "filter": given} | more


def aggregate(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"aggregate": "orders", "pipeline": list(stages), "cursor": {}} | more


def found(one: Plan, **thresholds: Any) -> dict[str, Finding]:
    findings, skipped = run_checks(CHECKS, {"plan": one})
    assert not skipped
    return {finding.rule: finding for finding in findings}


# ------------------------------------------------------------------- each rule: two and none

NATURAL = {"hint": {"$natural": 1}}
TRIGGERS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "mongo.collscan-discards-documents": (
        [find({"customer": 3}), find({"customer": {"$gt": 70}, "note": "y"})],
        [find({"customer": {"$gt": 5}}), find({"amount": 3}), find({})],
    ),
    "mongo.or-branch-scans-collection": (
        [find({"$or": [{"customer": 3}, {"amount": 4}]}), find({"$or": [{"note": 1}, {"_id": 2}]})],
        [find({"$or": [{"amount": 3}, {"name": "N4"}]}), find({"customer": 3})],
    ),
    "mongo.fetch-discards-documents": (
        [find({"status": "new", "customer": 3}), find({"status": "done", "note": "y"})],
        [find({"status": "new", "customer": {"$gt": 10}}), find({"status": "new"})],
    ),
    "mongo.index-scanned-whole": (
        [
            find({"customer": 3}, hint="amount_1", limit=3, sort={"note": 1}),
            find({"note": "y"}, hint="status_1_created_1"),
        ],
        [find({"status": "new"}, sort={"created": 1}), find({}, hint="amount_1")],
    ),
    "mongo.index-keys-discarded": (
        [
            find({"amount": {"$gte": 0}, "customer": 3, "name": "N3"}, hint="wide"),
            find({"name": {"$regex": "77$"}}, hint="name_1"),
        ],
        [find({"amount": 3, "customer": {"$gt": 3}}, hint="wide"), find({"amount": {"$gt": 5}})],
    ),
    "mongo.multikey-repeats-documents": (
        [find({"scores": {"$gte": 0}}), find({"scores": {"$gte": 2, "$lt": 30}}, hint="scores_1")],
        [find({"scores": 3}), find({"amount": {"$gt": 0}})],
    ),
    "mongo.blocking-sort": (
        [
            find({"amount": {"$gt": 500}}, sort={"created": 1}, limit=3, hint="amount_1"),
            find({"customer": {"$gt": 3}}, sort={"note": 1}, **NATURAL),
        ],
        [
            find({"status": "new"}, sort={"created": -1}),
            # Sorted below the fetch: index keys only.
            find({"status": {"$gte": "a"}}, sort={"created": 1}, limit=3,
                 hint="status_1_created_1"),
        ],
    ),
    "mongo.unanchored-regex": (
        [find({"name": {"$regex": "77"}}), find({"name": {"$regex": "^n7", "$options": "i"}})],
        [find({"name": {"$regex": "^N77"}}), find({"name": "N77"})],
    ),
    "mongo.negation-reads-most": (
        [
            find({"status": {"$ne": "new"}}, hint="status_1_created_1"),
            find({"amount": {"$nin": [1, 2]}}, hint="amount_1"),
        ],
        [find({"status": {"$ne": "done"}}), find({"amount": {"$gt": 2}}, hint="amount_1")],
    ),
    "mongo.lookup-without-index": (
        [
            aggregate(
                {"$match": {"amount": {"$lt": 3}}},
                {"$lookup": {"from": "customers", "localField": "customer",
                             "foreignField": "number", "as": "who"}},
                allowDiskUse=disk,
            )
            for disk in (False, True)
        ],
        [
            aggregate(
                {"$match": {"amount": {"$lt": 3}}},
                {"$lookup": {"from": "customers", "localField": "customer",
                             "foreignField": "_id", "as": "who"}},
            ),
            find({"amount": 3}),
        ],
    ),
    "mongo.match-after-unwind": (
        [
            aggregate({"$unwind": "$tags"}, {"$match": {"tags": 10}}),
            aggregate({"$match": {"status": "done"}}, {"$unwind": "$scores"},
                      {"$match": {"scores": {"$gt": 37}}}),
        ],
        [
            aggregate({"$unwind": "$tags"}, {"$match": {"tags": {"$gte": 0}}}),
            aggregate({"$match": {"tags": 10}}, {"$group": {"_id": "$status"}}),
        ],
    ),
    "mongo.skip-discards-documents": (
        [find({}, skip=4000, limit=5), aggregate({"$sort": {"_id": 1}}, {"$skip": 3000})],
        [find({}, skip=10, limit=5), find({"amount": 3}, skip=5000)],
    ),
    "mongo.expression-on-every-document": (
        [
            find({"$expr": {"$gt": ["$customer", "$created"]}}),
            find({"$where": "this.customer == 5"}),
        ],
        [find({"amount": 3, "$expr": {"$gt": ["$customer", 3]}}), find({"customer": 3})],
    ),
    "mongo.fetch-avoidable": (
        [
            find({"status": "done"}, projection={"_id": 0, "amount": 1}, hint="status_1_created_1"),
            find({"amount": {"$gt": 10}}, projection={"_id": 0, "amount": 1, "created": 1},
                 hint="amount_1"),
        ],
        [
            find({"status": "done"}, projection={"_id": 0, "created": 1}),
            find({"status": "done"}, projection={"note": 0}),
            find({"amount": 3}, projection={"_id": 0, "created": 1}),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", TRIGGERS)
def test_a_rule_fires_where_it_must_and_only_there(client: Client, rule: str) -> None:
    must, must_not = TRIGGERS[rule]
    assert len(must) >= 2
    for command in must:
        finding = found(relaxed(plan(client, command))).get(rule)
        assert finding, command
        assert re.search(r"\d", finding.message)
        sql = finding.remedy.sql
        assert not sql or "createIndex" not in sql or sql.startswith("db.getSiblingDB("), sql
    for command in must_not:
        assert rule not in found(relaxed(plan(client, command))), command


def relaxed(one: Plan) -> Plan:
    """Without the times, which a fast machine makes too small for any share."""
    nodes = tuple(replace(node, self_ratio=None, self_ms=None) for node in one.nodes)
    return replace(one, nodes=nodes, timing=False, total_ms=None)


@pytest.fixture
def little_memory(client: Client) -> Iterator[Client]:
    """A server whose sorts may hold 40 kB."""
    name = "internalQueryMaxBlockingSortMemoryUsageBytes"
    before = client.admin.command({"getParameter": 1, name: 1})[name]
    client.admin.command({"setParameter": 1, name: 40_000})
    yield client
    client.admin.command({"setParameter": 1, name: before})


def test_rules_on_memory(little_memory: Client) -> None:
    for sort in ({"note": 1}, {"customer": 1, "note": -1}):
        spilled = found(plan(little_memory, find({}, sort=sort, allowDiskUse=True)))
        assert "temporary files" in spilled["mongo.stage-spills"].message
        assert "mongo.blocking-sort" not in spilled
        failed = found(plan(little_memory, find({}, sort=sort, allowDiskUse=False)))
        assert "mongo.execution-failed" in failed
    for amount in (3, 4):  # six documents of about 6 kB
        near = plan(little_memory, find({"amount": {"$in": list(range(amount * 5))}},
                                        sort={"note": 1}, hint="amount_1"))  # fmt: skip
        assert "mongo.sort-near-limit" in found(near) or near.nodes[0].spilled
    calm = found(plan(little_memory, find({"amount": 3}, sort={"note": 1})))
    assert not calm.keys() & {"mongo.sort-near-limit", "mongo.stage-spills"}


def test_intersection(client: Client) -> None:
    client.admin.command("setParameter", 1, internalQueryForceIntersectionPlans=True)
    try:
        for given in ({"name": "N6", "tags": 6}, {"name": "N60", "tags": 5}):
            one = relaxed(plan(client, find(given)))
            one = replace(one, nodes=tuple(replace(n, keys_examined=900) for n in one.nodes))
            assert "mongo.index-intersection" in found(one), [node.type for node in one.nodes]
    finally:
        client.admin.command("setParameter", 1, internalQueryForceIntersectionPlans=False)
    assert "mongo.index-intersection" not in found(plan(client, find({"amount": 3})))


def test_plans_that_are_close(client: Client) -> None:
    most = {"name": {"$gt": "N1"}}
    for given in (most | {"amount": {"$gt": 5}}, most | {"status": {"$gt": "a"}}):
        one = plan(client, find(given), "allPlansExecution")
        assert one.rejected
        assert one.winner_score
        assert "mongo.plans-close" in found(one)
    clear = plan(client, find({"amount": 5, "status": "done"}), "allPlansExecution")
    assert clear.rejected
    assert "mongo.plans-close" not in found(clear)


# -------------------------------------------------------------------------- every form of output

EVERY_FORM = {
    "find": find({"amount": {"$gt": 500}, "customer": 3}, sort={"created": 1}),
    "or": find({"$or": [{"amount": 4}, {"status": "new", "customer": 3}]}, sort={"created": 1}),
    "id": find({"_id": 5}),
    "group": aggregate({"$match": {"status": "new"}}, {"$group": {"_id": "$customer"}}),
    "lookup": TRIGGERS["mongo.lookup-without-index"][0][0],
    "facet": aggregate({"$match": {"status": "new"}}, {"$facet": {"a": [{"$count": "n"}]}}),
    "union": aggregate({"$unionWith": {"coll": "customers", "pipeline": [{"$match": {}}]}}),
    "count": {"count": "orders", "query": {"status": "new"}},
    "distinct": {"distinct": "orders", "key": "amount", "query": {}},
    "update": {
        "update": "orders",
        "updates": [{"q": {"customer": 5}, "u": {"$set": {"z": 1}}, "multi": True}],
    },
    "delete": {"delete": "orders", "deletes": [{"q": {"customer": 5}, "limit": 0}]},
    "nothing": {"find": "none", "filter": {"a": 1}},
}


@pytest.mark.parametrize("verbosity", ["queryPlanner", "executionStats", "allPlansExecution"])
@pytest.mark.parametrize("form", EVERY_FORM)
def test_every_form_is_read_with_parts_that_add_up(
    client: Client, form: str, verbosity: str
) -> None:
    one = plan(client, EVERY_FORM[form], verbosity)
    assert one.analyzed == (verbosity != "queryPlanner")
    assert one.nodes[0].depth == 0
    assert "(" not in one.root.type, "no stage was found"
    assert one.namespace.startswith("shop.")
    for node in one.nodes:
        assert node.parent is None or node.id in one.nodes[node.parent].children
        assert (node.self_ms or 0) >= 0
    if one.analyzed and one.total_ms is not None:
        parts = sum(node.self_ms or 0 for node in one.nodes) + (one.unaccounted_ms or 0)
        assert parts == pytest.approx(one.total_ms, abs=0.01)
    found(one)


@pytest.mark.parametrize(
    ("command", "covered"),
    [
        (find({"status": "new"}, projection={"_id": 0, "created": 1}), True),
        ({"count": "orders", "query": {"status": "new"}}, True),
        ({"distinct": "orders", "key": "amount", "query": {}}, True),
        (find({"status": "new"}), False),
        (find({"_id": 5}), False),
        (find({}), False),
        ({"count": "orders"}, False),
        (find({"tags": 3}, projection={"_id": 0, "tags": 1}), False),
        (find({"amount": -1}), False),
        # One branch alone is covered; so says a test for one IXSCAN without FETCH above.
        (find({"$or": [{"amount": 4}, {"status": "new", "customer": 3}]}), False),
        (TRIGGERS["mongo.lookup-without-index"][1][0], False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verbosity", ["queryPlanner", "executionStats"])
def test_covered(client: Client, command: dict[str, Any], covered: bool, verbosity: str) -> None:
    assert plan(client, command, verbosity).covered is covered


def test_the_same_plan_in_every_way_to_paste_it(client: Client, tmp_path: Path) -> None:
    document = raw(client, EVERY_FORM["find"])
    relaxed_json = json_util.dumps(document)
    canonical = json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS)
    shell = shell_text(document)
    indented = json.dumps(json.loads(relaxed_json), indent=2)
    pretty = re.sub(r'(?m)^( *)"(\w+)":', r"\1\2:", indented)
    ways = {
        "json": relaxed_json,
        "canonical": canonical,
        "indented": indented,
        "shell": shell,
        "pretty": pretty,
        "pasted": f"rs0 [primary] shop> db.orders.find({{a: {{$gt: 1}}}}).explain()\n{shell}\nrs0>",
        "fenced": f"Look at this {{sic}}:\n```js\n{pretty}\n```\nThanks",
        "list": f"[{relaxed_json}]",
        "repr": repr(document),
        "bom": "\ufeff" + relaxed_json,
    }
    expected = dbtune_json(tmp_path, ways.pop("json"))
    for name, text in ways.items():
        assert dbtune_json(tmp_path, text) == expected, name
    two = dbtune_json(tmp_path, f"{relaxed_json}\n\n{shell}")
    assert [one["docs_examined"] for one in two] == [expected[0]["docs_examined"]] * 2


def dbtune_json(folder: Path, text: str) -> Any:
    """The plans of a text, without where they stand in it."""
    file = folder / "explain.txt"
    file.write_text(text, encoding="utf-8")
    plans = dbtune("explain", str(file), "-f", "json").ok().json["plans"]
    for one in plans:
        one["source"] = one["number"] = None
        for finding in one["findings"]:
            finding["line"] = None
            finding["evidence"].pop("plan")
    return plans


def test_a_text_cut_anywhere_is_read_up_to_there_or_refused(client: Client) -> None:
    document = raw(client, EVERY_FORM["lookup"])
    for text in (shell_text(document), json_util.dumps(document, indent=1)):
        for end in range(0, len(text), 97):
            for one in find_documents(text[:end]):
                built = build(one)
                assert built.truncated
                found(built)


def test_output_that_the_shell_cut_is_marked(tmp_path: Path) -> None:
    text = """{ explainVersion: '1',
      queryPlanner: { namespace: 'shop.orders', parsedQuery: [Object],
      winningPlan: { stage: 'FETCH', inputStage: [Object] }, rejectedPlans: [] },
      executionStats: { nReturned: 3, executionTimeMillis: 9, totalDocsExamined: 3,
      executionStages: { stage: 'FETCH', nReturned: 3, executionTimeMillisEstimate: 8,
      inputStage: [Object] } } }"""
    file = tmp_path / "cut.txt"
    file.write_text(text)
    result = dbtune("explain", str(file)).ok()
    assert "CUT OFF" in result.out
    assert "EJSON.stringify" in result.out


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    for text, said in (
        ("{ queryPlanner: { winningPlan: { stage: } } }", "line 1, column 41: expected a value"),
        ("the winningPlan: is missing", "expected the output of explain()"),
    ):
        file = tmp_path / "bad.txt"
        file.write_text(text)
        result = dbtune("explain", str(file))
        assert result.code == 2
        assert said in result.err
        assert result.err.count("\n") == 1


def test_standard_input(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json_util.dumps(raw(client, EVERY_FORM["find"]))

    class Piped(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Piped(io.BufferedReader(io.BytesIO(text.encode()))))
    assert dbtune("explain", "-f", "json").ok().json["plans"][0]["namespace"] == "shop.orders"
    monkeypatch.setattr(
        sys, "stdin", io.StringIO("Seq Scan on a  (cost=0.00..1.00 rows=1 width=4)")
    )
    assert dbtune("explain", "-f", "json").ok().json["plans"][0]["nodes"][0]["type"] == "Seq Scan"


# ------------------------------------------------------------------------------------------- live


def test_live_plans_only_unless_told_and_fits_its_schema(server: MongoDB) -> None:
    ask = ("explain", server.url(), "--collection", "shop.orders",
           "--filter", "{amount: {$gt: 500}, customer: 3}", "--sort", "{created: -1}",
           "--projection", "{created: 1}", "--find-limit", "7", "-f", "json")  # fmt: skip
    planned = dbtune(*ask).ok().json
    executed = dbtune(*ask, "--analyze").ok().json
    schema = dbtune("schema", "explain").ok().json
    for told in (planned, executed):
        jsonschema.validate(told, schema)
        (one,) = told["plans"]
        assert one["statement"] == (
            "orders.find({amount: {$gt: 500}, customer: 3}, {created: 1})"
            ".sort({created: -1}).limit(7)"
        )
        assert one["nodes"][0]["type"].startswith("PROJECTION")
    assert planned["plans"][0]["analyzed"] is False
    assert planned["skipped"][0]["reason"].endswith("--analyze executes it")
    assert executed["plans"][0]["total_rows"] == 7
    assert executed["target"]["server"].startswith("MongoDB")


def test_live_pipeline(server: MongoDB) -> None:
    pipeline = "[{$match: {status: 'new'}}, {$unwind: '$tags'}, {$match: {tags: 10}}]"
    ask = ("explain", server.url("shop"), "--collection", "orders", "--pipeline", pipeline)
    (one,) = dbtune(*ask, "--analyze", "-f", "json").ok().json["plans"]
    assert one["operation"] == "aggregate"
    assert [node["type"] for node in one["nodes"]][:2] == ["$match", "$unwind"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--collection", "shop.orders", "--pipeline", "[{$out: 'x'}]"), "$out writes"),
        (
            ("--collection", "shop.orders", "--analyze", "--pipeline",
             "[{$match: {}}, {$merge: {into: 'x'}}]"),
            "$merge writes",
        ),
        (("--collection", "shop.orders", "--pipeline", "[{$nonsense: 1}]"), "Unrecognized"),
        (("--collection", "shop.orders", "--filter", "{a: {$nonsense: 1}}"), "unknown operator"),
        (("--collection", "shop.orders", "--filter", "status=new"), "--filter, character 1"),
        (("--collection", "orders"), "names no database"),
        (("--collection", "nowhere.orders"), "sees no database nowhere"),
        (("--collection", "shop.ordres"), "has no such collection; did you mean orders?"),
        (("--filter", "{}"), "--filter needs --collection"),
        (("--sql", "SELECT 1"), "give --collection DB.COLL with --filter or --pipeline"),
        (("--collection", "shop.orders", "--pipeline", "[]", "--filter", "{a: 1}"), "for a find"),
        (("--collection", "shop.orders", "--sql", "SELECT 1"), "--sql is for PostgreSQL"),
    ],
)  # fmt: skip
def test_live_mistakes_are_one_sentence(
    server: MongoDB, client: Client, arguments: tuple[str, ...], said: str
) -> None:
    before = client.shop.list_collection_names()
    result = dbtune("explain", server.url(), *arguments)
    assert result.code == 2, result.err
    assert said in result.err
    assert "Traceback" not in result.err
    assert client.shop.list_collection_names() == before


def test_without_access_control_everything_may_be_read(server: MongoDB) -> None:
    tested = dbtune("profile", "test", server.url(), "-f", "json").ok().json
    assert tested["connection"]["may_read"] == ["everything (access control is off)"]


def test_live_time_limit(server: MongoDB) -> None:
    slow = "{$where: 'sleep(10) || true'}"
    ask = ("explain", server.url(), "--collection", "shop.orders", "--filter", slow)
    assert dbtune(*ask, "--timeout", "300ms").code == 0
    result = dbtune(*ask, "--timeout", "300ms", "--analyze")
    assert result.ok().out.count("operation exceeded time limit") == 1
    assert "FAILED" in result.out


# ----------------------------------------------------------------------------- slot-based engine


def test_the_slot_based_engine_tells_the_same(new_mongodb: Any) -> None:
    slots = new_mongodb().start("--setParameter", "featureFlagSbeFull=true")
    with slots.client() as client:
        fill(client)
        for command, rows, keys, docs in (
            (EVERY_FORM["find"] | {"hint": "amount_1"}, 36, 2994, 2994),
            (find({"customer": 3}), 78, 0, COUNT),
            (find({"status": "new"}, projection={"_id": 0, "created": 1}), 600, 600, 0),
        ):
            one = plan(client, command)
            assert one.engine == "sbe"
            assert (one.total_rows, one.keys_examined, one.docs_examined) == (rows, keys, docs)
            assert sum(node.docs_examined or 0 for node in one.nodes) == docs
            assert sum(node.keys_examined or 0 for node in one.nodes) == keys
            assert one.root.total_rows == rows
            assert one.covered is (docs == 0)
            total = sum(node.self_ms or 0 for node in one.nodes) + (one.unaccounted_ms or 0)
            assert total == pytest.approx(one.total_ms, abs=0.01)
        assert "mongo.fetch-discards-documents" in found(
            plan(client, EVERY_FORM["find"] | {"hint": "amount_1"})
        )
        text = shell_text(raw(client, EVERY_FORM["find"]))
        assert read_value(text)[0]["explainVersion"] == "2"
