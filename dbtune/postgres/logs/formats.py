"""Names of log formats, for the command line: imports nothing."""

from __future__ import annotations

from enum import StrEnum


class LogFormat(StrEnum):
    """Formats that a person can name."""

    auto = "auto"
    stderr = "stderr"
    csv = "csv"
    json = "json"
    syslog = "syslog"
    rds = "rds"
    cloudsql = "cloudsql"
