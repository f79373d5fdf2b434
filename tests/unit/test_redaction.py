"""No password is seen, whatever form it was given in; and everything else still is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dbtune import redaction
from dbtune.cli.formats import Format
from dbtune.errors import DbtuneError
from dbtune.finding import Finding, Remedy
from dbtune.profile import (
    Profile,
    Secret,
    explain_resolution,
    profile_from_url,
    redact,
    redact_url,
    resolve,
)
from dbtune.render import render
from dbtune.report import Report
from tests.command import dbtune


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Secrets of one test are not known in the next."""
    known, public = set(redaction._known), set(redaction._public)
    yield
    for kept, now in ((known, redaction._known), (public, redaction._public)):
        now.clear()
        now.update(kept)


SPECIAL = "@:/?#[]%&=+$,;'\"\\ !*()~`^|<>{}äß漢\t"
passwords = st.text(
    st.sampled_from("abcXYZ0189-_." + SPECIAL) | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
).filter(lambda word: "\x00" not in word and word.strip())


def conninfo_quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


FORMS: dict[str, Callable[[str], str]] = {
    "encoded": lambda word: f"postgresql://bob:{quote(word, safe='')}@db.host:5433/shop",
    "encoded, in the query": lambda word: (
        f"postgresql://db.host/shop?user=bob&password={quote(word, safe='')}&sslmode=require"
    ),
    "raw": lambda word: f"postgresql://bob:{word}@db.host:5433/shop",
    "raw, no host": lambda word: f"postgresql://bob:{word}@/shop",
    "conninfo": lambda word: f"host=db.host user=bob password={conninfo_quoted(word)} dbname=shop",
    "conninfo, last": lambda word: f"host=db.host password = {conninfo_quoted(word)}",
    "sqlalchemy": lambda word: f"postgresql+psycopg://bob:{quote(word, safe='')}@db.host/shop",
    "mongodb": lambda word: f"mongodb://bob:{quote(word, safe='')}@a.host,b.host:27018/?tls=true",
    "mongodb raw": lambda word: f"mongodb+srv://bob:{word}@a.host/",
    "redis": lambda word: f"rediss://:{quote(word, safe='')}@db.host:6379/0",
    "unknown scheme": lambda word: f"mysql://bob:{word}@db.host/shop",
}


def said(url: str) -> str:
    """Everything that dbtune would show of a URL before it connects."""
    texts = [place.value for place in explain_resolution(url, environ={})]
    texts.append(redact_url(url))
    try:
        profile = profile_from_url(url, "TARGET argument")
        texts += [profile.name, profile.redacted_url, profile.where, repr(profile), str(profile)]
    except DbtuneError as error:
        texts.append(redact(str(error)))
    return "\n".join(texts)


@pytest.mark.parametrize("form", FORMS)
@given(word=passwords)
@example(word="p@ss:w/rd?#%")
@example(word="@")
@example(word="a")
@example(word="${HOME}")
@example(word="it's \\ here")
@example(word="pass word")
@example(word="x@y/z?password=q")
def test_what_is_shown_does_not_depend_on_the_password(form: str, word: str) -> None:
    # Whatever is shown of one password must be shown of any other of its kind: nothing leaks.
    assume(form in ("conninfo", "conninfo, last") or word == word.strip())
    assume(word not in FORMS[form]("s3cr3t-and-long"))  # such as tls=true
    shown = said(FORMS[form](word))
    if "malformed" in shown or "not a database" in shown:
        assert not leaks(shown, word)
    else:
        assert shown == said(FORMS[form]("s3cr3t-and-long"))


