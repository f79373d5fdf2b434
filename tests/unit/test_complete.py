"""What the Tab key offers, asked for as bash asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import dbtune

PROFILES = """
profiles:
  prod: {url: postgresql://db.example.org/app, tags: [live, shop]}
  cache: {url: redis://cache.example.org, tags: [live]}
"""


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    file = tmp_path / "dbtune.yaml"
    file.write_text(PROFILES)
    return file


def offered(line: str, config: Path) -> list[str]:
    words = line.split(" ")
    env = {
        "_DBTUNE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
        "DBTUNE_CONFIG": str(config),
    }  # fmt: skip
    made = dbtune(env=env)
    assert made.err == ""
    return made.out.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dbtune che", ["check"]),
        ("dbtune check ", ["prod", "cache"]),
        ("dbtune check -p pr", ["prod"]),
        ("dbtune check --tag ", ["live", "shop"]),
        ("dbtune rules pg.n-pl", ["pg.n-plus-one"]),
        ("dbtune check --only pg.connections-near", ["pg.connections-near-limit"]),
        ("dbtune check --exclude vacu", ["vacuum"]),
        ("dbtune schema slow", ["slow-queries"]),
        ("dbtune explain di", ["diff"]),
        ("dbtune explain ", ["diff", "check", "flame"]),
        ("dbtune profile remove c", ["cache"]),
        ("dbtune gen-config djan", ["django"]),
        ("dbtune check no-such", []),
    ],
)
def test_what_is_offered(line: str, expected: list[str], profiles: Path) -> None:
    assert offered(line, profiles) == expected


def test_a_broken_profile_file_offers_nothing_and_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "dbtune.yaml"
    file.write_text("profiles: [")
    assert offered("dbtune check ", file) == []
