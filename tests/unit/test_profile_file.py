"""Profile files: mistakes with their line, types, secrets, files that others may have planted."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtune import profile_edit, profile_file, yaml_text
from dbtune.errors import UsageError
from dbtune.profile import Engine, Profile, Secret
from dbtune.profile_entry import LIBPQ, MissingVariable
from dbtune.profile_file import Location, ProfileFile, find, load, parse
from dbtune.profile_store import Store, listed, without_password

OWN = Location(Path("/home/me/.config/dbtune/dbtune.yaml"), own=True)
FOUND = Location(Path("/srv/project/dbtune.yaml"), own=False)


def read(body: str, location: Location = OWN, **environ: str) -> Profile:
    """The profile x, whose keys are the lines of the body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return parse(f"profiles:\n  x:\n{lines}", location, environ).profile("x")


# --------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("profiles:\n  x:\n\turl: y", 3, "indent with spaces, not tabs"),
        ("profiles:\n\tx: 1", 2, "indent with spaces, not tabs"),
        ("profiles: [", 1, "expected the node content"),
        ("profiles:\n  x: {a: b\n  y: z", 3, "expected ',' or '}'"),
        ('profiles:\n  x:\n    url: "never closed', 3, "while scanning|end of stream"),
        ("profiles:\n  x:\n    password: *hunter22", 3, "undefined alias '…'; quote a value"),
        ("profiles:\n  x:\n    password: !hunter22 y", 3, "tag '…'; quote a value"),
        ("profiles:\n  x:\n    password: @hunter22", 3, "quote a value that begins with"),
        ("profiles:\n  x:\n    password: %hunter22", 3, "quote a value that begins with"),
        ("profiles:\n  x:\n    password: hunter22: y", 3, "not allowed here; quote a value"),
        ('profiles:\n  x:\n    password: "hunter\\22"', 3, "unknown escape"),
        ("a: 1\n---\nb: 2", 2, "expected a single document|document"),
        ("profiles:\n  x: {}\n  y: \x07", 3, "control character"),
        ("profiles:\n  x: {host: a}\n  x: {host: b}", 3, "'x' stands here twice .first in line 2"),
        ("default: x\ndefault: x", 2, "twice"),
        ("profiles:\n  x:\n    host: a\n    host: b", 4, "twice"),
        ("profile:\n  x: {host: a}", 1, "unknown key 'profile'; did you mean 'profiles'"),
        ("zzz: 1", 1, "unknown key 'zzz'; known: default, profiles"),
        ("- x", 1, "must be a mapping with the keys 'default' and 'profiles'"),
        ("just text", 1, "must be a mapping"),
        ("profiles: text", 1, "'profiles' must map names to profiles"),
        ("profiles:\n  - x", 1, "'profiles' must map names to profiles"),
        ("profiles:\n  x: postgresql://h/db", 2, "profile 'x' must be a mapping"),
        ("profiles:\n  x:\n  y: {host: h}", 2, "profile 'x' must be a mapping"),
        ("profiles:\n  a b: {host: h}", 2, "'a b' can't be a profile's name"),
        ("profiles:\n  ../x: {host: h}", 2, "can't be a profile's name"),
        ("profiles:\n  ünï: {host: h}", 2, "can't be a profile's name"),
        ("profiles:\n  ? [a, b]\n  : {host: h}", 2, "a key must be a text"),
        ("default: y\nprofiles:\n  x: {host: h}", 1, "'y' is not among the profiles"),
        ("profiles:\n  x: {host: h}\ndefault: [x]", 3, "is not among the profiles"),
    ],
)
def test_mistakes_in_the_file_have_a_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as refused:
        parse(text, OWN, {})
    message = str(refused.value)
    assert message.startswith(f"{OWN.path}, line {line}"), message
    assert "hunter" not in message
    assert message.isprintable()


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("hots: a", 3, "unknown key 'hots'; did you mean 'host'"),
        ("host: a\npasswort: hunter22", 4, "unknown key 'passwort'; did you mean 'password'"),
        ("host: a\nzzzzzz: b", 4, "unknown key 'zzzzzz'$"),
        ("tags: [a]", 2, "neither a url nor a host or service"),
        ("url: ''", 2, "neither a url"),
        ("host: a\nengine: mysql", 4, "engine must be one of postgresql, mongodb, redis"),
        ("url: redis://h\nengine: mongodb", 4, "engine mongodb contradicts the url .redis"),
        ("url: mysql://h", 3, "mysql:// is not a database"),
        ("url: postgresql://u:hunter22@x@h/d", 3, "percent-encode"),
        ("url: postgresql://u@h:port/d", 3, "port must be a number"),
        ("host: [a, b]", 3, "host must be a text, not a list"),
        ("host: {a: b}", 3, "host must be a text, not a mapping"),
        ("host: a\npassword: [hunter22]", 4, "password must be a text, not a list"),
        ("host: a\nram: 64XB", 4, "ram must be a size such as 64GB, not '64XB'"),
        ("host: a\nram: 64", 4, "ram must be a size such as 64GB, not '64'"),
        ("host: a\ncpus: four", 4, "cpus must be a positive number, not 'four'"),
        ("host: a\ncpus: nan", 4, "cpus must be a positive number"),
        ("host: a\ncpus: 0", 4, "cpus must be a positive number"),
        ("host: a\nworkers: 2.5", 4, "workers must be a positive whole number"),
        ("host: a\nworkers: -2", 4, "workers must be a positive whole number"),
        ("host: a\ninstances: 9999999999", 4, "positive whole number"),
        ("host: a\nstorage: tape", 4, "storage must be one of ssd, nvme, hdd, san, not 'tape'"),
        ("host: a\ntags: {b: c}", 4, "tags must be a text, not a mapping"),
        ("host: a\ntags: [[b]]", 4, "tags must be a list of texts"),
        ("host: a\nthresholds: [b]", 4, "thresholds must be a text, not a list"),
        ("host: a\nthresholds: {pg.x: 5}", 4, "thresholds must map check names"),
        ("host: a\npassword_command: 'echo \"x'", 4, "no closing quotation"),
        ("host: ${NOT_SET}", 3, "NOT_SET is not set .needed by 'host' of profile 'x'"),
        ("user: u\ndatabase: ${NOT_SET}", 4, "NOT_SET is not set .needed by 'dbname'"),
        ("host: ${NOT SET}", 3, "write \\${NAME} or"),
        ("host: a${", 3, "write \\${NAME} or"),
        ("host: h\npassword_file: ~nobody_of_that_name/x", 4, "~ does not stand for a folder"),
    ],
)
def test_mistakes_in_a_profile_have_a_line(body: str, line: int, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as refused:
        read(body)
    message = str(refused.value)
    assert message.startswith(f"{OWN.path}, line {line}: "), message
    assert "hunter22" not in message


def test_one_wrong_profile_does_not_break_the_others() -> None:
    file = parse("profiles:\n  bad: {hots: h}\n  good: {host: h}\n", OWN, {})
    assert file.profile("good").where == "host=h"
    with pytest.raises(UsageError, match="line 2"):
        file.profile("bad")


@given(st.text())
def test_any_text_is_a_file_or_a_usage_error(text: str) -> None:
    try:
        file = parse(text, OWN, {})
        for name in file.names:
            file.profile(name)
    except UsageError as error:
        message = str(error)
    else:
        return
    assert message.startswith(str(OWN.path))


def test_aliases_neither_bomb_nor_loop() -> None:
    bomb = "profiles:\n  a: &a {host: h, tags: [x, x]}\n"
    for level in range(9):
        before, now = "abcdefghij"[level], "abcdefghij"[level + 1]
        bomb += f"  {now}: &{now} {{host: h, tags: [{', '.join([f'*{before}'] * 9)}]}}\n"
    with pytest.raises(UsageError, match="too much or too deeply nested"):
        parse(bomb, OWN, {})
    with pytest.raises(UsageError, match="too deeply nested"):
        parse("profiles: {a: &a {thresholds: *a}}", OWN, {})
    with pytest.raises(UsageError, match=r"not valid YAML|too deeply"):
        parse("profiles: " + "[" * 5000, OWN, {})


# ------------------------------------------------------------------------------------------ values


def test_values_stay_what_was_written() -> None:
    for written in ("0123", "no", "1e5", "2026-01-01", "1_000", "null", "~", "0x1f", "12:30:45"):
        assert read(f"host: h\npassword: {written}").password == Secret(written)
        assert read(f"host: h\nuser: {written}").parameters["user"] == written
    assert parse("default: 2024\nprofiles: {2024: {host: h}}", OWN, {}).default == "2024"


def test_everything_that_a_profile_can_say() -> None:
    found = read(
        "url: postgresql://u@h/d\nusername: other\nsslmode: verify-full\ntags: [prod, eu]\n"
        "ram: 64GB\ncpus: 7.5\nstorage: nvme\ninstances: 4\nworkers: 8\nprovider: RDS\n"
        "thresholds: {pg.n-plus-one: {min_calls: 500, share: 0.5, on: true, how: fast, bad: nan}}"
    )
    assert found.name == "x"
    assert found.url.reveal() == "postgresql://u@h/d"
    assert found.parameters == {"user": "other", "sslmode": "verify-full"}
    assert found.tags == ("prod", "eu")
    assert (found.ram_bytes, found.cpus, found.storage) == (64 * 1024**3, 7.5, "nvme")
    assert (found.instances, found.workers, found.provider) == (4, 8, "rds")
    wanted = {"min_calls": 500, "share": 0.5, "on": True, "how": "fast", "bad": "nan"}
    assert found.thresholds["pg.n-plus-one"] == wanted
    assert found.source == f"profile 'x' in {OWN.path}"
    assert read("host: h\ntags: one").tags == ("one",)
    assert read("engine: redis").engine is Engine.redis
    assert read("service: s").parameters == {"service": "s"}


def test_keys_for_libpq_are_keys_of_libpq() -> None:
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    assert LIBPQ - known <= {"gsslib"}  # which only some builds have


def test_merged_keys() -> None:
    text = "profiles:\n  a: &a {host: h, port: 5433}\n  x:\n    <<: *a\n    port: 6432\n"
    assert parse(text, OWN, {}).profile("x").parameters == {"host": "h", "port": "6432"}


def test_variables() -> None:
    found = read(
        "host: ${HOST}\nport: ${PORT:-6432}\nuser: ${EMPTY:-}\npassword: a$${b}${WORD}\n"
        "tags: ['${TAG}']",
        HOST="h",
        WORD="w${HOST}",
        TAG="t",
        EMPTY="",
    )
    assert found.parameters == {"host": "h", "port": "6432"}
    assert found.password == Secret("a${b}w${HOST}")
    assert found.tags == ("t",)
    with pytest.raises(MissingVariable):
        read("host: ${EMPTY}", EMPTY="")


def test_what_a_variable_holds_is_not_shown() -> None:
    with pytest.raises(UsageError, match=r"storage must be one of .* not '\${WORD}'") as refused:
        read("host: h\nstorage: ${WORD}", WORD="hunter22")
    assert "hunter22" not in str(refused.value)


# ---------------------------------------------------------------------------- secrets, other people


def test_commands_are_honoured_in_the_own_file_only() -> None:
    body = "host: h\npassword_command: pass show 'a b'"
    assert read(body).password_command == ("pass", "show", "a b")
    assert read("host: h\npassword_command: [pass, a b]").password_command == ("pass", "a b")
    with pytest.raises(UsageError, match="line 4: password_command is honoured only in your own"):
        read(body, FOUND)


def test_password_files_are_relative_to_the_profile_file(tmp_path: Path) -> None:
    assert read("host: h\npassword_file: word").password_file == OWN.path.parent / "word"
    assert read("host: h\npassword_file: /run/word").password_file == Path("/run/word")
    assert read("host: h\npassword_file: a/b", FOUND).password_file == FOUND.path.parent / "a/b"
    for outside in ("/etc/passwd", "../word", "~/.ssh/id_ed25519", "a/../../word"):
        with pytest.raises(UsageError, match="password_file must be below /srv/project"):
            read(f"host: h\npassword_file: {outside}", FOUND)
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="must be below"):
        read("host: h\npassword_file: link", Location(tmp_path / "dbtune.yaml", own=False))


