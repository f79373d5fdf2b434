"""slow-queries on a real mongod: what is told, what is not, with how little privilege."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pymongo
import pytest

from dbtune.cli.slow_queries import TABLES
from dbtune.errors import TargetError, Unavailable
from dbtune.mongo.session import READS, Session
from dbtune.profile import profile_from_url
from dbtune.render.document import schema as json_schema
from dbtune.session import Limits
from tests import servers
from tests.command import Result, dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB, Postgres, Redis

Client = pymongo.MongoClient[dict[str, Any]]
SECRET = "pk4711secretvalue"
PASSWORD = "hunter2secret"
COUNT = 5000
LEAST = [
    {"resource": {"db": "", "collection": "system.profile"}, "actions": ["find"]},
    {"resource": {"cluster": True}, "actions": ["inprog", "listDatabases"]},
]


def fill(client: Client) -> None:
    """A shop with one index, so that most queries read everything."""
    client.shop.orders.insert_many(
        {
            "_id": number,
            "status": "done" if number % 10 else "new",
            "amount": number % 1000,
            "created": number,
            "customer": {"id": number % 77},
        }
        for number in range(COUNT)
    )
    client.shop.orders.create_index("amount")


def workload(client: Client) -> None:
    """Each planted problem so often that its count can be recognised."""
    orders = client.shop.orders
    for number in range(7):
        list(orders.find({"status": "new", "customer.id": number}, comment=SECRET))
    for length in (1, 2, 3):
        list(orders.find({"status": {"$in": [SECRET] * length}}))
    for _ in range(4):
        list(orders.find({"amount": {"$gte": 0}}).sort("created", -1).limit(5))
        list(orders.find({"amount": {"$gte": 0}, "note": SECRET}))
    for page in range(2):
        list(orders.find().sort("_id", 1).skip(2000 + page).limit(10))
    list(orders.find({"status": "new"}).batch_size(100))
    for _ in range(3):
        orders.update_many({"status": SECRET}, {"$set": {"note": SECRET}})
    orders.delete_many({"note": SECRET})
    list(orders.aggregate([{"$match": {"status": "new"}}, {"$group": {"_id": "$amount"}}]))
    orders.count_documents({"status": SECRET})


@pytest.fixture(scope="module")
def secured() -> Iterator[MongoDB]:
    """A mongod with users, whose profiler has recorded the workload of the user ``app``."""
    with own_mongodb() as server:
        server.start(auth=True)
        with server.client() as root:
            fill(root)
            admin = root.admin
            admin.command("createRole", "dbtune", privileges=LEAST, roles=[])
            for name, roles in {
                "app": ["readWriteAnyDatabase"],
                "least": ["dbtune"],
                "monitor": ["clusterMonitor"],
                "reader": [{"role": "read", "db": "shop"}],
                "nobody": [],
            }.items():
                admin.command("createUser", name, pwd=PASSWORD, roles=roles)
            root.shop.command("profile", 2)
            with as_app(server) as app:
                workload(app)
        yield server


def as_app(server: MongoDB) -> Client:
    return pymongo.MongoClient(server.url(user="app", password=PASSWORD), appname="shop")


def url(server: MongoDB, user: str, password: str = PASSWORD, database: str = "") -> str:
    return server.url(database, user=user, password=password)


def statement(result: Result, text: str) -> Any:
    """The statement with exactly this text."""
    found = [one for one in result.ok().json["statements"] if one["statement"] == text]
    assert len(found) == 1, [one["statement"] for one in result.json["statements"]]
    return found[0]


# ---------------------------------------------------------------------------------- what it tells


@pytest.fixture(scope="module")
def told(secured: MongoDB) -> Result:
    return dbtune("slow-queries", url(secured, "least"), "-f", "json", "-n", "1000").ok()


def test_calls_and_documents_are_counted(told: Result) -> None:
    one = statement(told, "shop.orders.find({customer.id: ?, status: ?})")
    assert one["calls"] == 7
    assert one["docs_examined"] == 7 * COUNT
    assert one["keys_examined"] == 0
    assert one["plan_summary"] == "COLLSCAN"
    assert (one["databases"], one["users"]) == (["shop"], ["app@admin"])
    assert one["max_ms"] >= one["mean_ms"] >= one["min_ms"] >= 0
    assert one["ids"]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("shop.orders.find({status: {$in: [?]}})", 3),
        ("shop.orders.find({amount: {$gte: ?}}).sort({created: -1}).limit(?)", 4),
        ("shop.orders.find({amount: {$gte: ?}, note: ?})", 4),
        ("shop.orders.find().sort({_id: 1}).skip(?).limit(?)", 2),
        ("shop.orders.updateMany({status: ?}, {$set: {note: ?}})", 3),
        ("shop.orders.deleteMany({note: ?})", 1),
        ("shop.orders.aggregate([{$match: {status: ?}}, {$group: {_id: $amount}}])", 1),
    ],
)
def test_shapes(told: Result, text: str, calls: int) -> None:
    assert statement(told, text)["calls"] == calls


def test_getmores_are_part_of_their_query(told: Result) -> None:
    one = statement(told, "shop.orders.find({status: ?})")
    assert (one["calls"], one["rows"], one["docs_examined"]) == (1, COUNT // 10, COUNT)


def test_no_value_and_no_password_shows(told: Result) -> None:
    assert SECRET not in told.out + told.err
    assert PASSWORD not in told.out + told.err


def test_findings(secured: MongoDB, tmp_path: Path) -> None:
    """Each planted problem; the profile says that no share of time is too small."""
    rules = ("collection-scan", "sort-in-memory", "examined-far-more-than-returned", "large-skip")
    lines = [f"      mongo.{rule}: {{min_time_share: 0}}" for rule in rules]
    text = f"profiles:\n  shop:\n    url: {url(secured, 'least')}\n    thresholds:\n"
    config = tmp_path / "dbtune.yaml"
    config.write_text(text + "\n".join(lines) + "\n")
    config.chmod(0o600)
    result = dbtune("slow-queries", "shop", "-f", "json", env={"DBTUNE_CONFIG": str(config)}).ok()
    assert result.json["target"]["name"] == "shop"
    found = {(one["rule"], one["subject"]) for one in result.json["findings"]}
    scan = "shop.orders.find({customer.id: ?, status: ?})"
    assert ("mongo.collection-scan", scan) in found
    sort = "shop.orders.find({amount: {$gte: ?}}).sort({created: -1}).limit(?)"
    assert ("mongo.sort-in-memory", sort) in found
    wide = "shop.orders.find({amount: {$gte: ?}, note: ?})"
    assert ("mongo.examined-far-more-than-returned", wide) in found
    skip = "shop.orders.find().sort({_id: 1}).skip(?).limit(?)"
    assert ("mongo.large-skip", skip) in found


def test_header_notes_and_schema(told: Result) -> None:
    jsonschema.validate(told.json, json_schema("slow-queries", TABLES))
    target = told.json["target"]
    assert (target["engine"], target["role"]) == ("mongodb", "standalone")
    assert target["server"].startswith("MongoDB 6.0")
    assert any("records every operation (level 2)" in note for note in told.json["notes"])
    assert told.json["summary"]["source"] == "system.profile"
    assert not told.json["skipped"]


def test_dbtune_leaves_itself_out_and_only_reads(secured: MongoDB) -> None:
    dbtune("slow-queries", url(secured, "monitor"), "--interval", "1s").ok()
    with secured.client() as root:
        ours = list(root.shop["system.profile"].find({"appName": "dbtune"}))
    sent = {next(iter(one["command"])) for one in ours if one["op"] != "getmore"}
    assert sent
    assert sent <= READS
    again = dbtune("slow-queries", url(secured, "monitor"), "-f", "json", "-n", "1000").ok().json
    assert not [one for one in again["statements"] if "system." in one["statement"]]
    assert not [one for one in again["statements"] if one["users"] == ["monitor@admin"]]


@pytest.mark.parametrize("width", [80, 200])
def test_for_people(secured: MongoDB, width: int) -> None:
    result = dbtune("slow-queries", url(secured, "least"), env={"COLUMNS": str(width)}).ok()
    assert "shop.orders.find({" in result.out
    assert "Findings:" in result.out


@pytest.mark.parametrize("form", ["ndjson", "csv", "markdown"])
def test_every_format(secured: MongoDB, form: str) -> None:
    result = dbtune("slow-queries", url(secured, "least"), "--format", form).ok()
    assert "shop.orders.find(" in result.out


def test_verbose_shows_each_command(secured: MongoDB) -> None:
    result = dbtune("slow-queries", url(secured, "least"), "-v").ok()
    assert '"find": "system.profile"' in result.err
    assert PASSWORD not in result.err


# ------------------------------------------------------------------------------------- selection


def test_user_and_database(secured: MongoDB) -> None:
    mine = ("slow-queries", url(secured, "least"), "-f", "json")
    by_name = dbtune(*mine, "--user", "app").ok().json["statements"]
    by_full_name = dbtune(*mine, "--user", "app@admin").ok().json["statements"]
    assert len(by_name) == len(by_full_name) > 5
    assert not dbtune(*mine, "--user", "somebody").ok().json["statements"]
    named = dbtune(*mine, "--database", "shop").ok().json["statements"]
    assert len(named) >= len(by_name)
    only = dbtune("slow-queries", url(secured, "least", database="shop"), "-f", "json").ok().json
    assert any("only database shop was examined" in note for note in only["notes"])


def test_a_database_that_is_not_there(secured: MongoDB) -> None:
    result = dbtune("slow-queries", url(secured, "least"), "--database", "shpo")
    assert result.code == 2
    assert "least@admin sees no database 'shpo'; it sees: admin, config, local, shop" in result.err


def test_an_order_that_mongodb_does_not_know(secured: MongoDB) -> None:
    result = dbtune("slow-queries", url(secured, "least"), "--by", "wal", "-f", "json").ok()
    assert any("MongoDB tells no wal of these" in note for note in result.json["notes"])


def test_interval(secured: MongoDB) -> None:
    """Only what ended in the interval, although the shape was recorded before, too."""
    enough = threading.Event()

    def run() -> None:
        with as_app(secured) as app:
            while not enough.wait(0.1):
                list(app.shop.orders.find({"status": "now", "interval": 1}))

    with as_app(secured) as app:
        list(app.shop.orders.find({"before": 1}))
    thread = threading.Thread(target=run)
    thread.start()
    try:
        result = dbtune(
            "slow-queries", url(secured, "least"), "--interval", "2s", "-f", "json", "-n", "1000"
        ).ok()
    finally:
        enough.set()
        thread.join()
    one = statement(result, "shop.orders.find({interval: ?, status: ?})")
    window = result.json["summary"]["window_seconds"]
    assert window > 1.9
    assert 1 <= one["calls"] <= 10 * window + 2
    assert result.json["summary"]["source"] == "system.profile (interval)"
    texts = [one["statement"] for one in result.json["statements"]]
    assert "shop.orders.find({before: ?})" not in texts


# ------------------------------------------------------------------------------------- privileges


def test_the_built_in_role_is_enough(secured: MongoDB) -> None:
    result = dbtune("slow-queries", url(secured, "monitor"), "--strict", "-f", "json").ok()
    assert result.json["statements"]


@pytest.mark.parametrize("user", ["reader", "nobody"])
def test_without_privilege_nothing_can_be_read(secured: MongoDB, user: str) -> None:
    result = dbtune("slow-queries", url(secured, user))
    assert result.code == 3
    assert f"{user}@admin may not read $currentOp" in result.err
    assert f'grantRolesToUser("{user}", [{{role: "clusterMonitor", db: "admin"}}])' in result.err
    assert PASSWORD not in result.err


def test_part_of_the_privileges(new_mongodb: Callable[[], MongoDB]) -> None:
    """One database's record can be read, another's not: told apart, and skipped is not clean."""
    server = new_mongodb().start(auth=True)
    with server.client() as root:
        for name in ("open", "closed"):
            root[name].command("profile", 2)
            list(root[name].things.find({"a": 1}))
        privilege = {"resource": {"db": "open", "collection": "system.profile"}}
        root.admin.command(
            "createRole", "part", privileges=[privilege | {"actions": ["find"]}], roles=[]
        )
        roles = ["part", {"role": "read", "db": "closed"}]
        root.admin.command("createUser", "part", pwd=PASSWORD, roles=roles)
    result = dbtune("slow-queries", url(server, "part"), "-f", "json").ok()
    assert statement(result, "open.things.find({a: ?})")["databases"] == ["open"]
    (skipped,) = result.json["skipped"]
    assert skipped["what"] == "system.profile of closed"
    assert "part@admin may not read the profiler's level" in skipped["reason"]
    assert "clusterMonitor" in skipped["remedy"]
    assert dbtune("slow-queries", url(server, "part"), "--strict").code == 4
    with server.client() as root:  # what the remedy says
        root.admin.command("grantRolesToUser", "part", roles=["clusterMonitor"])
    assert not dbtune("slow-queries", url(server, "part"), "-f", "json").ok().json["skipped"]


# ------------------------------------------------------------------------- without the profiler


def test_with_the_profiler_off_what_runs_is_sampled(new_mongodb: Callable[[], MongoDB]) -> None:
    server = new_mongodb().start(auth=True)
    enough = threading.Event()

    def run() -> None:
        with as_app(server) as app:
            while not enough.is_set():
                slow = {"$where": f"sleep(20) || '{SECRET}' == 1"}
                list(app.shop.orders.find({"a": SECRET} | slow))

    with server.client() as root:
        root.shop.orders.insert_many({"a": SECRET} for _ in range(10))
        for name, roles in {"least": LEAST, "profile": LEAST[:1]}.items():
            root.admin.command("createRole", name, privileges=roles, roles=[])
            root.admin.command("createUser", name, pwd=PASSWORD, roles=[name])
        root.admin.command("createUser", "app", pwd=PASSWORD, roles=["readWriteAnyDatabase"])
        thread = threading.Thread(target=run)
        thread.start()
        try:
            sampled = ("slow-queries", url(server, "least"), "--interval", "2s")
            result = dbtune(*sampled, "-f", "json").ok()
            mine = dbtune(*sampled, "-f", "json", "--user", "nobody").ok()
        finally:
            enough.set()
            thread.join()
    one = statement(result, "shop.orders.find({$where: ?, a: ?})")
    watched_ms = 1000 * result.json["summary"]["window_seconds"]
    assert one["total_ms"] == pytest.approx(watched_ms, rel=0.4)
    assert one["plan_summary"] == "COLLSCAN"
    assert one["users"] == ["app@admin"]
    assert result.json["summary"]["sampled"] is True
    assert SECRET not in result.out
    assert not mine.json["statements"]
    (skipped,) = result.json["skipped"]
    assert "the profiler is off in shop" in skipped["reason"]
    assert 'db.getSiblingDB("shop").setProfilingLevel(1, {slowms: 100' in skipped["remedy"]
    refused = dbtune("slow-queries", url(server, "profile"))
    assert refused.code == 3
    assert "setProfilingLevel(1" in refused.err
    assert "profile@admin may not read $currentOp" in refused.err


def test_what_the_remedy_turns_on_and_off(mongodb: MongoDB) -> None:
    """mongosh's setProfilingLevel is this command; the server takes it, and its undoing."""
    with mongodb.client() as client:
        client.shop.orders.insert_one({"a": 1})
        slow = {"millis": {"$gte": 100}, "appName": {"$ne": "dbtune"}}
        client.shop.command("profile", 1, slowms=100, filter=slow)
        list(client.shop.orders.find({"$where": "sleep(150) || true"}))
        list(client.shop.orders.find({"fast": 1}))
        result = dbtune("slow-queries", mongodb.url(), "-f", "json").ok()
        assert [one["statement"] for one in result.json["statements"]] == [
            "shop.orders.find({$where: ?})"
        ]
        assert any("what its filter lets through" in note for note in result.json["notes"])
        client.shop.command("profile", 0, slowms=100, filter="unset")
        assert "filter" not in client.shop.command("profile", -1)
    # What was recorded is still told, and that nothing is added to it now.
    off = dbtune("slow-queries", mongodb.url(), "-f", "json").ok().json
    assert len(off["statements"]) == 1
    assert any("the profiler is off in shop" in note for note in off["notes"])


