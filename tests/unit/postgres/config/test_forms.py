"""The files that are generated."""

from __future__ import annotations

import json
import re

import pytest

from dbtune.errors import UsageError
from dbtune.postgres.config.budget import budget
from dbtune.postgres.config.forms import Form, alter_system, artifact
from dbtune.postgres.config.guc import GB, KB, MB
from dbtune.postgres.config.inputs import Inputs, Options, Workload, resolve
from dbtune.postgres.config.plan import Plan
from dbtune.postgres.config.report import report
from dbtune.postgres.config.running import Current, Running

PLAN = Plan(resolve(Options(ram_bytes=8 * GB, cpus=4)))


def text(form: Form = Form.conf, plan: Plan = PLAN) -> str:
    return report(plan, form).artifacts[0].text


def on_server(**settings: Current) -> Plan:
    return Plan(Inputs(8 * GB, 4, version=17), Running(17, settings))


def test_the_header_says_where_each_input_came_from() -> None:
    header = text().split("\n\n")[0]
    assert re.search(r"RAM +8\.00 GiB +\(--ram\)", header)
    assert re.search(r"storage +ssd +\(assumed\)", header)
    assert "together" in header


def test_every_line_has_reason_formula_and_source() -> None:
    paragraphs = [one for one in text().split("\n\n") if not one.startswith("# ---")][1:]
    assert len(paragraphs) == len(PLAN.changes)
    for paragraph in paragraphs:
        *comments, line = paragraph.strip().split("\n")
        assert re.fullmatch(r"[a-z_]+ = .+", line)
        assert all(comment.startswith("# ") for comment in comments)
        assert any(comment.startswith("#   = ") for comment in comments)
        assert re.search(r"^#   \[(restart|reload)\] default ", paragraph, re.MULTILINE)
        assert "\n#   https://www.postgresql.org/docs/18/" in paragraph


def test_lines_fit_eighty_columns_but_for_links() -> None:
    for form in (Form.conf, Form.alter_system):
        long = [one for one in text(form).split("\n") if len(one) > 80]
        assert all("https://" in one for one in long)


def test_strings_are_quoted() -> None:
    assert "\nlog_line_prefix = '%m [%p] %q%u@%d/%a '\n" in text()
    assert "\nshared_buffers = 2GB\n" in text()


def test_alter_system_quotes_each_library_by_itself() -> None:
    """One literal with a comma would be one library of that name, and no server starts with it."""
    plan = on_server(shared_preload_libraries=Current("timescaledb,it's"))
    assert alter_system(plan.decide("shared_preload_libraries")) == (
        "ALTER SYSTEM SET shared_preload_libraries = 'timescaledb', 'it''s', 'pg_stat_statements';"
    )
    script = text(Form.alter_system)
    assert "\nALTER SYSTEM SET shared_buffers = '2GB';\n" in script
    assert script.rstrip().endswith("SELECT pg_reload_conf();")
    assert all(
        line.startswith(("--", "ALTER SYSTEM SET ", "SELECT pg_reload_conf()"))
        for line in script.splitlines()
        if line
    )


def test_json_is_name_and_text() -> None:
    values = json.loads(text(Form.json))
    assert values["shared_buffers"] == "2GB"
    assert values["jit"] == "off"
    assert set(values) == {one.name for one in PLAN.changes}


def test_a_server_gets_old_and_new() -> None:
    plan = on_server(work_mem=Current(64 * KB, "configuration file"))
    made = text(plan=plan)
    assert "was 64kB (configuration file)" in made
    assert [one.name for one in plan.changes] == ["work_mem"]


def test_nothing_to_change() -> None:
    made = report(on_server(fsync=Current(True)), Form.conf)
    assert "Nothing should change." in made.artifacts[0].text
    assert made.tables[0].rows == ()


def test_over_ram_is_said_in_the_file() -> None:
    plan = Plan(Inputs(1 * GB, 2, connections=500))
    made = text(plan=plan)
    assert "THE WORST CASE IS OVER RAM" in made
    assert "# WARNING pg.config-worst-case-over-ram" in made
    assert "THE WORST CASE" not in text()


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (Running(17, {}, provider="rds"), "ALTER SYSTEM does not work at rds"),
        (Running(17, {"allow_alter_system": Current(False)}), "allow_alter_system is off"),
    ],
)
def test_alter_system_where_it_cannot_work(server: Running, message: str) -> None:
    plan = Plan(Inputs(8 * GB, 4, version=17), server)
    with pytest.raises(UsageError, match=message):
        artifact(Form.alter_system, plan, budget(plan))
    assert artifact(Form.conf, plan, budget(plan)).text


def test_notes_say_what_was_left_alone_and_what_restarts() -> None:
    plan = Plan(
        Inputs(8 * GB, 4, version=17),
        Running(
            17,
            {
                "shared_buffers": Current(GB),
                "random_page_cost": Current(1.2),
                "shared_preload_libraries": Current(""),
            },
            extensions=frozenset(),
            provider="rds",
            standby=True,
        ),
    )
    made = report(plan, Form.conf)
    notes = "\n".join(made.notes)
    assert "left alone: random_page_cost = 1.2" in notes
    assert "Only after a restart: shared_buffers" in notes
    assert "managed by rds" in notes
    assert "standby" in notes
    assert [one.what for one in made.skipped] == ["pg_stat_statements"]


def test_the_report_adds_up() -> None:
    made = report(Plan(Inputs(8 * GB, 4, workload=Workload.dw)), Form.conf)
    for column in ("certain_bytes", "expected_bytes", "worst_bytes"):
        *parts, together = [row[column] for row in made.tables[1].rows]
        assert sum(map(int, map(str, parts))) == pytest.approx(together, abs=10)
    settings = {str(row["setting"]): row for row in made.tables[0].rows}
    assert settings["shared_buffers"]["number"] == 2 * GB
    assert settings["shared_buffers"]["unit"] == "bytes"
    assert settings["max_wal_size"]["number"] == 16 * 1024 * MB
    assert settings["checkpoint_timeout"]["unit"] == "ms"
