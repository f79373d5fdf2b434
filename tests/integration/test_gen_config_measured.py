"""``gen-config postgresql`` from a snapshot: the same as on the server it was taken of."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dbtune.cli import run
from tests.servers import Postgres

MACHINE = ["--ram", "16GB", "--cpus", "4", "--storage", "ssd", "--wal-disk", "100GB"]


def taken(pg: Postgres, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A snapshot of a server."""
    name = str(folder / "taken")
    assert run(["snapshot", pg.dsn(), "-o", name]) == 0
    capsys.readouterr()
    return name


def test_from_a_snapshot_it_is_the_same(
    any_pg: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for source in ([any_pg.dsn()], ["--from", taken(any_pg, tmp_path, capsys)]):
        assert run(["gen-config", "postgresql", *source, *MACHINE, "-f", "json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    live, offline = found
    assert offline["changes"] == live["changes"]
    assert {one["what"] for one in live["measured"]} >= {"connections now"}
    assert any("taken" in note for note in offline["notes"])


def test_every_form_of_a_snapshot(
    pg18: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = taken(pg18, tmp_path, capsys)
    for form in ("conf", "alter-system", "undo", "docker", "rds"):
        texts = []
        for source in ([pg18.dsn()], ["--from", saved]):
            assert run(["gen-config", "postgresql", *source, *MACHINE, "--form", form, "-q"]) == 0
            text = capsys.readouterr().out
            # The comments tell what is measured just now, which is another thing a moment later.
            texts.append([one for one in text.splitlines() if not one.startswith(("#", "--"))])
        assert texts[0] == texts[1], form


def test_an_older_snapshot_does_not_tell_what_the_build_takes(
    pg18: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = Path(taken(pg18, tmp_path, capsys))
    document = json.loads(gzip.decompress(name.read_bytes()))
    for setting in document["facts"]["settings"]["by_name"].values():
        for new in ("kind", "file", "enums"):
            setting.pop(new, None)
    name.write_bytes(gzip.compress(json.dumps(document).encode()))
    assert run(["gen-config", "postgresql", "--from", str(name), *MACHINE, "--form", "json"]) == 0
    settings = json.loads(capsys.readouterr().out)
    assert settings["wal_compression"] == "pglz"
    assert settings["shared_buffers"] == "4GB"


def test_mistakes(pg18: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = taken(pg18, tmp_path, capsys)
    for arguments, words in (
        (["--from", saved, "localhost"], "not both"),
        (["--from", str(tmp_path / "none")], "can't be read"),
        (["--from", saved, *MACHINE, "--pg-version", "12"], "--pg-version"),
    ):
        assert run(["gen-config", "postgresql", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert words in " ".join(captured.err.split())
