"""One run of a subcommand: the target it was given, and what it may say meanwhile."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbtune.cli.formats import Output
from dbtune.errors import UsageError

if TYPE_CHECKING:  # imported where they are used: help and usage errors need none of them
    from dbtune.facts import Snapshot
    from dbtune.mongo.session import Session as MongoSession
    from dbtune.pgbouncer.session import Session as PgBouncerSession
    from dbtune.postgres.session import Session as PostgresSession
    from dbtune.postgres.writer import Writer
    from dbtune.profile import Profile
    from dbtune.redis.session import Session as RedisSession
    from dbtune.session import Limits
    from dbtune.statements import Wait


@dataclass
class Run:
    """One run of a subcommand: its target, its limits, and what it may say on stderr meanwhile."""

    target: str | None = None
    url: str | None = None
    profile_name: str | None = None
    connect_timeout_seconds: float = 10.0
    timeout_seconds: float = 15.0
    verbose: bool = False
    quiet: bool = False
    saved: Path | None = None
    output: Output | None = None

    @property
    def limits(self) -> Limits:
        """How long the target may keep dbtune waiting."""
        from dbtune.session import Limits

        return Limits(max(2, round(self.connect_timeout_seconds)), self.timeout_seconds)

    @property
    def target_given(self) -> bool:
        """Whether TARGET, ``--url`` or ``--profile`` was given."""
        return bool(self.target or self.url or self.profile_name)

    def profile(self) -> Profile:
        """The profile that is meant; warns when a password stands on the command line.

        Raises:
            UsageError: no target is named, or it is unknown.
        """
        from dbtune.profile import resolve

        found = resolve(self.target, url=self.url, profile=self.profile_name)
        self._warn_of_password(self.target or self.url or "")
        return found

    def _warn_of_password(self, given: str) -> None:
        from dbtune.profile import holds_password

        if holds_password(given):
            self.say(
                "warning: a password on the command line shows in the process list; "
                "use a profile or the environment (PGPASSWORD, MONGODB_URI, REDIS_URL)"
            )

    def session(
        self, profile: Profile | None = None
    ) -> PostgresSession | MongoSession | RedisSession:
        """An open session on the target, of whatever engine it is; use it with ``with``."""
        from dbtune.session import open_session

        return open_session(profile or self.profile(), self.limits, self._trace)

    def any_session(
        self, profile: Profile
    ) -> PostgresSession | PgBouncerSession | MongoSession | RedisSession:
        """As :meth:`session`; PgBouncer's admin console is welcome, too."""
        from dbtune.session import open_or_console

        return open_or_console(profile, self.limits, self._trace)

    def pooled(self, profile: Profile) -> PostgresSession | PgBouncerSession:
        """An open session on PostgreSQL, or on the admin console of a PgBouncer."""
        from dbtune.session import open_pooled

        return open_pooled(profile, self.limits, self._trace)

    def console(self, target: str) -> PgBouncerSession:
        """An open session on the admin console that a profile's name or URL means.

        Raises:
            UsageError: it is none, or unknown.
        """
        from dbtune.profile import resolve
        from dbtune.session import open_pgbouncer

        self._warn_of_password(target)  # a profile's own key holds none
        return open_pgbouncer(resolve(target), self.limits, self._trace)

    def postgres(self, profile: Profile | None = None) -> PostgresSession:
        """An open session on a target that must be PostgreSQL; use it with ``with``."""
        from dbtune.session import open_postgres

        return open_postgres(profile or self.profile(), self.limits, self._trace)

    def writer(self, profile: Profile, lock_seconds: float) -> Writer:
        """A connection to a PostgreSQL target that writes; only where a flag allowed it.

        Args:
            profile: the target.
            lock_seconds: how long a statement may wait for a lock.
        """
        from dbtune.postgres.writer import Writer

        return Writer(profile, self.limits, lock_seconds, self._trace)

    def mongo(self, profile: Profile | None = None) -> MongoSession:
        """As :meth:`postgres`, for MongoDB."""
        from dbtune.session import open_mongo

        return open_mongo(profile or self.profile(), self.limits, self._trace)

    def redis(self, profile: Profile | None = None) -> RedisSession:
        """As :meth:`postgres`, for Redis."""
        from dbtune.session import open_redis

        return open_redis(profile or self.profile(), self.limits, self._trace)

    def snapshot(self) -> Snapshot | None:
        """The snapshot that ``--from`` names; ``None`` without that option.

        Raises:
            UsageError: a target was given as well, or the file is no snapshot.
        """
        if self.saved is None:
            return None
        if self.target or self.url:
            raise UsageError("give a TARGET or --from FILE, not both")
        from dbtune.facts import read

        return read(self.saved)

    @property
    def thresholds(self) -> Mapping[str, Mapping[str, object]]:
        """The profile's thresholds if one was given: for what comes from files."""
        return self.profile().thresholds if self.target_given else {}

    def claim_output(self, what: str) -> Path:
        """The file of ``--output``, which the command writes itself; the report goes to stdout.

        Args:
            what: what is written there, for the message.

        Raises:
            UsageError: none was given.
        """
        if self.output is None or self.output.path is None:
            raise UsageError(f"name the file for {what}: --output FILE")
        path, self.output = self.output.path, self.output._replace(path=None)
        return path

    @property
    def format(self) -> str:
        """The name of the format that the report will have."""
        from dbtune.cli.output import format_of

        return format_of(self.output or Output())

    @property
    def force(self) -> bool:
        """Whether existing files may be overwritten."""
        return self.output is not None and self.output.force

    def say(self, text: str) -> None:
        """A line on stderr, unless ``--quiet``."""
        if not self.quiet:
            from dbtune.redaction import redact

            with suppress(OSError):  # a full disk: what was asked for goes to stdout
                print(redact(text), file=sys.stderr)  # noqa: T201

    def wait(
        self,
        seconds: float,
        description: str,
        every: float = 0.2,
        do: Callable[[], None] | None = None,
    ) -> None:
        """Let time pass, with a progress bar where a person is looking.

        Args:
            seconds: how long.
            description: why, for the person.
            every: seconds between two calls of ``do``.
            do: called at once and then at regular times.
        """
        with self.progress(description, seconds) as advance:
            started = time.monotonic()
            due = 0.0
            while (passed := time.monotonic() - started) < seconds:
                if do is not None and passed >= due:
                    do()
                    due += every
                advance(passed)
                now = time.monotonic() - started
                time.sleep(max(0.0, min(seconds, max(due, now) if do else now + every) - now))

    def beside(self, node: str) -> Wait:
        """As :meth:`wait`; without a bar for one of several nodes, which are read at once."""
        if not node:
            return self.wait
        from dataclasses import replace

        return replace(self, quiet=True).wait

    @contextmanager
    def progress(self, description: str, total: float) -> Iterator[Callable[[float], None]]:
        """A progress bar on stderr, on a terminal only; yields a function to say what is done."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total)
            yield lambda done: bar.update(task, completed=done)

    @contextmanager
    def reading(self, description: str, total_bytes: float) -> Iterator[Callable[[float], None]]:
        """As :meth:`progress`, of bytes: with how much is read, MB/s and the time that is left."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            *(TextColumn("{task.description}"), BarColumn(), DownloadColumn()),
            *(TransferSpeedColumn(), TimeRemainingColumn()),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total_bytes)
            yield lambda done: bar.update(task, completed=done)

    @property
    def _trace(self) -> Callable[[str, float, int], None] | None:
        if not self.verbose:
            return None

        def show(statement: str, ms: float, rows: int) -> None:
            from dbtune.text import ms_text, plain, plural

            self.say(f"-- {ms_text(ms)}, {plural(rows, 'row')}: {plain(statement)}")

        return show


def piped(otherwise: str) -> list[str]:
    """``-``, the name of standard input, if something is piped into it.

    Raises:
        UsageError: a person sits there, and is told what else to do.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(otherwise)
    return ["-"]


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the command as Ctrl-C does, with everything cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # A signal that is ignored stays so: nohup.
    caught = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