def saved(folder: Path, text: str, mode: int = 0o644, *, own: bool = True) -> ProfileFile:
    path = folder / "dbtune.yaml"
    path.write_text(text)
    path.chmod(mode)
    return load(Location(path, own), {"WORD": "w"})


@pytest.mark.parametrize(
    ("entry", "secret"),
    [
        ("{host: h, password: word}", True),
        ("{url: 'postgresql://u:word@h/d'}", True),
        ("{url: 'host=h password=word'}", True),
        ("{host: h, password: '${WORD:-word}'}", True),
        ("{host: h, password: 'x${WORD}'}", True),
        ("{host: h, password: '${WORD}'}", False),
        ("{url: 'postgresql://u:${WORD}@h/d'}", False),
        ("{host: h, password_file: word}", False),
    ],
)
def test_a_password_wants_a_file_that_only_its_owner_reads(
    entry: str, secret: bool, tmp_path: Path
) -> None:
    for mode in (0o640, 0o604):
        file = saved(tmp_path, f"profiles:\n  x: {entry}\n", mode)
        if secret:
            with pytest.raises(UsageError, match=r"line 2: a password stands here .* chmod 600"):
                file.profile("x")
        else:
            assert file.profile("x").name == "x"
    assert saved(tmp_path, f"profiles:\n  x: {entry}\n", 0o600).profile("x").has_password


