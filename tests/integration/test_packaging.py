"""What users install: the wheel, the action, the image, the manual page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dbtune import __version__
from tests.servers import Postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, made from the sdist, and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install(folder, str(built[0]))
    return folder


def install(folder: Path, *what: str) -> None:
    constraints = ROOT / "scripts" / "constraints.txt"
    pip = (folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check")
    subprocess.run([*pip, "-c", constraints, *what], check=True, capture_output=True)


def tracked(folder: str) -> set[str]:
    """The files of a folder that git knows; of an unpacked sdist, those that are there."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        made = subprocess.run(
            ["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True
        )
        return set(made.stdout.split())
    files = (ROOT / folder).rglob("*")
    return {str(f.relative_to(ROOT)) for f in files if f.is_file() and "__pycache__" not in str(f)}


def test_the_wheel_has_the_package_and_the_manual_page_and_nothing_else(
    built: tuple[Path, Path],
) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
    package = {name for name in names if name.startswith("dbtune/")}
    assert package == {name for name in tracked("dbtune") if not name.startswith("dbtune/man/")}
    others = {re.sub(r"^dbtune-[^/]*/", "", name) for name in names - package}
    assert others == {
        "METADATA", "WHEEL", "entry_points.txt", "RECORD", "licenses/LICENSE",
        f"dbtune-{__version__}.data/data/share/man/man1/dbtune.1".partition("/")[2],
    }  # fmt: skip


def test_the_sdist_has_what_the_repository_has(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for folder in ("dbtune", "tests", "examples", "scripts"):
        assert tracked(folder) <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"} <= names
    assert not [name for name in names if name.startswith((".venv", ".servers"))]


def test_it_works_in_an_empty_environment(installed: Path, pg18: Postgres) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [installed / "bin" / "dbtune", *arguments],
            cwd=installed, env={"HOME": str(installed)}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    assert run("--version").stdout == f"dbtune {__version__}\n"
    plan = run("explain", str(ROOT / "examples" / "plan.txt"))
    assert plan.returncode == 0, plan.stderr
    health = run("check", pg18.dsn(), "--interval", "0s", "--fail-on", "never")
    assert health.returncode == 0, health.stderr
    # What an extra would bring is asked for in a sentence.
    demo = run("demo")
    assert demo.returncode == 2
    assert "dbtune[lab]" in demo.stderr
    assert (installed / "share" / "man" / "man1" / "dbtune.1").is_file()


def test_the_manual_page_is_as_new_as_the_commands_help() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "man", "--check"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    if shutil.which("man"):
        shown = subprocess.run(
            ["man", "--warnings", "-l", ROOT / "dbtune" / "man" / "dbtune.1"],
            capture_output=True, text=True, check=True, env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert shown.stderr == ""
        assert "suggest-indexes" in shown.stdout


def test_the_action_installs_runs_and_gives_the_exit_code(
    built: tuple[Path, Path], installed: Path, new_pg: Callable[[int], Postgres], tmp_path: Path
) -> None:
    action = yaml.safe_load((ROOT / "examples" / "action" / "action.yml").read_text())
    pg = new_pg(18).start()
    summary, outputs = tmp_path / "summary", tmp_path / "outputs"

    def act(**inputs: str) -> subprocess.CompletedProcess[str]:
        """The steps as GitHub would run them: inputs into the environment, then bash."""
        given = {name: one.get("default", "") for name, one in action["inputs"].items()} | inputs
        for step in action["runs"]["steps"]:
            found = [re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", v) for v in step["env"].values()]
            words = [given[one[1]] for one in found if one]
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=tmp_path, capture_output=True, text=True, check=False,
                env={
                    **dict(zip(step["env"], words, strict=True)),
                    "PATH": f"{installed / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path),
                    "DATABASE_URL": pg.dsn(), "GITHUB_OUTPUT": str(outputs),
                    "GITHUB_STEP_SUMMARY": str(summary),
                },
            )  # fmt: skip
            if done.returncode:
                break
        return done

    package = str(built[0])
    fine = act(package=package, command="check --only pg.duplicate-index --fail-on warning")
    assert fine.returncode == 0, fine.stderr
    assert "exit-code=0" in outputs.read_text()
    assert summary.read_text().startswith("## dbtune check")
    pg.psql("CREATE TABLE t (a int, b int); CREATE INDEX x ON t (b); CREATE INDEX y ON t (b)")
    found = act(package=package, command="check --only pg.duplicate-index --fail-on warning")
    assert found.returncode == 1
    assert "exit-code=1" in outputs.read_text()
    assert "pg.duplicate-index" in summary.read_text()
    shown = summary.read_text()
    injected = act(package=package, command="check --only $(touch${IFS}pwned);touch pwned")
    assert injected.returncode == 2
    assert not (tmp_path / "pwned").exists()
    assert summary.read_text() == shown  # not once more the report of the step before


def test_the_image_builds_from_what_the_context_keeps() -> None:
    folder = ROOT / "examples" / "docker"
    kept = re.findall(r"^!(\S+)$", (folder / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in kept)
    project = (ROOT / "pyproject.toml").read_text()
    for name in re.findall(r'^(?:readme|license-files) = .*?"([^"]+)"', project, re.MULTILINE):
        assert name in kept
    lines = (folder / "Dockerfile").read_text().splitlines()
    assert "USER dbtune" in lines
    assert 'ENTRYPOINT ["dbtune"]' in lines
