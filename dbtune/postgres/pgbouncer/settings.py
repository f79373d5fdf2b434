"""Every line of ``pgbouncer.ini`` with the reason for it, how its value came about, and its source.

What a version of PgBouncer doesn't know would keep it from starting, so settings depend on the
version; without one only those are made that every version since 1.18 knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from dbtune.postgres.pgbouncer.databases import databases, users
from dbtune.postgres.pgbouncer.entries import AUTH_CONNECTIONS, Layout
from dbtune.postgres.pgbouncer.pooler import (
    AUTH_ENTRY,
    HAS_PREPARED_STATEMENTS,
    Form,
    Pooler,
    sql_identifier,
)
from dbtune.postgres.pgbouncer.setting import DOCUMENTATION, Setting
from dbtune.text import ms_text

MANY_CLIENTS = 1000
"""``max_client_conn`` where the number of application processes is not known; costs 2 MB."""


def settings(made: Layout, pooler: Pooler) -> Iterator[Setting]:
    """All settings, in the order of the file."""
    yield from databases(made, pooler)
    yield from users(pooler)
    yield from _listening(pooler)
    yield from _authentication(pooler)
    yield from _pools(made, pooler)
    yield from _timeouts(pooler)
    yield from _clients(pooler)
    yield from _encryption(pooler)


def open_files(made: Layout) -> int:
    """Open files at most: one for each client and server connection, and some for the rest."""
    servers = sum(one.cap for one in made.entries)
    return (made.clients or MANY_CLIENTS) + servers + AUTH_CONNECTIONS + 32


def _setting(group: str, name: str, value: object, why: str, formula: str) -> Setting:
    document = f"{DOCUMENTATION}#{name}"
    return Setting("pgbouncer", group, name, str(value), why, formula, document)


def _listening(pooler: Pooler) -> Iterator[Setting]:
    setting = partial(_setting, "Where it listens")
    yield setting(
        "listen_addr",
        pooler.listen_addr,
        "Addresses that clients connect to. When they run on other machines, give the one in the"
        " private network.",
        "as given; this machine only unless told otherwise",
    )
    yield setting("listen_port", pooler.listen_port, "Clients connect to this port.", "as given")
    if pooler.form is Form.docker:
        yield setting(
            "unix_socket_dir", "", "None: nobody else is in the container.", "empty for none"
        )
        return
    yield setting(
        "unix_socket_dir",
        pooler.socket_dir,
        "For clients on this machine and for the admin console: as PgBouncer's own system user,"
        " psql -h <this folder> -p <port> -U pgbouncer pgbouncer needs no password.",
        "Debian's folder; Red Hat's is /var/run/pgbouncer",
    )
    if pooler.form is Form.systemd:
        return  # the journal has the log, and systemd knows the process
    yield setting(
        "logfile",
        pooler.log_file,
        "Logins, errors, and each minute the mean wait, which tells whether the size is right.",
        "Debian's file; Red Hat's is /var/log/pgbouncer/pgbouncer.log",
    )
    yield setting(
        "pidfile",
        f"{pooler.socket_dir.rstrip('/')}/pgbouncer.pid",
        "Needed when it runs in the background.",
        "beside the socket",
    )


def _authentication(pooler: Pooler) -> Iterator[Setting]:
    setting = partial(_setting, "Who may come in")
    yield setting(
        "auth_type",
        "scram-sha-256",
        "No password crosses the network, and PgBouncer logs in to the server with what the client"
        " proved. Roles need SCRAM passwords (password_encryption = scram-sha-256).",
        "PostgreSQL's default since 14",
    )
    yield setting(
        "auth_file",
        f"{pooler.config_dir.rstrip('/')}/userlist.txt",
        "Holds only the role that looks up the others. Mode 0600, owned by PgBouncer's user.",
        "beside this file",
    )
    yield setting(
        "auth_user",
        pooler.auth_user,
        "May call one function and nothing else: pgbouncer-auth.sql.",
        "as given",
    )
    yield setting(
        "auth_query",
        f"SELECT username, password FROM {sql_identifier(pooler.auth_schema)}.user_lookup($1)",
        "Roles and passwords are the server's own: nothing to copy, nothing to forget. The name is"
        " schema-qualified because clients can influence search_path (CVE-2025-12819).",
        "the function of pgbouncer-auth.sql, in "
        + ("one database" if pooler.shares_auth else "each database"),
    )
    if pooler.shares_auth:
        yield setting(
            "auth_dbname",
            AUTH_ENTRY,
            "Where auth_query runs: one database knows the roles of the whole server.",
            "all databases are on one server",
        )
    if pooler.stats_users:
        yield setting(
            "stats_users",
            ", ".join(pooler.stats_users),
            "May run SHOW POOLS and SHOW STATS on the admin console, for monitoring.",
            "as given",
        )


def _pools(made: Layout, pooler: Pooler) -> Iterator[Setting]:
    plan, default = made.plan, made.default
    setting = partial(_setting, "Pools")
    steps = {step.symbol: step for step in plan.steps}

    def worked(symbol: str) -> str:
        step = steps[symbol]
        return f"{step.formula} = {step.numbers} = {step.result}"

    waits = "" if plan.wait is None else f"; 95 % wait {ms_text(plan.wait.p95_ms)} or less"
    yield setting(
        "pool_mode",
        "transaction",
        "A connection is a client's for one transaction only: so few connections do for many"
        " clients. What outlives a transaction breaks: SET, LISTEN, advisory locks of a session,"
        " temporary tables, cursors WITH HOLD (Django's .iterator()).",
        "the sizes below are for this mode",
    )
    yield setting(
        "default_pool_size",
        plan.pool_size,
        "Server connections of each pool; there is one for each user and database. With more the"
        " server gets slower, with fewer requests wait.",
        f"{worked('n')}, {steps['n'].source}{waits}",
    )
    yield setting(
        "min_pool_size",
        plan.min_pool_size,
        "Stay open, so that a rush after a quiet time finds connections.",
        "busy at the mean rate" if plan.demand else "the demand is not known",
    )
    yield setting(
        "reserve_pool_size",
        default.reserve,
        "Further connections for a pool whose clients wait longer than reserve_pool_timeout.",
        worked("r"),
    )
    yield setting(
        "reserve_pool_timeout",
        1,
        "Seconds. At the planned load nobody waits so long: there is a burst or a slow query.",
        "PgBouncer's default is 5",
    )
    auth = 0 if pooler.shares_auth else AUTH_CONNECTIONS
    lookup = f" + {auth} for auth_query: else nobody could log in while all are busy"
    yield setting(
        "max_db_connections",
        default.cap,
        "Most server connections of each database: default_pool_size alone would give every further"
        " user one more pool.",
        f"users * (size + reserve) = {plan.inputs.users} * ({default.size}"
        f" + {default.reserve}){lookup if auth else ''}",
    )
    yield setting(
        "max_client_conn",
        made.clients or MANY_CLIENTS,
        "Most clients. One costs about 2 kB, one too many gets an error. PgBouncer must be allowed"
        f" {open_files(made)} open files (systemd: LimitNOFILE).",
        worked("max_client_conn")
        if made.clients and made.clients == plan.max_client_conn
        else "the sum of those for each server"
        if made.clients
        else "how many connections the application opens is not known",
    )


def _timeouts(pooler: Pooler) -> Iterator[Setting]:
    setting = partial(_setting, "Timeouts, in seconds")
    times = pooler.timeouts
    request, queue = times.request, times.queue
    yield setting(
        "query_wait_timeout",
        queue,
        "Who waits longer for a connection gets an error while the application can still handle"
        f" it. From outside in: request {request:g} > acquire timeout of the application's pool"
        f" {times.acquire_behind_pooler:g} > this > statement_timeout {times.statement} (ALTER"
        " ROLE ... SET statement_timeout; a SET would leak to other clients).",
        f"half of the request's {request:g}, from 1 to 15; PgBouncer's default is 120",
    )
    yield setting(
        "idle_transaction_timeout",
        60,
        "A client that stops in the middle of a transaction keeps a connection from all others."
        " Raise it if transactions pause longer for good reason.",
        "a minute; PgBouncer's default is never",
    )
    yield setting(
        "server_lifetime",
        3600,
        "Renewed connections give memory back and find a server that moved. Application pools need"
        " a shorter maximum lifetime (25 to 30 min).",
        "PgBouncer's default",
    )
    yield setting(
        "server_idle_timeout",
        300,
        "Closed before load balancers and firewalls forget idle connections (AWS: 350). Set no"
        " idle_session_timeout on the server: it would break pooled connections.",
        "below 350; PgBouncer's default is 600",
    )
    yield setting(
        "server_connect_timeout",
        times.connect,
        "A server that doesn't answer is given up before the clients' patience ends.",
        "at most query_wait_timeout; PgBouncer's default is 15",
    )
    yield setting(
        "server_login_retry",
        2,
        "After a failed login clients get its error for so long, and then the server is tried.",
        "a failover ends sooner for clients than with PgBouncer's default of 15",
    )
    for name, value, why in (
        ("tcp_keepidle", 60, "Silence after which a connection is probed."),
        ("tcp_keepintvl", 10, "Time between probes."),
        ("tcp_keepcnt", 5, "Unanswered probes (a number) that make it a dead connection."),
    ):
        yield setting(name, value, why, "a dead peer is noticed after 110; Linux alone takes 2 h")


def _clients(pooler: Pooler) -> Iterator[Setting]:
    setting = partial(_setting, "Clients")
    yield setting(
        "ignore_startup_parameters",
        "extra_float_digits",
        "JDBC sends it with every connection, which PgBouncer would refuse. Others stay refused: to"
        " ignore search_path would silently give a client something else than it asked for.",
        "the one harmless parameter",
    )
    if pooler.version is not None and pooler.version >= HAS_PREPARED_STATEMENTS:
        yield setting(
            "max_prepared_statements",
            200,
            "Drivers may prepare statements although every transaction can meet another"
            " connection.",
            "PgBouncer's default since 1.24; in 1.21 to 1.23 it is off",
        )


def _encryption(pooler: Pooler) -> Iterator[Setting]:
    setting = partial(_setting, "TLS")
    if pooler.tls_cert_file:
        checked = bool(pooler.client_ca_file)
        yield setting(
            "client_tls_sslmode",
            "verify-ca" if checked else "require",
            "Clients over TCP must encrypt"
            + (" and show a certificate; they give their password besides." if checked else "."),
            "a certificate is given; PgBouncer's default is to refuse TLS",
        )
        yield setting(
            "client_tls_cert_file",
            pooler.tls_cert_file,
            "What PgBouncer shows: with sslmode=verify-full clients make sure that it bears the"
            " name they connect to.",
            "as given",
        )
        yield setting(
            "client_tls_key_file",
            pooler.tls_key_file,
            "Its key. Mode 0600, owned by PgBouncer's user.",
            "as given",
        )
        if checked:
            yield setting(
                "client_tls_ca_file",
                pooler.client_ca_file,
                "Signs the clients' certificates.",
                "as given",
            )
    if pooler.server_ca_file:
        yield setting(
            "server_tls_sslmode",
            "verify-full",
            "Encrypted, and only to a server whose certificate bears its name.",
            "a certificate authority is given",
        )
        yield setting(
            "server_tls_ca_file",
            pooler.server_ca_file,
            "Signs the certificates of the PostgreSQL servers.",
            "as given",
        )
    elif not all(database.is_local for database in pooler.databases):
        yield setting(
            "server_tls_sslmode",
            "require",
            "Encrypted on the way to the server. verify-full with server_tls_ca_file would also"
            " make sure that it is that server.",
            "it is on another machine; PgBouncer's default, prefer, may go unencrypted",
        )
    if pooler.server_cert_file:
        yield setting(
            "server_tls_cert_file",
            pooler.server_cert_file,
            "What PgBouncer shows to servers whose pg_hba.conf asks for it (clientcert=verify-ca).",
            "as given",
        )
        yield setting(
            "server_tls_key_file",
            pooler.server_key_file,
            "Its key. Mode 0600, owned by PgBouncer's user.",
            "as given",
        )