def test_a_planted_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "profiles: {x: {host: h}}"
    with pytest.raises(UsageError, match="may be written by others, and so is not trusted"):
        saved(tmp_path, text, 0o646, own=False)
    assert saved(tmp_path, text, 0o646, own=True).names == ("x",)
    assert saved(tmp_path, text, 0o644, own=False).names == ("x",)
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    if tmp_path.stat().st_uid:
        with pytest.raises(UsageError, match="another user's"):
            saved(tmp_path, text, own=False)
    assert saved(tmp_path, text, own=True).names == ("x",)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="gives files away")
def test_root_refuses_what_others_put_into_a_public_folder(tmp_path: Path) -> None:
    saved(tmp_path, "profiles: {x: {host: h}}")
    os.chown(tmp_path / "dbtune.yaml", 12345, 12345)
    location = Location(tmp_path / "dbtune.yaml", own=False)
    assert load(location, {}).names == ("x",)  # a container's checkout belongs to another user
    tmp_path.chmod(0o1777)
    with pytest.raises(UsageError, match="another user's"):
        load(location, {})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        load(Location(tmp_path / "none", own=True), {})
    with pytest.raises(UsageError, match="can't be read: Is a directory"):
        load(Location(tmp_path, own=True), {})
    (tmp_path / "latin").write_bytes(b"profiles: {x: {host: \xe9}}")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        load(Location(tmp_path / "latin", own=True), {})
    (tmp_path / "huge").write_bytes(b"#" * 2_000_000)
    with pytest.raises(UsageError, match="is larger than"):
        load(Location(tmp_path / "huge", own=True), {})
    (tmp_path / "bom").write_bytes("\ufeffprofiles: {x: {host: h}}".encode())
    assert load(Location(tmp_path / "bom", own=True), {}).names == ("x",)
    (tmp_path / "empty").write_text("# nothing\n")
    assert load(Location(tmp_path / "empty", own=True), {}).names == ()


