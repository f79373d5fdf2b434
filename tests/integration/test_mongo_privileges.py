"""Every command with less privilege: it does what it may, and names the role for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbtune.mongo.indexes.usage import members_of
from dbtune.mongo.session import Session
from dbtune.profile import profile_from_url
from dbtune.session import Limits
from tests.command import Result, dbtune
from tests.conftest import own_mongodb
from tests.servers import MongoDB

PASSWORD = "hunter2secret"
COMMANDS = {
    "suggest-indexes": (),
    "bloat": ("--min-size", "1"),
    "check": ("--interval", "0s"),
    "activity": ("--once",),
    "pool-size": ("--interval", "0s"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[MongoDB]:
    """A member of a replica set with users of several privileges."""
    with own_mongodb() as made:
        made.start(rs=True, auth=True)
        with made.client() as root:
            root.shop.orders.insert_many({"_id": n, "a": n % 10} for n in range(3000))
            root.shop.orders.create_index("a")
            shop = {"role": "read", "db": "shop"}
            for name, roles in {
                "enough": ["clusterMonitor", shop],
                "reader": [shop],
                "nobody": [],
            }.items():
                root.admin.command("createUser", name, pwd=PASSWORD, roles=roles)
        yield made


def asked(server: MongoDB, user: str, command: str, *options: str) -> Result:
    url = server.url(user=user, password=PASSWORD)
    found = dbtune(*command.split(), url, *options, *COMMANDS.get(command, ()), "-f", "json")
    assert "Traceback" not in found.err
    assert PASSWORD not in found.out + found.err
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_readme_asks_for_is_enough(server: MongoDB, command: str) -> None:
    skipped = asked(server, "enough", command).json["skipped"]
    assert not [one for one in skipped if "may not" in one["reason"] or "sees no" in one["reason"]]


@pytest.mark.parametrize("user", ["reader", "nobody"])
@pytest.mark.parametrize("command", COMMANDS)
def test_less_is_told_with_the_role_that_is_missing(
    server: MongoDB, user: str, command: str
) -> None:
    told = asked(server, user, command).ok()
    skipped = told.json["skipped"]
    if (user, command) != ("reader", "bloat"):  # reading a database is enough for its sizes
        assert skipped
    for one in skipped:
        assert f'grantRolesToUser("{user}"' in one["remedy"], one


def test_who_sees_no_database_is_told_so(server: MongoDB) -> None:
    for command in ("suggest-indexes", "bloat"):
        skipped = asked(server, "nobody", command).ok().json["skipped"]
        assert "nobody@admin sees no database" in [one["reason"] for one in skipped]


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("reader", "reader@admin may not read the profiler's level"),
        ("nobody", "nobody@admin sees no database"),
    ],
)
def test_what_a_snapshot_lacks_is_told_where_it_is_compared(
    server: MongoDB, tmp_path: Path, user: str, reason: str
) -> None:
    before = tmp_path / "before.json"
    url = server.url(user=user, password=PASSWORD)
    dbtune("snapshot", url, "-o", str(before)).ok()
    skipped = dbtune("compare", str(before), url, "-f", "json").ok().json["skipped"]
    (one,) = (one for one in skipped if one["what"] == "statements")
    assert one["reason"] == reason
    assert f'grantRolesToUser("{user}"' in one["remedy"]


def test_uses_of_indexes_need_another_role_than_their_documents(server: MongoDB) -> None:
    skipped = asked(server, "reader", "suggest-indexes").ok().json["skipped"]
    (uses,) = (one for one in skipped if one["what"] == "mongo.unused-index")
    assert "may not read $indexStats of orders" in uses["reason"]
    assert '"clusterMonitor"' in uses["remedy"]


def test_settings_that_can_t_be_read_are_one_sentence_with_a_remedy(server: MongoDB) -> None:
    url = server.url(user="nobody", password=PASSWORD)
    told = dbtune("gen-config", "mongod", url)
    assert told.code == 3
    assert "nobody@admin may not read hostInfo" in told.err
    assert '"clusterMonitor"' in told.err


def test_hidden_members_are_asked_by_who_may_know_them(
    new_mongodb: Callable[[], MongoDB],
) -> None:
    server = new_mongodb().start(rs=True, auth=True)
    with server.client() as root:
        root.admin.command("createUser", "nobody", pwd=PASSWORD, roles=[])
        config = root.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        hidden = {"_id": 1, "host": "127.0.0.1:1", "priority": 0, "votes": 0, "hidden": True}
        config["members"].append(hidden)
        root.admin.command("replSetReconfig", config)
    for url, known in (
        (server.url(), ["127.0.0.1:1"]),
        (server.url(user="nobody", password=PASSWORD), []),
    ):
        with Session(profile_from_url(url, "a test"), Limits()) as session:
            assert members_of(session) == known


def test_profile_test_tells_what_a_user_may_read(server: MongoDB) -> None:
    for user, roles in (
        ("enough", ["clusterMonitor@admin", "read@shop"]),
        ("nobody", ["nothing: the user has no role"]),
    ):
        tested = asked(server, user, "profile test").json
        assert sorted(tested["connection"]["may_read"]) == roles


def test_profile_test_tells_what_each_command_can_do(server: MongoDB) -> None:
    def states(user: str) -> dict[str, str]:
        rows = asked(server, user, "profile test").json["commands"]
        return {row["command"]: row["state"] for row in rows}

    enough = states("enough")
    assert {"check", "explain", "suggest-indexes", "bloat", "gen-config"} <= enough.keys()
    assert {one for name, one in enough.items() if name != "slow-queries"} == {"ready"}
    less = states("reader")
    assert (less["explain"], less["bloat"], less["check"]) == ("ready", "ready", "limited")
    assert (less["activity"], less["pool-size"]) == ("not possible", "not possible")
    assert states("nobody")["explain"] == "limited"
