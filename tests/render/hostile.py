"""A report with every kind of value, made by somebody who wishes us ill."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from dbtune.finding import Confidence, Finding, Level, Remedy, Skipped
from dbtune.report import Artifact, Column, Kind, Report, Table, record

ANSI = "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07 \x9b2J"
RICH = "[bold red]markup[/bold red] [link=http://evil]x[/link] :smile: [/]"
HTML = "<script>alert(1)</script> <b>&amp; <img src=x onerror=y> <!-- -->"
MARKDOWN = "**bold** [x](http://evil) ![i](http://evil) `code` | a | b ~~c~~ # h * l _e_ http://a.b"
BIDI = "\u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f \ufeff"
CONTROL = "a\x00b\x07c\x08d\x0be\x0cf\rg\x7fh\x85i\u2028j\u2029k\tl\nm"
FORMULA = '=HYPERLINK("http://evil"), "q" \'q\''
WIDE = "漢字テスト 👩‍👩‍👧 e\u0301"
HOSTILE = (
    ANSI,
    RICH,
    HTML,
    MARKDOWN,
    BIDI,
    CONTROL,
    FORMULA,
    WIDE,
    "\n::error::x %0A",
    "```\n~~~\n",
)
EVERYTHING = " ".join(HOSTILE)
SQL = f"SELECT '{EVERYTHING}'\n  FROM t -- comment\n WHERE a IN ($1, $2) /* {'x' * 300} */"
WHEN = datetime(2026, 11, 21, 3, 4, 5, 678901, timezone(timedelta(hours=5, minutes=30)))

KINDS: tuple[tuple[Kind, object, object], ...] = (
    ("text", EVERYTHING, ""),
    ("int", 1234567, Decimal("12345678901234567890")),
    ("float", 0.123456789, math.nan),
    ("ms", 1234.5, 0.0),
    ("seconds", 86_399.0, math.inf),
    ("bytes", 5 * 1024**3, 1e15),
    ("ratio", 0.12345, 1),
    ("share", 0.5, Decimal("0.001")),
    ("bool", True, False),
    ("time", WHEN, datetime(1970, 1, 1, tzinfo=UTC)),
    ("list", [ANSI, "b"], ()),
    ("object", {"k": [1, {"x": EVERYTHING}]}, {}),
    ("sql", SQL, "SELECT 1"),
)
COLUMNS = tuple(
    Column(
        f"{kind}_column", f"{kind} title", kind, f"A {kind}.", None if kind == "object" else rank
    )
    for rank, (kind, _, _) in enumerate(KINDS)
)
NOTHING: dict[str, object] = dict.fromkeys(column.name for column in COLUMNS)
ROWS: tuple[dict[str, object], ...] = (
    {f"{kind}_column": value for kind, value, _ in KINDS},
    {f"{kind}_column": value for kind, _, value in KINDS},
    NOTHING,
)
TABLES = (
    Table("main", f"Main {MARKDOWN}", COLUMNS, ROWS, footer=f"footer {ANSI}"),
    Table("empty", "Empty", COLUMNS, (), empty="nothing here"),
    record("facts", "Facts", [c for c in COLUMNS if c.kind != "sql"], ROWS[0]),
)


def finding(rule: str, level: Level, text: str) -> Finding:
    return Finding(
        subject=text,
        message=f"12 of 34 {text}",
        remedy=Remedy(
            f"Do {text}",
            sql=f"CREATE INDEX ON t (a);\n\tSELECT '{text}';\n",
            config=f"work_mem = 1MB  # {text}",
            effect=f"locks {text}",
        ),
        evidence={
            "saving_at_most_ms": 12.5,
            "saving_at_most_ratio": 0.25,
            "rows": 12,
            "share": 0.5,
            "name": text,
            "none": None,
            "yes": True,
        },
        level=level,
        confidence=Confidence.estimated,
        rule=rule,
        why=f"Why {text}",
        mistaken_when=f"Mistaken {text}",
        verify=f"Verify {text}",
    )


REPORT = Report(
    "slow-queries",
    TABLES,
    findings=(
        finding("pg.bad", Level.critical, EVERYTHING),
        finding("pg.meh", Level.warning, "plain"),
        Finding(
            *("bare", "bare message", Remedy("")),
            rule="pg.fyi",
            level=Level.info,
            confidence=Confidence.measured,
        ),
    ),
    skipped=(Skipped(f"what {ANSI}", f"because {EVERYTHING}", f"GRANT x;\n-- {ANSI}"),),
    notes=(f"note {EVERYTHING}", "short note"),
    target={"name": f"prod {ANSI}", "server": "PostgreSQL 18.6", "role": "primary", "port": 5432},
    collected_at=WHEN,
    artifacts=(Artifact("a.conf", f"# {EVERYTHING}\nwork_mem = 1MB\n", "ini"),),
    examined=("pg.bad", "pg.clean", "pg.fyi", "pg.meh"),
)