def test_where_files_are_looked_for(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert find(environ, deep) == []
    own = tmp_path / "config" / "dbtune" / "dbtune.yaml"
    own.parent.mkdir(parents=True)
    own.touch()
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "dbtune.yaml").touch()
    assert find(environ, deep) == [
        Location(tmp_path / "a" / "dbtune.yaml", own=False),
        Location(own, own=True),
    ]
    assert profile_file.own_path({"XDG_CONFIG_HOME": "relative", "HOME": "/x"}).is_absolute()
    assert profile_file.own_path({"DBTUNE_CONFIG": "relative"}).is_absolute()


# ----------------------------------------------------------------------------------------- changes

COMMENTED = """\
# my databases
default: a   # the usual
profiles:
    # the first
    a:
        url: postgresql://h/d  # here

        tags: [x]
    b: {host: b.host}
# the end
"""


def test_adding_keeps_everything_else() -> None:
    after = profile_edit.with_profile(COMMENTED, "c", {"host": "h", "tags": ["y"]}, OWN.path)
    assert [line for line in COMMENTED.splitlines() if line not in after.splitlines()] == []
    assert parse(after, OWN, {}).names == ("a", "b", "c")
    assert parse(after, OWN, {}).profile("c").tags == ("y",)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "profiles:\n", "profiles: {}\n"])