def leaks(shown: str, word: str) -> bool:
    """Whether a piece of a password of at least four characters is in a text of dbtune's own."""
    vocabulary = (
        said("postgresql://bob:s3c@r3t@db.host/shop")
        + said("mysql://u:p w@h")
        + (
            "the port must be a number from 1 to 65535 it contains a space percent-encode special "
            "characters %00 can't stand in it two hex digits % must be followed by it has no host "
            "mongodb+srv://bob:***@a.host/ postgresql://bob:***@db.host:5433/shop @/shop TARGET "
            "(user:password@ comes before the host; an IPv6 address needs brackets)"
        )
    )
    pieces = (word[start : start + 4] for start in range(len(word) - 3))
    return any(piece in shown and piece not in vocabulary for piece in pieces)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        (
            "postgresql://u:p@h:5433/db?sslmode=require",
            "postgresql://u:***@h:5433/db?sslmode=require",
        ),
        ("postgresql://h:5432/db", "postgresql://h:5432/db"),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql://a:1,b:2/db", "postgresql://a:1,b:2/db"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        ("postgresql://u:a@b@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:a/b#c?d@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:forgotten/db", "postgresql://u:***/db"),
        (
            "postgresql://h/db?password=x&sslmode=require",
            "postgresql://h/db?password=***&sslmode=require",
        ),
        ("postgresql://h/db?sslpassword=x", "postgresql://h/db?sslpassword=***"),
        (
            "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:x",
            "mongodb://h/?authMechanismProperties=***",
        ),
        ("redis://:word@h/1", "redis://:***@h/1"),
        ("host=h user=u password='a b' dbname=d", "host=h user=u password=*** dbname=d"),
        ("host=h password=a\\ b dbname=d", "host=h password=*** dbname=d"),
        ("host=h password=a&b dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='never closed", "host=h password=***"),
        ("host=h passfile=/x", "host=h passfile=/x"),
        ("postgresql://u@h/d\x1b[31m\u202e", "postgresql://u@h/d\\x1b[31m\\u202e"),
    ],
)
def test_urls_as_people_see_them(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "can't reach postgresql://u:p@h/db: refused",
            "can't reach postgresql://u:***@h/db: refused",
        ),
        ("see redis://h:6379: closed", "see redis://h:6379: closed"),
        ("(postgresql://u:p@h)", "(postgresql://u:***@h)"),
        ("options password=x host=h", "options password=*** host=h"),
        (
            "ALTER ROLE a PASSWORD 'it''s' VALID UNTIL 'x'",
            "ALTER ROLE a PASSWORD *** VALID UNTIL 'x'",
        ),
        ("create user a encrypted password E'x\\'y'", "create user a encrypted password ***"),
        ("password authentication failed", "password authentication failed"),
        ("no password supplied", "no password supplied"),
    ],
)
def test_texts_as_people_see_them(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_known_secret_is_masked_wherever_it_turns_up() -> None:
    Secret("tr0ub4dor&3")
    for form in ("tr0ub4dor&3", quote("tr0ub4dor&3", safe=""), "xtr0ub4dor&3y"):
        assert redact(f"the server said {form}!").count("***") == 1


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    Secret("cat")
    assert redact("cat, concatenate, the cat") == "***, concatenate, the ***"
    Secret("a")
    assert redact("a and b") == "a and b"


def test_a_password_that_is_a_public_word_does_not_spoil_messages() -> None:
    profile = profile_from_url("postgresql://shopper:shopper@h/shopdata", "TARGET")
    assert profile.name == "postgresql://shopper:***@h/shopdata"
    assert redact('password of user "shopper"') == 'password of user "shopper"'
    assert profile_from_url("postgresql://postgres:postgres@h/d", "x").name == (
        "postgresql://postgres:***@h/d"
    )


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hunter22")
    profile = Profile("x", profile_from_url("host=h", "").engine, "test", password=secret)
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r:>5}", repr(profile)):
        assert "hunter22" not in text
    assert secret.reveal() == "hunter22"
    assert secret == Secret("hunter22") != Secret("other")
    assert hash(secret) == hash(Secret("hunter22"))
    assert not Secret("")


# ----------------------------------------------------------------- the whole way, as a user goes it


