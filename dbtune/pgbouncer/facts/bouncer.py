"""PgBouncer itself: its version, the settings that pools depend on, clients and servers."""

from __future__ import annotations

from dbtune.facts import fact
from dbtune.pgbouncer.session import Session
from dbtune.pooling.pooler import Bouncer

SETTINGS = frozenset(
    "auth_type client_idle_timeout client_tls_sslmode default_pool_size idle_transaction_timeout "
    "listen_addr max_client_conn max_db_connections max_prepared_statements max_user_connections "
    "min_pool_size pool_mode query_timeout query_wait_timeout reserve_pool_size "
    "reserve_pool_timeout server_connect_timeout server_idle_timeout server_lifetime "
    "server_login_retry server_reset_query server_tls_sslmode so_reuseport stats_period "
    "transaction_timeout".split()
)
"""What is kept of ``SHOW CONFIG``: nothing that tells files, hosts or users."""


@fact("bouncer")
def bouncer(session: Session) -> Bouncer:
    """``SHOW CONFIG`` and ``SHOW LISTS``."""
    settings = {
        str(row["key"]): str(row["value"] if row["value"] is not None else "")
        for row in session.show("CONFIG")
        if row["key"] in SETTINGS
    }
    lists = {str(row["list"]): row["items"] for row in session.show("LISTS")}
    return Bouncer(
        session.version,
        dict(sorted(settings.items())),
        clients=lists.get("used_clients", 0),
        server_connections=lists.get("used_servers", 0),
    )