def test_adding_to_nothing(text: str) -> None:
    after = profile_edit.with_profile(text, "c", {"host": "h"}, OWN.path)
    assert parse(after, OWN, {}).profile("c").where == "host=h"
    again = profile_edit.with_default(after, "c", OWN.path)
    assert parse(again, OWN, {}).default == "c"


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_adding_and_removing_is_no_change(end: str) -> None:
    text = COMMENTED.replace("\n", end or "\n").rstrip("\n") + (end and "\n")
    added = profile_edit.with_profile(text, "c", {"host": "h"}, OWN.path)
    removed = profile_edit.without_profile(added, "c", OWN.path)
    assert removed.split() == text.split()


def test_removing_takes_the_default_with_it() -> None:
    after = profile_edit.without_profile(COMMENTED, "a", OWN.path)
    assert parse(after, OWN, {}).names == ("b",)
    assert parse(after, OWN, {}).default == ""
    assert "# the first" in after
    last = profile_edit.without_profile(after, "b", OWN.path)
    assert parse(last, OWN, {}).names == ()


@pytest.mark.parametrize(
    "text",
    [
        "profiles: {a: {host: h}, d: {host: h}}",
        "{profiles: {a: {host: h}, d: {host: h}}}",
        "profiles:\n  a:\n    host: h\n# back to the left\n    port: 1\n  b: {host: h}\n",
    ],
)
def test_what_cannot_be_changed_safely_is_not_changed(text: str) -> None:
    with pytest.raises(UsageError, match="use: dbtune profile edit"):
        profile_edit.without_profile(text, "a", OWN.path)
    if "b:" not in text:
        with pytest.raises(UsageError, match="use: dbtune profile edit"):
            profile_edit.with_profile(text, "c", {"host": "h"}, OWN.path)


values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
entries = st.dictionaries(
    st.sampled_from(["host", "user", "dbname", "provider", "password_command", "service"]),
    values,
    min_size=1,
) | st.fixed_dictionaries({"url": st.just("postgresql://h/d"), "tags": st.lists(values)})


@given(st.lists(entries, min_size=1, max_size=4))
def test_what_is_added_comes_back(stored: list[dict[str, Any]]) -> None:
    text = COMMENTED
    for number, entry in enumerate(stored):
        text = profile_edit.with_profile(text, f"p{number}", entry, OWN.path)
    file = parse(text, OWN, {})
    for number, entry in enumerate(stored):
        assert file.entries[f"p{number}"] == entry
    for number in range(len(stored)):
        text = profile_edit.without_profile(text, f"p{number}", OWN.path)
    assert parse(text, OWN, {}).entries == parse(COMMENTED, OWN, {}).entries


