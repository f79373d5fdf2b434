"""Which target is meant: precedence, URLs, and what is never opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune import redaction
from dbtune.errors import TargetError, UsageError
from dbtune.passwords import fetch
from dbtune.profile import (
    Engine,
    Profile,
    Secret,
    explain_resolution,
    is_url,
    named,
    profile_from_url,
    resolve,
)

FILE = """\
default: home
profiles:
  home: {host: home.host}
  prod: {url: "postgresql://u@prod.host/db"}
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose own profile file has the profiles home (the default) and prod."""
    own = tmp_path / "config" / "own.yaml"
    own.parent.mkdir()
    own.write_text(FILE)
    return {"DBTUNE_CONFIG": str(own)}


# Each row is one place, highest first: how to give it, and the host that it leads to.
PLACES: tuple[tuple[str, dict[str, str], dict[str, str], str], ...] = (
    ("TARGET", {"target": "postgresql://target.host/"}, {}, "target.host"),
    ("--url", {"url": "postgresql://url.host/"}, {}, "url.host"),
    ("--profile", {"profile": "prod"}, {}, "prod.host"),
    ("DBTUNE_PROFILE", {}, {"DBTUNE_PROFILE": "prod"}, "prod.host"),
    ("DATABASE_URL", {}, {"DATABASE_URL": "postgresql://database.url/"}, "database.url"),
    ("PG*", {}, {"PGHOST": "pg.host"}, "pg.host"),
    ("MONGODB_URI", {}, {"MONGODB_URI": "mongodb://mongo.host/"}, "mongo.host"),
    ("REDIS_URL", {}, {"REDIS_URL": "redis://redis.host/"}, "redis.host"),
    ("default:", {}, {}, "home.host"),
)


def host_of(profile: Profile) -> str:
    return f"{profile.where} {profile.name}"


@pytest.mark.parametrize("row", range(len(PLACES)), ids=[place[0] for place in PLACES])
def test_each_place_beats_all_that_follow(
    row: int, environ: dict[str, str], tmp_path: Path
) -> None:
    name, arguments, _, host = PLACES[row]
    variables: dict[str, str] = {}
    for _, _, more, _ in PLACES[row:]:
        variables = more | variables
    found = resolve(environ=environ | variables, start=tmp_path, **arguments)
    assert host in host_of(found)
    places = explain_resolution(environ=environ | variables, start=tmp_path, **arguments)
    assert [place.chosen for place in places].count(True) == 1
    chosen = next(place for place in places if place.chosen)
    assert name.removesuffix("*") in chosen.name
    assert found.source.startswith(chosen.name)


@pytest.mark.parametrize(
    "given",
    [
        {"target": "x", "url": "postgresql://h/"},
        {"target": "x", "profile": "y"},
        {"url": "postgresql://h/", "profile": "y"},
    ],
)
def test_two_targets_on_one_command_line_are_refused(given: dict[str, str]) -> None:
    for function in (resolve, explain_resolution):
        with pytest.raises(UsageError, match="give one of them"):
            function(environ={}, **given)  # type: ignore[arg-type]


def test_nearest_file_wins_and_defaults_stay_in_their_file(
    environ: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "project" / "deep" / "er"
    project.mkdir(parents=True)
    (tmp_path / "project" / "dbtune.yaml").write_text(
        "profiles: {prod: {host: near.host}, home: {host: wrong.host}}"
    )
    assert "near.host" in host_of(resolve("prod", environ=environ, start=project))
    # The default is that of the user's own file, and so is the profile that it names.
    assert "home.host" in host_of(resolve(environ=environ, start=project))
    (tmp_path / "project" / "dbtune.yaml").write_text(
        "default: prod\nprofiles: {prod: {host: near.host}}"
    )
    assert "near.host" in host_of(resolve(environ=environ, start=project))
    assert "home.host" in host_of(resolve("home", environ=environ, start=project))


def test_the_own_file_is_found_once_though_it_is_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "dbtune.yaml").write_text("profiles: {x: {host: h, password_command: [echo, y]}}")
    environ = {"DBTUNE_CONFIG": str(tmp_path / "dbtune.yaml")}
    assert named("x", environ=environ, start=tmp_path).password_command == ("echo", "y")


BROKEN = "profiles:\n\tx: [\n"


@pytest.mark.parametrize("row", range(len(PLACES) - 1), ids=[place[0] for place in PLACES[:-1]])
def test_a_broken_file_breaks_only_what_needs_it(row: int, tmp_path: Path) -> None:
    name, arguments, variables, host = PLACES[row]
    (tmp_path / "dbtune.yaml").write_text(BROKEN)
    environ = {"DBTUNE_CONFIG": str(tmp_path / "none.yaml"), "HOME": "/nonexistent"} | variables
    if name in ("--profile", "DBTUNE_PROFILE"):
        with pytest.raises(UsageError, match=r"dbtune.yaml, line 2"):
            resolve(environ=environ, start=tmp_path, **arguments)
        return
    assert host in host_of(resolve(environ=environ, start=tmp_path, **arguments))
    last = explain_resolution(environ=environ, start=tmp_path, **arguments)[-1]
    assert "line 2" in last.problem
    assert not last.chosen


def test_a_broken_file_decides_when_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "dbtune.yaml").write_text(BROKEN)
    environ = {"DBTUNE_CONFIG": str(tmp_path / "none.yaml")}
    with pytest.raises(UsageError, match="line 2"):
        resolve(environ=environ, start=tmp_path)
    assert explain_resolution(environ=environ, start=tmp_path)[-1].chosen


def test_resolving_a_url_opens_no_file_and_runs_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("opened or run")

    for name in ("find", "load", "own_path"):
        monkeypatch.setattr(f"dbtune.profile_file.{name}", never)
    monkeypatch.setattr("subprocess.Popen", never)
    for environ in ({}, {"DATABASE_URL": "postgresql://other/"}):
        assert "h" in resolve("postgresql://h/", environ=environ, start=tmp_path).name
    assert resolve(environ={"PGSERVICE": "x"}, start=tmp_path).name == "PGSERVICE=x"


def test_a_password_command_runs_only_when_the_password_is_needed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    own = tmp_path / "own.yaml"
    own.write_text(f"profiles: {{x: {{host: h, password_command: [touch, '{mark}']}}}}")
    profile = resolve("x", environ={"DBTUNE_CONFIG": str(own)}, start=tmp_path)
    assert profile.has_password
    assert not mark.exists()
    with pytest.raises(TargetError, match="printed nothing"):
        profile.with_password()
    assert mark.exists()


def test_no_target_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no target: give a URL") as refused:
        resolve(environ={"DBTUNE_CONFIG": "/nonexistent/x.yaml"}, start=tmp_path)
    assert "DBTUNE_CONFIG names /nonexistent/x.yaml" in str(refused.value)


def test_user_and_port_alone_do_not_hide_the_default(
    environ: dict[str, str], tmp_path: Path
) -> None:
    found = resolve(environ=environ | {"PGUSER": "u", "PGPORT": "5433"}, start=tmp_path)
    assert found.name == "home"
    assert resolve(environ={"PGHOST": "h", "PGUSER": "u"}).name == "PGHOST=h PGUSER=u"


def test_unknown_names(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="did you mean 'prod'"):
        resolve("prd", environ=environ, start=tmp_path)
    with pytest.raises(UsageError, match="known: home, prod"):
        resolve("zzzz", environ=environ, start=tmp_path)
    with pytest.raises(UsageError, match="dbtune profile add zzzz URL"):
        resolve("zzzz", environ={"DBTUNE_CONFIG": "/x"}, start=tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("today.log").touch()
    with pytest.raises(UsageError, match=r"it is a file here: --from FILE .* --log FILE"):
        resolve("today.log", environ=environ, start=tmp_path)


@pytest.mark.parametrize(
    "value",
    ["bob:hunter22@h/db", "bob hunter22", "//bob:hunter22@h", "-x", "hunter22\x1b[31m", "é"],
)
def test_what_is_neither_name_nor_url_is_not_repeated(value: str) -> None:
    with pytest.raises(UsageError, match=r"neither a profile's name .* nor a URL") as refused:
        resolve(value, environ={})
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "MONGODB_URI", "REDIS_URL"])
def test_a_variable_without_a_url_is_not_repeated(variable: str) -> None:
    with pytest.raises(UsageError, match=f"{variable} is not a URL") as refused:
        resolve(environ={variable: "bob:hunter22@h"})
    assert "hunter22" not in str(refused.value)


def test_a_name_where_a_url_belongs() -> None:
    with pytest.raises(UsageError, match="goes to --profile"):
        resolve(url="prod", environ={})


# ------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "engine"),
    [
        ("postgresql://h/db", Engine.postgresql),
        ("POSTGRES://h/db", Engine.postgresql),
        ("postgresql+psycopg://h/db", Engine.postgresql),
        ("postgres+asyncpg://h/db", Engine.postgresql),
        ("jdbc:postgresql://h/db?user=u", Engine.postgresql),
        ("host=h dbname=db", Engine.postgresql),
        ("host=h password='a://b'", Engine.postgresql),
        ("mongodb://h", Engine.mongodb),
        ("mongodb+srv://h/db", Engine.mongodb),
        ("redis://h", Engine.redis),
        ("rediss://h:6380/1", Engine.redis),
        ("valkey://h", Engine.redis),
    ],
)
def test_schemes(url: str, engine: Engine) -> None:
    found = profile_from_url(url, "test")
    assert found.engine is engine
    assert "+psycopg" not in found.url.reveal()
    assert "jdbc" not in found.url.reveal()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://h", "not a database that dbtune knows"),
        ("redis+cluster://h", "not a database that dbtune knows"),
        ("http://h", "not a database that dbtune knows"),
        ("postgresql://u:p@qq@h/db", "percent-encode"),
        ("postgresql://u:p/qq@h/db", "percent-encode"),
        ("postgresql://u:p#qq@h/db", "percent-encode"),
        ("postgresql://u:p?qq@h/db", "percent-encode|port"),
        ("postgresql://u:p qq@h/db", "contains a space"),
        ("postgresql://u:p\tqq@h/db", "contains a space"),
        ("postgresql://u:p\x00qq@h/db", "contains a space"),
        ("postgresql://u:100%@h/db", "% must be followed"),
        ("postgresql://u:%00@h/db", "%00"),
        ("postgresql://u:forgotten/db", "port must be a number"),
        ("postgresql://h:0/db", "port must be a number"),
        ("postgresql://h:65536/db", "port must be a number"),
        ("postgresql://h:٣/db", "port must be a number"),
        ("postgresql://a:1,b:x/db", "port must be a number"),
        ("postgresql://::1/db", "IPv6 address needs brackets"),
        ("mongodb://u:p@/db", "no host"),
        ("redis:///0", "no host"),
    ],
)
def test_malformed_urls(url: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as refused:
        profile_from_url(url, "TARGET argument")
    message = str(refused.value)
    assert message.startswith("TARGET argument: ")
    assert "qq" not in message
    assert "forgotten" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql:///db",
        "postgresql://u@/db?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/db",
        "postgresql://a:1,b:2,[::1]:3/db?target_session_attrs=any",
        "postgresql://me%40srv:p%40ss@h:5432/db",
        "postgresql://h/db?options=-c%20geqo%3Doff",
        "postgresql://h/db?user=me@srv",
        "mongodb://a,b:27018/?replicaSet=rs0",
    ],
)
def test_urls_that_are_right_pass_as_they_are(url: str) -> None:
    assert profile_from_url(url, "test").url.reveal() == url


def test_what_applications_add_for_themselves_is_left_out() -> None:
    url = "postgresql://u@h/db?schema=public&sslmode=require&connection_limit=5&pgbouncer=true"
    assert profile_from_url(url, "test").url.reveal() == "postgresql://u@h/db?sslmode=require"
    assert profile_from_url("postgresql://h/db?schema=x", "t").url.reveal() == "postgresql://h/db"


names = st.text(min_size=1, max_size=12).filter(lambda text: "\x00" not in text)


@given(user=names, password=names, database=names, port=st.integers(1, 65535))
def test_an_encoded_url_survives(user: str, password: str, database: str, port: int) -> None:
    redaction._known.clear()  # the words of other examples
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@db.host:{port}"
    url += f"/{quote(database, safe='')}"
    found = profile_from_url(url, "test")
    assert found.url.reveal() == url
    assert found.name.endswith(f":***@db.host:{port}/{quote(database, safe='')}")


@given(st.text())
def test_any_text_is_a_target_or_a_usage_error(text: str) -> None:
    try:
        resolve(text or "x", environ={"DBTUNE_CONFIG": "/nonexistent"}, start=Path("/"))
    except UsageError as error:
        message = str(error)
    else:
        assert is_url(text)
        return
    assert message.isprintable() or "\n" in message


# -------------------------------------------------------------------------------------- passwords


def profile(**values: object) -> Profile:
    return Profile("x", Engine.postgresql, "test", **values)  # type: ignore[arg-type]


def test_a_password_file(tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.write_bytes("sécret \r\nsecond line\n".encode())
    file.chmod(0o600)
    assert fetch(profile(password_file=file)) == Secret("sécret ")
    for mode in (0o640, 0o604, 0o644):
        file.chmod(mode)
        with pytest.raises(UsageError, match=f"may be read by others; run: chmod 600 {file}"):
            fetch(profile(password_file=file))
    file.chmod(0o600)
    file.write_text("\nnot this line\n")
    with pytest.raises(UsageError, match="is empty"):
        fetch(profile(password_file=file))
    file.write_bytes(b"\xff\xfe\x00\n")
    assert fetch(profile(password_file=file))
    with pytest.raises(UsageError, match="can't be read: No such file"):
        fetch(profile(password_file=tmp_path / "none"))
    with pytest.raises(UsageError, match="can't be read: Is a directory"):
        fetch(profile(password_file=tmp_path))


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("/nonexistent/program",), "was not found"),
        (("my-pass-word",), "the program was not found"),
        (("false",), "exited with 1"),
        (("true",), "printed nothing"),
        (("printf", "\\nsecond"), "printed nothing"),
        (("/",), "could not be run"),
        (("a\0b",), "could not be run"),
        (("sh", "-c", "echo word; exit 3"), "exited with 3"),
    ],
)
def test_a_password_command_that_fails(command: tuple[str, ...], problem: str) -> None:
    with pytest.raises(TargetError, match=problem) as refused:
        fetch(profile(password_command=command))
    assert "word" not in str(refused.value).replace("password", "")


def test_a_password_command_that_works() -> None:
    assert fetch(profile(password_command=("printf", "a b\\r\\nc"))) == Secret("a b")
    assert fetch(profile()) is None


def test_a_password_command_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbtune.passwords.COMMAND_SECONDS", 0.3)
    # Its child keeps the pipe open: dbtune must not wait for that.
    with pytest.raises(TargetError, match="gave nothing within"):
        fetch(profile(password_command=("sh", "-c", "sleep 7; echo late")))


def test_rediscli_auth_serves_redis_without_a_password(tmp_path: Path) -> None:
    environ: Mapping[str, str] = {"REDISCLI_AUTH": "word", "DBTUNE_CONFIG": str(tmp_path / "p")}
    (tmp_path / "p").write_text("profiles: {r: {engine: redis, host: h}, p: {host: h}}")
    assert resolve("redis://h", environ=environ).password == Secret("word")
    assert resolve("r", environ=environ, start=tmp_path).password == Secret("word")
    assert resolve("redis://:given@h", environ=environ).password is None
    assert resolve("p", environ=environ, start=tmp_path).password is None


def test_a_removed_folder_or_a_missing_home_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="no profile 'x'"):
        resolve("x", environ={"DBTUNE_CONFIG": "/nonexistent"})
    os.chdir(tmp_path)
    monkeypatch.setattr("pathlib.Path.expanduser", _no_home)
    with pytest.raises(UsageError, match="there is no home folder"):
        resolve("x", environ={})


def _no_home(_: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")
