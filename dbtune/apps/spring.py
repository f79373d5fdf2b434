"""Spring Boot: ``spring.datasource.hikari`` in ``application.yml``."""

from __future__ import annotations

import re

from dbtune.apps import hikaricp
from dbtune.apps.pool import AppPool
from dbtune.snippet import Line, Snippet, block, entry, heading

DOCUMENT = (
    "https://docs.spring.io/spring-boot/appendix/application-properties/index.html"
    "#application-properties.data.spring.datasource.hikari"
)


def snippet(pool: AppPool) -> Snippet:
    """HikariCP's settings under Spring's names."""
    settings = hikaricp.lines(pool)
    own = [_renamed(line) for line in settings if not line.name.startswith("dataSource.")]
    driver = [
        line._replace(name=line.name.removeprefix("dataSource."), value=f'"{line.value}"')
        for line in settings
        if line.name.startswith("dataSource.")
    ]
    text = f"""{heading("application.yml for Spring Boot 3 and later with HikariCP and pgjdbc.")}
spring:
  datasource:
    url: ${{JDBC_DATABASE_URL}}
    username: ${{PGUSER}}
    password: ${{PGPASSWORD}}
    hikari:
{block(own, entry, margin=" " * 6)}
      data-source-properties:
{block(driver, entry, margin=" " * 8)}
"""
    return Snippet(
        "application.yml", "yaml", text, (*own, *driver), DOCUMENT, (*hikaricp.NOTES, *_notes(pool))
    )


def _renamed(line: Line) -> Line:
    name = re.sub(r"([A-Z])", lambda letter: "-" + letter[1].lower(), line.name)
    return line._replace(name=name)


def _notes(pool: AppPool) -> tuple[str, ...]:
    return (
        "spring.jpa.open-in-view=false, unless a request is to keep its connection until the page"
        f" is written; server.tomcat.threads.max (200) share {pool.largest} connections",
    )
