"""dbtune's own statements are no load, in the log of a server that it has looked at."""

from __future__ import annotations

import pytest

from tests.command import dbtune
from tests.server_log import CONF
from tests.servers import Postgres, available_postgres


@pytest.mark.parametrize("version", [v for v in (13, 18) if v in available_postgres()])
@pytest.mark.parametrize(
    "conf",
    [
        {"log_line_prefix": "%m [%p] "},
        {"log_line_prefix": "%m [%p] %a "},
        {"log_line_prefix": "%m [%p] ", "log_min_duration_statement": "-1"},
    ],
    ids=["by-tag", "by-application", "in-plans"],
)
def test_what_dbtune_asked_is_left_out(version: int, conf: dict[str, str]) -> None:
    plans = {"shared_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0"}
    with Postgres(version).start({**CONF, **plans, **conf}) as pg:
        pg.psql("CREATE TABLE t(id int); CREATE ROLE w LOGIN PASSWORD 'x'")
        pg.psql("SELECT count(*) FROM t")
        url = pg.dsn("postgres", "w", "x")
        assert dbtune("check", url, "--interval", "0s").code in (0, 1)
        assert dbtune("explain", url, "--sql", "SELECT * FROM t").code == 2
        dbtune("explain", pg.dsn(), "--sql", "SELECT * FROM t", "--analyze").ok()
        (log,) = (pg.data / "log").glob("*.log")
        text = log.read_text()
        asked = ("slow-queries", "--log", str(log), "-f", "json", "-n", "1000", "--show-parameters")
        told = dbtune(*asked).ok().json
    assert "permission denied for table t" in text
    assert "EXPLAIN /* dbtune */" in text
    statements = {one["statement"] for one in told["statements"]}
    assert "SELECT count(*) FROM t" in statements
    for one in (*told["statements"], *told["slowest"], *told.get("errors", ())):
        assert "dbtune" not in str(one)
        assert "permission denied" not in str(one)
