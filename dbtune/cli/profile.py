"""``dbtune profile``: add, list, show, test, edit and remove profiles of targets."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtune.cli import complete
from dbtune.cli.command import Run, command, new_app
from dbtune.errors import UsageError
from dbtune.readiness import TABLES as TEST_TABLES
from dbtune.report import Column, Report, Table
from dbtune.text import bytes_text, plain

if TYPE_CHECKING:
    from dbtune.profile import Profile

PROFILES = Table(
    "profiles",
    "",
    (
        Column("default", "default", "bool", "Whether it is used when no target is named."),
        Column("name", "name", "text", "The profile's name."),
        Column("engine", "engine", "text", "Which database system it is."),
        Column("target", "target", "text", "How to reach it, without secrets."),
        Column("tags", "tags", "list", "Labels for addressing several profiles at once."),
        Column("password", "password", "text", "Where the password comes from.", 1),
        Column("file", "file", "text", "The profile file it stands in.", 2),
    ),
    empty="no profile yet; store one: dbtune profile add NAME URL",
)
PLACES = Table(
    "places",
    "Where a target may be named, in order of precedence",
    (
        Column("chosen", "won", "bool", "Whether this place decided."),
        Column("place", "place", "text", "The place."),
        Column("value", "value", "text", "What stands there, without secrets."),
        Column("problem", "problem", "text", "Why it can't be read."),
    ),
)
SETTINGS = Table(
    "settings",
    "What is used",
    (
        Column("key", "key", "text", "Connection keyword or key of the profile file."),
        Column("value", "value", "text", "Its value, without secrets."),
        Column("source", "from", "text", "Where the value comes from."),
    ),
)
CHANGE = Table(
    "change",
    "",
    (
        Column("action", "action", "text", "added, removed, changed, or unchanged."),
        Column("name", "profile", "text", "The profile's name."),
        Column("file", "file", "text", "The file that was written."),
    ),
    record=True,
)
TABLES = (PROFILES, PLACES, SETTINGS, CHANGE, *TEST_TABLES)

app = new_app(group_help="Add, list, show, test, edit and remove profiles of targets.")


# -------------------------------------------------------------------------------------------- add


def _text(help: str, *names: str) -> object:
    return typer.Option(*names, help=help, show_default=False)


@command(
    app,
    target="none",
    epilog="Example: dbtune profile add prod postgresql://dba@db.example.org/app --tag prod -W",
)
def add(
    run: Run,
    name: Annotated[str, typer.Argument(help="The profile's name: letters, digits, _ . -")],
    url: Annotated[
        str, typer.Argument(help="URL or libpq connection string, without a password.")
    ] = "",
    host: Annotated[str, _text("Host name, address or socket folder.")] = "",
    port: Annotated[str, _text("Port.")] = "",
    dbname: Annotated[str, _text("Database.")] = "",
    user: Annotated[str, _text("Role or user.")] = "",
    service: Annotated[str, _text("Service of libpq's pg_service.conf.")] = "",
    sslmode: Annotated[str, _text("libpq's sslmode, such as verify-full.")] = "",
    sslrootcert: Annotated[str, _text("Certificate authority's file, or system.")] = "",
    engine: Annotated[
        str,
        _text("postgresql, mongodb, redis or pgbouncer; a URL tells it, else it is postgresql."),
    ] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Tag. Repeat it for several.")] = None,
    ram: Annotated[str, _text("RAM of the server's machine, as 64GB.")] = "",
    cpus: Annotated[str, _text("CPUs of the server's machine.")] = "",
    storage: Annotated[str, _text("ssd, nvme, hdd or san.")] = "",
    instances: Annotated[str, _text("Application instances.")] = "",
    workers: Annotated[str, _text("Processes per instance, each with its pool.")] = "",
    pgbouncer: Annotated[str, _text("Profile of the console of the PgBouncer before it.")] = "",
    provider: Annotated[str, _text("Managed service, such as rds or cloudsql.")] = "",
    password_command: Annotated[
        str, _text("Command that prints the password, such as 'pass show db/prod'.")
    ] = "",
    password_file: Annotated[str, _text("File whose first line is the password.")] = "",
    password_prompt: Annotated[
        bool,
        typer.Option(
            "--password-prompt", "-W", help="Ask for the password; keep it in a file of mode 0600."
        ),
    ] = False,
    default: Annotated[
        bool, typer.Option("--default", help="Use it when no target is named.")
    ] = False,
) -> Report:
    """Store a target under a name in your own profile file.

    A password never goes onto the command line, where the process list and the shell's history show
    it: give -W, --password-command or --password-file, or leave it to ~/.pgpass or PGPASSWORD.
    """
    from dbtune.profile_store import Store, without_password

    texts = {
        "url": without_password(url, name),
        "engine": engine,
        "host": host,
        "port": port,
        "dbname": dbname,
        "user": user,
        "service": service,
        "sslmode": sslmode,
        "sslrootcert": sslrootcert,
        "password_command": password_command,
        "password_file": password_file and str(Path(password_file).expanduser().absolute()),
        "ram": ram,
        "cpus": cpus,
        "storage": storage,
        "instances": instances,
        "workers": workers,
        "pgbouncer": pgbouncer,
        "provider": provider,
    }
    entry: dict[str, object] = {key: text for key, text in texts.items() if text}
    if tag:
        entry["tags"] = tag
    if password_prompt and (password_command or password_file):
        raise UsageError("give one of -W, --password-command and --password-file")
    store = Store()
    store.refuse_taken(name)
    store.add(name, entry, _ask_password(name) if password_prompt else "", default=default)
    notes = (f"try it: dbtune profile test {name}",)
    return _changed("profile add", "added", name, store.path, notes)


def _ask_password(name: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("-W needs a terminal; use --password-command or --password-file")
    from getpass import getpass

    password = getpass(f"Password of {name}: ")
    if not password:
        raise UsageError("no password was given; nothing was stored")
    return password


def _changed(command: str, action: str, name: str, path: Path, notes: tuple[str, ...]) -> Report:
    row = {"action": action, "name": name or None, "file": str(path)}
    table = Table(CHANGE.name, CHANGE.title, CHANGE.columns, (row,), record=True)
    return Report(command, (table,), notes=notes)


# ------------------------------------------------------------------------------------------- list


@command(app, target="none", name="list", epilog="Example: dbtune profile list --format json")
def list_profiles(
    run: Run,
    tag: Annotated[str, _text("Only profiles with this tag.")] = "",
) -> Report:
    """List the profiles of the nearest profile file and of your own; no secrets are shown."""
    from dbtune.profile_store import listed

    profiles, skipped, default = listed()
    rows = tuple(
        {
            "default": profile is default,
            "name": profile.name,
            "engine": profile.engine.value,
            "target": profile.where,
            "tags": profile.tags,
            "password": _password_source(profile),
            "file": str(profile.file),
        }
        for profile in profiles
        if not tag or tag in profile.tags
    )
    empty = f"no profile has the tag {plain(tag)}" if tag and profiles else PROFILES.empty
    table = Table(PROFILES.name, PROFILES.title, PROFILES.columns, rows, empty=empty)
    return Report("profile list", (table,), skipped=tuple(skipped))


def _password_source(profile: Profile) -> str | None:
    if profile.password:
        return "profile file"
    if profile.password_command:
        return "password_command"
    if profile.password_file:
        return "password_file"
    return "url" if profile.has_password else None


# ------------------------------------------------------------------------------------- show, test


@command(app, name="show", epilog="Example: dbtune profile show prod")
def show(run: Run) -> Report:
    """Show which target is meant, which place named it, and where each setting comes from."""
    from dbtune.profile import explain_resolution

    places = explain_resolution(run.target, url=run.url, profile=run.profile_name)
    profile = run.profile()
    place_rows = tuple(
        {
            "chosen": place.chosen,
            "place": place.name,
            "value": place.value or None,
            "problem": place.problem or None,
        }
        for place in places
    )
    setting_rows = tuple(
        {"key": key, "value": value or None, "source": source}
        for key, value, source in _settings(profile)
    )
    return Report(
        "profile show",
        (
            Table(SETTINGS.name, SETTINGS.title, SETTINGS.columns, setting_rows),
            Table(PLACES.name, PLACES.title, PLACES.columns, place_rows),
        ),
        target={
            "name": profile.name,
            "engine": profile.engine.value,
            "source": profile.source,
        },
    )


def _settings(profile: Profile) -> list[tuple[str, str, str]]:
    if profile.engine == "postgresql":
        from dbtune.postgres.conninfo import settings

        found = list(settings(profile))
    else:
        where = {"url": profile.redacted_url, **profile.parameters}
        found = [(key, value, profile.source) for key, value in where.items() if value]
        found.append(("password", "***" if profile.has_password else "", profile.source))
    facts = {
        "tags": ", ".join(profile.tags),
        "ram": bytes_text(profile.ram_bytes) if profile.ram_bytes else "",
        "cpus": f"{profile.cpus:g}" if profile.cpus else "",
        "storage": profile.storage,
        "instances": str(profile.instances or ""),
        "workers": str(profile.workers or ""),
        "pgbouncer": profile.pgbouncer,
        "provider": profile.provider,
        **_threshold_texts(profile.thresholds),
    }
    return found + [(key, value, profile.source) for key, value in facts.items() if value]


def _threshold_texts(thresholds: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    return {
        f"thresholds.{check}.{name}": str(value)
        for check, names in thresholds.items()
        for name, value in names.items()
    }


@command(app, name="test", epilog="Example: dbtune profile test prod")
def test(run: Run) -> Report:
    """Connect, and say what the target is, what your role may read there, and what is missing.

    What a command would leave out is listed with the statement that grants it.
    """
    profile = run.profile()
    if profile.engine in ("postgresql", "pgbouncer"):
        from dbtune.pgbouncer.readiness import examine as of_pgbouncer
        from dbtune.pgbouncer.session import Session as Console
        from dbtune.postgres.readiness import examine as of_postgres

        started = time.perf_counter()  # the driver is imported by now
        with run.pooled(profile) as session:
            connect_ms = (time.perf_counter() - started) * 1000
            if isinstance(session, Console):
                return of_pgbouncer(session, connect_ms)
            return of_postgres(session, connect_ms)
    if profile.engine == "mongodb":
        from dbtune.mongo.readiness import examine as of_mongo

        started = time.perf_counter()
        with run.mongo(profile) as mongo:
            return of_mongo(mongo, (time.perf_counter() - started) * 1000)
    from dbtune.redis.readiness import examine as of_redis

    started = time.perf_counter()
    with run.redis(profile) as redis:
        return of_redis(redis, (time.perf_counter() - started) * 1000)


# ----------------------------------------------------------------------------------- edit, remove


@command(app, target="none", name="edit", epilog="Example: EDITOR=nano dbtune profile edit")
def edit(run: Run) -> Report:
    """Edit your own profile file with $VISUAL or $EDITOR; it is replaced only if it is right."""
    from dbtune.profile_store import Store

    def again(problem: str) -> bool:
        run.say(problem)
        return sys.stdin.isatty() and typer.confirm("Edit again?", default=True, err=True)

    store = Store()
    changed = store.edit(again)
    return _changed("profile edit", "changed" if changed else "unchanged", "", store.path, ())


@command(app, target="none", name="remove", epilog="Example: dbtune profile remove prod")
def remove(
    run: Run,
    name: Annotated[
        str, typer.Argument(help="The profile's name.", autocompletion=complete.profiles)
    ],
) -> Report:
    """Take a profile out of your own profile file, with a password that dbtune stored for it."""
    from dbtune.profile_store import Store

    store = Store()
    store.remove(name)
    return _changed("profile remove", "removed", name, store.path, ())
