"""The demo that was left running: where it is, and the profile ``demo`` that leads to it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbtune import profile_edit, profile_file
from dbtune.errors import UsageError
from dbtune.postgres.embedded import cleanup
from dbtune.postgres.embedded.server import FOLDER_PREFIX, EmbeddedPostgres
from dbtune.profile import Engine, Profile, Secret

PROFILE = "demo"
_INSTANCES, _WORKERS = 4, 2
"""What the profile says that SQL can't tell: the shop's web application runs so often."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A demo that was left running.

    Attributes:
        folder: holds everything of the server.
        url: leads to its database as superuser; holds no secret.
        app_url: likewise, as the applications' role.
        started_at: when it was left running, RFC 3339.
    """

    folder: str
    url: str
    app_url: str
    started_at: str

    @property
    def running(self) -> bool:
        """Whether the server is still there: it may have been killed, or the machine restarted."""
        return cleanup.postmaster_pid(Path(self.folder)) is not None


def profile_of(server: EmbeddedPostgres) -> Profile:
    """The profile that leads to a demo, whether it is kept or not."""
    from dbtune.demo.shop import DATABASE  # which imports the driver

    return Profile(
        PROFILE,
        Engine.postgresql,
        "dbtune demo",
        Secret(server.url(DATABASE)),
        password_file=server.secret_file,
        instances=_INSTANCES,
        workers=_WORKERS,
    )


def find() -> Kept | None:
    """The demo that was left running; it may have died since."""
    try:
        kept = Kept(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    # The folder is going to be removed with all that is in it: only ever one of ours.
    return kept if Path(kept.folder).name.startswith(FOLDER_PREFIX) else None


def check_free() -> None:
    """Make sure that a demo can be kept; what is left of one that died is cleared away.

    Raises:
        UsageError: one is running, or the user has another profile of that name.
    """
    kept = find()
    if kept is not None and kept.running:
        raise UsageError(
            f"a demo is running already, as profile {PROFILE}; end it with: dbtune demo stop"
        )
    if kept is not None:
        forget(kept)
    _with_profile("postgresql://", Path())


def remember(server: EmbeddedPostgres) -> Kept:
    """Leave the server running, and write down where it is and the profile that leads to it.

    Raises:
        UsageError: a file can't be written; the server is then not kept.
    """
    from dbtune.demo.shop import DATABASE, ROLE  # which imports the driver

    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    kept = Kept(str(server.folder), server.url(DATABASE), server.url(DATABASE, ROLE), now)
    text = _with_profile(kept.url, server.secret_file)
    profile_edit.write(_state_file(), json.dumps(asdict(kept)) + "\n")
    profile_edit.write(profile_file.own_path(), text)
    server.keep()
    return kept


def forget(kept: Kept) -> None:
    """End a kept demo, if it still runs, and remove its folder, its profile and the note of it."""
    cleanup.remove(Path(kept.folder))
    path = profile_file.own_path()
    text = _text(path)
    # Somebody may have replaced the profile by one of his own.
    if kept.folder in text:
        left = profile_edit.without_profile(text, PROFILE, path)
        if left.strip() in ("", "profiles:"):
            path.unlink()
        else:
            profile_edit.write(path, left)
    _state_file().unlink(missing_ok=True)


def _with_profile(url: str, password_file: Path) -> str:
    path = profile_file.own_path()
    entry = {
        "url": url,
        "password_file": str(password_file),
        "instances": _INSTANCES,
        "workers": _WORKERS,
    }
    return profile_edit.with_profile(_text(path), PROFILE, entry, path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def _state_file() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local/state") / "dbtune/demo.json"
