"""``gen-config postgresql --verify``: a throw-away server of the same version starts with the file.

``postgres -C`` and ``pg_file_settings`` look at each setting alone, and accept files with which the
server then refuses to start. So a server is really started, on an empty data folder, and every
setting is read back.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbtune.errors import UsageError
from dbtune.hardware import read_machine
from dbtune.postgres.config.guc import NEWEST, read_setting
from dbtune.postgres.config.plan import Decision, Plan
from dbtune.postgres.config.rules.logging import libraries
from dbtune.postgres.embedded import server as embedded
from dbtune.text import bytes_text, plain

_PLACES = (
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
)
_LIBRARIES = "shared_preload_libraries"
_BUFFERS = "shared_buffers"
_SMALL_BUFFERS = 128 * 1024**2
_MISSING = re.compile(r'could not access file "(?:\$libdir/)?([^"]+)"')
_VARTYPES = {"int": "integer"}


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of starting a server with a configuration.

    Attributes:
        server: product and version of the program that was started.
        problems: what it has against the configuration: setting (or ``start``) and what it said.
        notes: what could not be tried as it is.
    """

    server: str
    problems: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def try_plan(plan: Plan, bindir: Path | None = None) -> Trial:
    """Start a server with what the plan says, read it back, stop and remove it.

    Args:
        plan: the configuration.
        bindir: folder of the programs initdb and postgres; looked for by default.

    Raises:
        UsageError: no PostgreSQL of that version is installed here.
        TargetError: not even an empty cluster could be made.
    """
    version = plan.inputs.version
    programs = bindir or find_programs(version)
    name = _version(programs or embedded.program("postgres").parent, version)
    chosen = {one.name: one for one in plan.changes}
    notes: list[str] = []
    ram = read_machine().ram_bytes.value or 0
    too_large = plan.number(_BUFFERS) > ram / 4
    if too_large:
        chosen.pop(_BUFFERS, None)
        notes.append(
            f"this machine is too small to try {_BUFFERS}: tried with {bytes_text(_SMALL_BUFFERS)}"
        )
    absent: list[str] = []
    while True:
        lines = dict(_lines(chosen, absent))
        if too_large:
            lines[_BUFFERS] = f"{_SMALL_BUFFERS // 1024}kB"
        try:
            problems = tuple(_problems(lines, chosen, programs, version))
        except embedded.DidNotStart as error:
            missing = _MISSING.search(str(error))
            if missing is None or missing[1] in absent or _LIBRARIES not in chosen:
                return Trial(name, (("start", plain(str(error))),), tuple(notes))
            absent.append(missing[1])
            continue
        if absent:
            chosen.pop(_LIBRARIES, None)
            notes.append(f"not installed here, so tried without: {', '.join(absent)}")
        return Trial(name, problems, tuple(notes))


def find_programs(version: int) -> Path | None:
    """The folder of a version's server programs; ``None`` for those of the wheel (18).

    Raises:
        UsageError: none is installed.
    """
    places = [Path(place.format(version)) for place in _PLACES]
    if found := shutil.which("postgres"):
        places.append(Path(found).resolve().parent)
    for place in places:
        if (place / "postgres").exists() and _major(place) == version:
            return place
    if version == NEWEST:
        embedded.program("postgres")  # says what to install
        return None
    raise UsageError(
        f"no PostgreSQL {version} is installed here to try it with: install the server's package,"
        " or name the folder of its programs with --bindir"
    )


def _version(programs: Path, version: int) -> str:
    try:
        text = _told(programs)
    except OSError as error:
        raise UsageError(f"can't run {programs / 'postgres'}: {error.strerror}") from None
    major = _major(programs)
    if major != version:
        raise UsageError(
            f"{programs / 'postgres'} is {plain(text)!r}, but the settings are for {version}"
        )
    return plain(text)


def _told(programs: Path) -> str:
    done = subprocess.run(
        [programs / "postgres", "--version"],
        capture_output=True,
        text=True,
        check=False,
        env=embedded.environment(),
    )
    return done.stdout.strip().replace("postgres (PostgreSQL)", "PostgreSQL")


def _major(programs: Path) -> int | None:
    try:
        found = re.search(r"\b(\d+)(?:\.|devel|beta|rc|\b)", _told(programs))
    except OSError:
        return None
    return int(found[1]) if found else None


def _lines(chosen: dict[str, Decision], absent: list[str]) -> Iterator[tuple[str, str]]:
    for name, one in chosen.items():
        if name == _LIBRARIES:
            here = [item for item in libraries(one.guc.text(one.value)) if item not in absent]
            yield name, ",".join(here)
        else:
            yield name, one.guc.text(one.value)


def _problems(
    lines: dict[str, str], chosen: dict[str, Decision], programs: Path | None, version: int
) -> Iterator[tuple[str, str]]:
    locale = embedded.BUILTIN_LOCALE if version >= 17 else ("--locale=C",)
    # Not a server's log that fills a folder: what it says goes where it is read below.
    quiet = {"logging_collector": "off", "log_destination": "stderr"}
    with embedded.EmbeddedPostgres(
        {**lines, **quiet}, port=None, initdb=locale, programs=programs
    ) as server:
        with server.connect() as connection:
            told = {
                row[0]: row[1:]
                for row in connection.execute("SELECT name, setting, unit FROM pg_settings")
            }
        log = server.log.read_text(errors="replace")
    for name, one in chosen.items():
        if name == _LIBRARIES:
            continue
        if name not in told:
            yield name, "this build does not know it"
            continue
        setting, unit = told[name]
        seen = read_setting(_VARTYPES.get(one.guc.kind, one.guc.kind), setting, unit)
        if seen != one.value:
            reads = f"the server reads {plain(str(setting))} {unit or ''}".rstrip()
            yield name, f"meant {one.guc.text(one.value)}, {reads}"
    for line in log.splitlines():
        if "WARNING" in line:
            yield "start", plain(line.partition("WARNING:")[2].strip())