def test_slow_operations_only(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_one({"a": 1})
        client.shop.command("profile", 1, slowms=50, sampleRate=1.0)
        list(client.shop.orders.find({"$where": "sleep(80) || true"}))
        result = dbtune("slow-queries", mongodb.url(), "-f", "json").ok()
        client.shop.command("profile", 0, slowms=100)
    assert any("records operations over 50.0 ms" in note for note in result.json["notes"])


def test_a_command_too_long_for_the_profiler(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.command("profile", 2)
        list(client.shop.orders.find({"a": {"$in": [SECRET * 5] * 2000}}))
        result = dbtune("slow-queries", mongodb.url(), "-f", "json").ok()
        client.shop.command("profile", 0)
    assert any("over 50 kB" in one["statement"] for one in result.json["statements"])
    assert SECRET not in result.out


def test_spills_and_write_conflicts(mongodb: MongoDB) -> None:
    with mongodb.client() as client:
        client.shop.orders.insert_many({"a": number, "pad": "x" * 1000} for number in range(3000))
        client.shop.counters.insert_one({"_id": 1, "n": 0})
        limit = "internalQueryMaxBlockingSortMemoryUsageBytes"
        before = client.admin.command({"getParameter": 1, limit: 1})[limit]
        client.admin.command({"setParameter": 1, limit: 1_000_000})
        client.shop.command("profile", 2)

        def count() -> None:
            for _ in range(300):
                client.shop.counters.update_one({"_id": 1}, {"$inc": {"n": 1}})

        try:
            threads = [threading.Thread(target=count) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # Last: the updates fill the 1 MB that the profiler keeps.
            list(client.shop.orders.find().sort("pad", 1).allow_disk_use(True))
        finally:
            client.shop.command("profile", 0)
            client.admin.command({"setParameter": 1, limit: before})
        conflicts = sum(
            one.get("writeConflicts", 0)
            for one in client.shop["system.profile"].find({"op": "update"})
        )
    found = dbtune("slow-queries", mongodb.url(), "-f", "json").ok().json["findings"]
    rules = {one["rule"]: one["evidence"] for one in found}
    assert rules["mongo.spills-to-disk"]["disk_uses"] == 1
    per_call = conflicts / 3600
    assert ("mongo.write-conflicts" in rules) == (per_call >= 1)


# ---------------------------------------------------------------------------------- replica sets


def test_replica_set(mongodb_rs: MongoDB) -> None:
    with mongodb_rs.client() as client:
        client.shop.command("profile", 2)
        list(client.shop.orders.find({"a": 1}))
        client.shop.command("profile", 0)
    for place in (mongodb_rs.url(), f"mongodb://{mongodb_rs.host}:{mongodb_rs.port}/"):
        result = dbtune("slow-queries", place, "-f", "json").ok()
        assert statement(result, "shop.orders.find({a: ?})")["calls"] == 1
        assert result.json["target"]["role"] == "primary"
        assert any("other members keep a profile" in note for note in result.json["notes"])


def test_secondary(new_mongodb: Callable[[], MongoDB]) -> None:
    """A member that is named is the one that is read, although it is no primary."""
    first, second = new_mongodb().start(rs=True), new_mongodb().start("--replSet", "rs0")
    with first.client() as client:
        config = client.admin.command("replSetGetConfig")["config"]
        member = {"_id": 1, "host": f"{second.host}:{second.port}", "priority": 0, "votes": 0}
        config["members"].append(member)
        config["version"] += 1
        client.admin.command("replSetReconfig", config)
        client.shop.orders.insert_one({"a": 1})
    place = f"mongodb://{second.host}:{second.port}/"
    with pymongo.MongoClient[dict[str, Any]](place + "?directConnection=true") as direct:
        deadline = time.monotonic() + 120
        while not direct.admin.command("hello")["secondary"]:
            assert time.monotonic() < deadline, "the second member does not become a secondary"
            time.sleep(0.05)
        direct.shop.command("profile", 2)
        while direct.shop.orders.find_one({"a": 1}) is None:
            time.sleep(0.05)
    result = dbtune("slow-queries", place, "-f", "json").ok()
    assert result.json["target"]["role"] == "secondary"
    assert statement(result, "shop.orders.find({a: ?}).limit(?)")
    # By the set's name: the primary, where nothing was recorded.
    with contextlib.closing(
        Session(profile_from_url(first.url(), "test"), Limits(connect_seconds=5))
    ) as session:
        assert session.role == "primary"
    preferring = f"{first.url()}&readPreference=secondary"
    with Session(profile_from_url(preferring, "test"), Limits(connect_seconds=5)) as session:
        assert session.role == "secondary"
        assert session.command("shop", {"profile": -1})["was"] == 2


# ------------------------------------------------------------------------------------------- TLS


def test_tls(new_mongodb: Callable[[], MongoDB]) -> None:
    made = servers.certificate()
    server = new_mongodb()
    both = server.write("server.pem", made.cert.read_text() + made.key.read_text())
    server.start("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(both))
    place = f"mongodb://{server.host}:{server.port}/"
    trusted = f"{place}?tls=true&tlsCAFile={quote(str(made.cert))}"
    assert "6.0" in dbtune("slow-queries", trusted, "--interval", "1s").ok().out
    plain = dbtune("slow-queries", place)
    assert plain.code == 3
    assert "?tls=true" in plain.err
    untrusted = dbtune("slow-queries", place + "?tls=true")
    assert untrusted.code == 3
    assert "certificate verify failed" in untrusted.err
    assert "check tlsCAFile" in untrusted.err


# ----------------------------------------------------------------------------------------- errors


def fails(target: str, code: int, *parts: str) -> None:
    started = time.monotonic()
    result = dbtune("slow-queries", target)
    assert result.code == code, result.err
    for part in parts:
        assert part in result.err
    assert not result.out
    for word in (PASSWORD, "wrong-password", "Traceback", "Topology", "bug in dbtune"):
        assert word not in result.err
    assert len([line for line in result.err.splitlines() if "warning:" not in line]) <= 3
    assert time.monotonic() - started < 25  # the driver's own patience is 30 seconds


def test_login_errors(secured: MongoDB) -> None:
    fails(url(secured, "least", "wrong-password"), 3, "Authentication failed", "authSource=admin")
    place = f"{secured.host}:{secured.port}"
    fails(f"mongodb://least:{PASSWORD}@{place}/shop", 3, "add ?authSource=admin")
    fails(f"mongodb://{place}/", 3, "wants a user and password")
    fails(f"mongodb://least@{place}/", 2, "there is a user, but no password")


def test_a_server_that_is_not_there() -> None:
    port = servers.free_port()
    fails(f"mongodb://127.0.0.1:{port}/", 3, "Connection refused", "is the server running")
    fails("mongodb://no-such-host.invalid/", 3, "check the host name")
    fails(f"mongodb://127.0.0.1:{port},127.0.0.1:{port + 1}/?replicaSet=x", 3, "refused")


def test_a_port_of_another_server(pg18: Postgres) -> None:
    fails(f"mongodb://127.0.0.1:{pg18.port}/", 3, "not with MongoDB's protocol")


def test_a_redis_port(redis_server: Redis) -> None:
    place = f"mongodb://127.0.0.1:{redis_server.port}/"
    result = dbtune("slow-queries", place, "--connect-timeout", "2s")
    assert result.code == 3
    assert "can't connect" in result.err


def test_a_replica_set_of_another_name(mongodb: MongoDB, mongodb_rs: MongoDB) -> None:
    for server in (mongodb, mongodb_rs):
        place = f"mongodb://{server.host}:{server.port}/?replicaSet=other"
        fails(place, 3, "not a member of the replica set", "check replicaSet=")


def test_a_time_limit(new_mongodb: Callable[[], MongoDB]) -> None:
    """maxTimeMS is sent with each command, and its end is one sentence."""
    server = new_mongodb().start("--setParameter", "enableTestCommands=1")
    with (
        server.client() as root,
        Session(profile_from_url(server.url(), "test"), Limits(statement_seconds=7)) as session,
    ):
        root.admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="alwaysOn")
        with pytest.raises(Unavailable, match="took longer than 7 s; raise the limit"):
            session.command("admin", {"buildInfo": 1})
        with pytest.raises(Unavailable, match="took longer than 7 s"):
            list(session.documents("shop", {"find": "system.profile"}))
        root.admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="off")
        assert session.now().tzinfo is not None
        root.close()
        server.stop()
        with pytest.raises(TargetError, match=r"the connection to .* broke"):
            session.command("admin", {"buildInfo": 1})
        session.close()


def test_the_environment_names_the_target(secured: MongoDB) -> None:
    result = dbtune("slow-queries", env={"MONGODB_URI": url(secured, "least")}).ok()
    assert "standalone" in result.out
    assert "warning" not in result.err
    assert os.environ.get("MONGODB_URI") is None
