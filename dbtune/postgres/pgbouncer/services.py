"""What runs PgBouncer: a systemd unit, a docker-compose file."""

from __future__ import annotations

import json

from dbtune.postgres.pgbouncer.entries import Layout
from dbtune.postgres.pgbouncer.pooler import HAS_QUOTED_KEYS, Form, Pooler
from dbtune.postgres.pgbouncer.settings import open_files
from dbtune.report import Artifact


def artifacts(made: Layout, pooler: Pooler) -> tuple[Artifact, ...]:
    """The file that runs it, if one is wanted."""
    if pooler.form is Form.systemd:
        return (Artifact("pgbouncer.service", unit(made, pooler), "ini"),)
    if pooler.form is Form.docker:
        return (Artifact("docker-compose.yml", compose(made, pooler), "yaml"),)
    return ()


def unit(made: Layout, pooler: Pooler) -> str:
    """A systemd unit for a PgBouncer that was built with systemd, as all packages are."""
    ini = f"{pooler.config_dir.rstrip('/')}/pgbouncer.ini".replace("%", "%%")
    return f"""\
# /etc/systemd/system/pgbouncer.service: systemctl daemon-reload, then systemctl enable --now
# pgbouncer. Its log is in the journal: journalctl -u pgbouncer. Red Hat's user is pgbouncer.
[Unit]
Description=PgBouncer, connection pooler for PostgreSQL
Documentation=man:pgbouncer(1) https://www.pgbouncer.org/
Wants=network-online.target
After=network-online.target

[Service]
# PgBouncer tells systemd when it listens.
Type=notify
User=postgres
ExecStart=/usr/sbin/pgbouncer "{ini}"
# systemctl reload pgbouncer reads the file again; connections stay.
ExecReload=/bin/kill -HUP $MAINPID
# Waits for running transactions.
KillSignal=SIGINT
Restart=on-failure
# Clients + server connections + the rest; systemd's own limit is 1024.
LimitNOFILE={max(1024, open_files(made))}
NoNewPrivileges=true
ProtectSystem=full
ProtectHome=true
PrivateTmp=true

[Install]
WantedBy=multi-user.target
"""


def compose(made: Layout, pooler: Pooler) -> str:
    """A docker-compose file. There is no official image: Debian's package, or PostgreSQL's own."""
    folder, port = pooler.config_dir.rstrip("/").replace("$", "$$"), pooler.listen_port
    newest = pooler.version is not None and pooler.version >= HAS_QUOTED_KEYS
    files = max(1024, open_files(made))
    given = [
        *(pooler.tls_cert_file, pooler.tls_key_file, pooler.client_ca_file),
        *(pooler.server_ca_file, pooler.server_cert_file, pooler.server_key_file),
    ]
    # Compose takes $ for one of its variables.
    paths = [one.replace("$", "$$") for one in given if one]
    mounts = "".join(f"      - {json.dumps(f'{one}:{one}:ro')}\n" for one in paths)
    source = (
        """\
          apt-get install -y --no-install-recommends ca-certificates postgresql-common && \\
          /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && \\
"""
        if newest
        else ""
    )
    return f"""\
# docker-compose.yml: merge it with what stands there. Files lie beside it and must be readable
# for user 70 of the container.
services:
  pgbouncer:
    build:
      dockerfile_inline: |
        FROM debian:trixie-slim
        RUN apt-get update && \\
{source}\
          apt-get install -y --no-install-recommends pgbouncer && \\
          rm -rf /var/lib/apt/lists/*
    user: "70:70"
    command: ["/usr/sbin/pgbouncer", "{folder}/pgbouncer.ini"]
    volumes:
      - ./pgbouncer.ini:{folder}/pgbouncer.ini:ro
      - ./userlist.txt:{folder}/userlist.txt:ro
{mounts}\
    ports:
      - "127.0.0.1:{port}:{port}"
    # Waits for running transactions.
    stop_signal: SIGINT
    stop_grace_period: 30s
    restart: unless-stopped
    ulimits:
      # Clients + server connections + the rest.
      nofile: {files}
    healthcheck:
      test: ["CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/{port}"]
      interval: 10s
"""