@settings(max_examples=5)
@given(word=st.text(st.sampled_from("ab09 é漢" + SPECIAL[:-1]), min_size=1).map("zQ{}7x".format))
@example(word="hunter2hunter2")
@example(word='it\'s "quoted" & 100% <b>')
def test_no_output_holds_a_password_of_any_origin(
    word: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("profiles")
    file = folder / "dbtune.yaml"
    target = {"host": "127.0.0.1", "port": "1", "user": "bob"}
    entries = {
        "literal": {**target, "password": word.replace("${", "$${")},
        "variable": {**target, "password": "${PLANTED}"},
        "url": {"url": f"postgresql://bob:{quote(word, safe='')}@127.0.0.1:1/x"},
        "file": {**target, "password_file": "word"},
        "command": {**target, "password_command": ["cat", str(folder / "word")]},
        "redis": {**target, "engine": "redis", "password": "${PLANTED}"},
        "mongodb": {**target, "engine": "mongodb", "password": "${PLANTED}"},
        "wrong": {**target, "password": word.replace("${", "$${"), "cpus": "many"},
    }
    file.write_text(json.dumps({"profiles": entries}, ensure_ascii=False))
    (folder / "word").write_text(word + "\n")
    file.chmod(0o600)
    (folder / "word").chmod(0o600)
    env = {"DBTUNE_CONFIG": str(file), "PLANTED": word}
    for name in entries:
        for command in ("test", "show"):
            result = dbtune("profile", command, name, "--connect-timeout", "2s", env=env)
            assert_clean(result.out + result.err, word)
            assert "bug" not in result.err
    listed = dbtune("profile", "list", "-f", "json", env=env)
    assert_clean(listed.out + listed.err, word)
    assert "no profile has the tag x" in dbtune("profile", "list", "--tag", "x", env=env).ok().out
    direct = FORMS["encoded"](word).replace("db.host:5433", "127.0.0.1:1")
    for environment in ({"DATABASE_URL": direct}, {"PGHOST": "127.0.0.1", "PGPORT": "1"}):
        both = {**environment, "PGPASSWORD": word}
        result = dbtune("profile", "test", "--connect-timeout", "2s", env=both)
        assert result.code == 3
        assert_clean(result.out + result.err, word)


def assert_clean(text: str, word: str) -> None:
    """No form of a password is in a text."""
    for form in {word, quote(word, safe=""), json.dumps(word)[1:-1], repr(word)[1:-1]}:
        assert form not in text, f"{form!r} in {text!r}"


@pytest.mark.parametrize("name", Format)
def test_a_report_on_a_url_with_a_password_is_clean_in_every_format(name: str) -> None:
    profile = profile_from_url("postgresql://u:pl4nted%21pl4nted@h/d", "TARGET argument")
    report = Report(
        "slow-queries",
        findings=(Finding("s", redact("pl4nted!pl4nted"), Remedy("r"), rule="pg.x"),),
        target={"name": profile.name, "source": profile.source},
    )
    assert "pl4nted" not in render(report, name)


def test_a_bug_report_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBTUNE_DEBUG", "1")

    def broken(*_: object, **__: object) -> Profile:
        raise RuntimeError("broke on postgresql://u:pl4nted%21@h and pl4nted! and password=q1w2e3")

    monkeypatch.setattr("dbtune.profile.resolve", broken)
    result = dbtune("profile", "test", "postgresql://u:pl4nted%21@h", env={"DBTUNE_DEBUG": "1"})
    assert result.code == 70
    assert "RuntimeError" in result.err
    assert "Traceback" in result.err
    assert "pl4nted" not in result.err
    assert "q1w2e3" not in result.err


def test_resolving_makes_pgpassword_known() -> None:
    resolve("host=h", environ={"PGPASSWORD": "pl4nted-pl4nted"})
    assert "pl4nted" not in redact("it was pl4nted-pl4nted")


def test_a_password_command_does_not_see_a_shell(tmp_path: Path) -> None:
    file = tmp_path / "dbtune.yaml"
    mark = tmp_path / "mark"
    file.write_text(
        "profiles: {x: {host: 127.0.0.1, port: 1, "
        f"password_command: 'printf word; touch {mark}'}}}}"
    )
    result = dbtune("profile", "test", "x", env={"DBTUNE_CONFIG": str(file), "HOME": str(tmp_path)})
    assert result.code == 3
    assert not mark.exists()
    assert os.listdir(tmp_path) == ["dbtune.yaml"]  # noqa: PTH208


def test_a_long_text_takes_as_long_as_it_is() -> None:
    """A hundred thousand letters without a blank took minutes, in which nothing else was done."""
    code = "from dbtune.redaction import redact; assert len(redact('x' * 1_000_000)) == 1_000_000"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    glued = "x" * 60 + "postgresql://u:hunter22@h/d"
    assert redact(glued) == glued.replace("hunter22", "***")