def test_refused_names() -> None:
    with pytest.raises(UsageError, match=r"is in .* already"):
        profile_edit.with_profile(COMMENTED, "a", {"host": "h"}, OWN.path)
    for name in ("", "a b", "../a", "-a", "a/b", "é", "a\n"):
        with pytest.raises(UsageError, match="can't be a profile's name"):
            profile_edit.with_profile(COMMENTED, name, {"host": "h"}, OWN.path)
    with pytest.raises(UsageError, match="no profile 'z'"):
        profile_edit.without_profile(COMMENTED, "z", OWN.path)


def test_writing_is_private_and_atomic(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dbtune.yaml"
    profile_edit.write(path, "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    profile_edit.write(link, "b")
    assert link.is_symlink()
    assert path.read_text() == "b"
    assert os.listdir(path.parent) == ["dbtune.yaml"]  # noqa: PTH208
    with pytest.raises(UsageError, match="can't be written"):
        profile_edit.write(path / "below", "c")


# ------------------------------------------------------------------------------------------- store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store({"DBTUNE_CONFIG": str(tmp_path / "p.yaml"), "PATH": os.environ["PATH"]})


def test_a_password_that_was_asked_for_has_a_file_of_its_own(store: Store) -> None:
    store.add("x", {"host": "h"}, "hunter22 ", default=True)
    word = store.path.parent / "passwords" / "x"
    assert word.read_text() == "hunter22 \n"
    assert stat.S_IMODE(word.stat().st_mode) == 0o600
    assert "hunter22" not in store.path.read_text()
    file = load(Location(store.path, own=True), {})
    assert file.default == "x"
    assert file.profile("x").with_password().password == Secret("hunter22 ")
    store.remove("x")
    assert not word.exists()
    assert load(Location(store.path, own=True), {}).names == ()


def test_removing_leaves_password_files_of_others(store: Store, tmp_path: Path) -> None:
    word = tmp_path / "mine"
    word.write_text("w")
    store.add("x", {"host": "h", "password_file": str(word)}, "", default=False)
    store.remove("x")
    assert word.exists()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"host": "h", "ram": "lots"}, "^ram must be a size"),
        ({"tags": ["x"]}, "neither a url nor a host"),
        ({"url": "mysql://h"}, "^mysql:// is not a database"),
        ({"host": "h", "engine": "oracle"}, "^engine must be one of"),
    ],
)
def test_a_wrong_value_is_not_stored(entry: dict[str, object], problem: str, store: Store) -> None:
    with pytest.raises(UsageError, match=problem):
        store.add("x", entry, "hunter22", default=False)
    assert list(store.path.parent.iterdir()) == []


def test_a_variable_may_be_missing_where_a_profile_is_stored(store: Store) -> None:
    store.add("x", {"url": "postgresql://u:${WORD}@h/d"}, "", default=False)
    assert "${WORD}" in store.path.read_text()


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("postgresql://u:hunter22@h/db", "postgresql://u@h/db"),
        ("postgresql://u:hunt@er/22@h/db", "postgresql://u@h/db"),
        ("postgresql://h/db?user=u&password=hunter22", "'postgresql://h/db?user=u'"),
        ("host=h password='hunter 22' user=u", "'host=h user=u'"),
        ("redis://:hunter22@h/0", "redis://@h/0"),
    ],
)
def test_a_url_with_a_password_is_refused_with_the_way_out(url: str, instead: str) -> None:
    with pytest.raises(UsageError) as refused:
        without_password(url, "x")
    assert f"dbtune profile add x {instead} -W" in str(refused.value)
    assert "hunt" not in str(refused.value)


def test_urls_that_may_be_stored() -> None:
    for url in ("", "postgresql://u@h/db", "host=h", "postgresql://u:${WORD}@h/d", "${URL}"):
        assert without_password(url, "x") == url
    with pytest.raises(UsageError, match="URL must be one such as"):
        without_password("localhost/db", "x")


