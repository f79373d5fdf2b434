"""Run dbtune in this process as a user would on the command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

from dbtune.cli import run

MISLEADING = {
    "PGPASSWORD": "of-another-server",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "system",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
}
"""Variables of libpq that a user has for another server."""
_OWN_VARIABLES = ("DBTUNE_", "PG", "DATABASE_URL", "MONGODB_URI", "REDIS_URL", "REDISCLI_AUTH")


@dataclass(frozen=True)
class Result:
    """What a run printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)

    def ok(self) -> Result:
        """Itself, if the exit code is 0."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


def dbtune(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run with these arguments; the environment has no target and no profile file but ``env``'s."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(_OWN_VARIABLES)}
    clean |= {"DBTUNE_CONFIG": "/nonexistent/dbtune.yaml"} | dict(env or {})
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, clean, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run([str(argument) for argument in arguments])
    return Result(int(code), out.getvalue(), err.getvalue())
