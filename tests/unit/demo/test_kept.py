"""What is written down about a demo that was left running."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from dbtune import profile_file
from dbtune.demo import kept
from dbtune.demo.kept import Kept
from dbtune.errors import UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Profile and state files are those of nobody."""
    monkeypatch.setenv("DBTUNE_CONFIG", str(tmp_path / "dbtune.yaml"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def noted(home: Path, folder: Path) -> Kept:
    """A note of a demo in a folder, as a run leaves it behind."""
    url = f"postgresql://postgres@127.0.0.1:1/shop?passfile={folder}/pgpass"
    one = Kept(str(folder), url, url, "2026-01-01T00:00:00Z")
    state = home / "state/dbtune/demo.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps(asdict(one)))
    profile_file.own_path().write_text(f"profiles:\n  demo:\n    url: {url}\n")
    return one


def test_nothing_is_kept_at_first() -> None:
    assert kept.find() is None
    kept.check_free()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"folder": 1}', "\x00"])
def test_a_broken_note_is_no_note(home: Path, text: str) -> None:
    path = home / "state/dbtune/demo.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert kept.find() is None


def test_a_note_of_a_folder_that_is_not_ours_is_not_believed(home: Path) -> None:
    precious = home / "precious"
    precious.mkdir()
    noted(home, precious)
    assert kept.find() is None


def test_what_a_killed_demo_left_is_cleared_away_before_the_next(home: Path) -> None:
    folder = home / "dbtune-x"
    (folder / "data").mkdir(parents=True)
    noted(home, folder)
    found = kept.find()
    assert found is not None
    assert not found.running
    kept.check_free()
    assert not folder.exists()
    assert kept.find() is None
    assert not profile_file.own_path().exists()


def test_other_profiles_stay(home: Path) -> None:
    folder = home / "dbtune-x"
    folder.mkdir()
    one = noted(home, folder)
    path = profile_file.own_path()
    path.write_text("# mine\n" + path.read_text() + "  prod:\n    host: db\n")
    kept.forget(one)
    assert path.read_text() == "# mine\nprofiles:\n  prod:\n    host: db\n"


def test_a_profile_demo_of_the_user_is_neither_overwritten_nor_removed(home: Path) -> None:
    path = profile_file.own_path()
    text = "profiles:\n  demo:\n    host: mine\n"
    path.write_text(text)
    with pytest.raises(UsageError, match="'demo' is in"):
        kept.check_free()
    folder = home / "dbtune-x"
    folder.mkdir()
    one = noted(home, folder)
    path.write_text(text)
    kept.forget(one)
    assert path.read_text() == text