def editor(folder: Path, script: str) -> str:
    program = folder / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_editing(store: Store, tmp_path: Path) -> None:
    store.add("x", {"host": "h"}, "", default=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    environ = {"DBTUNE_CONFIG": str(store.path)}

    def edit(script: str, *answers: bool) -> bool:
        replies = iter(answers)
        seen: list[str] = []

        def again(problem: str) -> bool:
            seen.append(problem)
            return next(replies)

        program = editor(folder, script)
        try:
            return Store(environ | {"EDITOR": f"'{program}' --wait"}).edit(again)
        finally:
            assert all(str(store.path) in problem and "line" in problem for problem in seen)

    assert not edit('test "$1" = --wait')  # nothing was changed
    assert edit('sed -i s/h$/other/ "$2"')
    assert load(Location(store.path, own=True), {}).profile("x").where == "host=other"
    before = store.path.read_text()
    with pytest.raises(UsageError, match=r"line 3: .*unknown key 'hots'(.|\n)*nothing has changed"):
        edit('sed -i s/host/hots/ "$2"', False)
    assert store.path.read_text() == before
    mark = folder / "mark"
    twice = f'test -e {mark} && sed -i s/hots/user/ "$2"; sed -i s/host/hots/ "$2"; touch {mark}'
    assert edit(twice, True)
    with pytest.raises(UsageError, match="exited with 3; nothing has changed"):
        edit('echo broken > "$2"; exit 3')
    with pytest.raises(UsageError, match="could not be run"):
        Store(environ | {"VISUAL": "/nonexistent/editor"}).edit(lambda _: False)
    with pytest.raises(UsageError, match="visual can't be understood"):
        Store(environ | {"VISUAL": "'"}).edit(lambda _: False)
    assert not list(tmp_path.glob("dbtune-*"))


def test_what_was_edited_and_can_t_be_written_is_not_lost(store: Store, tmp_path: Path) -> None:
    store.path.symlink_to(tmp_path / "gone" / "p.yaml")
    program = editor(
        tmp_path, f'grep "^# mine" "$1" && mkdir {tmp_path}/gone || echo "# mine" >> "$1"'
    )
    problems: list[str] = []

    def again(problem: str) -> bool:
        problems.append(problem)
        return True

    environ = {"DBTUNE_CONFIG": str(store.path), "EDITOR": program}
    assert Store(environ).edit(again)
    assert [f"{store.path} can't be written" in one for one in problems] == [True]
    assert store.path.read_text().endswith("# mine\n")


def test_a_password_is_not_left_without_its_profile(store: Store, tmp_path: Path) -> None:
    store.path.symlink_to(tmp_path / "gone" / "p.yaml")
    with pytest.raises(UsageError, match="can't be written"):
        store.add("x", {"host": "h"}, "hunter22", default=False)
    assert not list((tmp_path / "passwords").iterdir())


def test_listing(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("default: b\nprofiles: {a: {host: own}, b: {host: own}, bad: {hots: x}}")
    project = tmp_path / "project"
    project.mkdir()
    (project / "dbtune.yaml").write_text("profiles: {a: {host: near}}")
    profiles, skipped, default = listed({"DBTUNE_CONFIG": str(own)}, project)
    assert [profile.where for profile in profiles] == ["host=near", "host=own"]
    assert default is profiles[1]
    assert [(one.what, "did you mean 'host'" in one.reason) for one in skipped] == [
        ("profile bad", True)
    ]
    (project / "dbtune.yaml").write_text("broken: [")
    profiles, skipped, _ = listed({"DBTUNE_CONFIG": str(own)}, project)
    assert len(profiles) == 2
    assert skipped[0].what == str(project / "dbtune.yaml")


def test_yaml_lines_are_those_of_an_editor() -> None:
    _, lines = yaml_text.read("a:\r\n  b: 1\n  c:\n  - d: 2\n", "x")
    assert lines[("a", "b")] == 2
    assert lines[("a", "c", "0", "d")] == 4
