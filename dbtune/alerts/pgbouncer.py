"""PgBouncer, by the metrics of prometheus-community/pgbouncer_exporter."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.alerts.model import Alert, Limits
from dbtune.pooling.timeouts import Timeouts
from dbtune.text import ms_text


def alerts(limits: Limits) -> Iterator[Alert]:
    """The rules, those that wake somebody among them."""
    yield Alert(
        "PgbouncerDown",
        "pgbouncer_up == 0",
        "1m",
        "critical",
        "PgBouncer on {{ $labels.instance }} does not answer",
        "Every application behind it stands still: look whether it runs.",
        "any",
    )
    waiting = limits.wait_seconds
    yield Alert(
        "PgbouncerClientsWait",
        f"pgbouncer_pools_client_maxwait_seconds >= {waiting:g}",
        "1m",
        "warning",
        "Clients of {{ $labels.database }} wait {{ $value | humanizeDuration }} for a connection",
        "dbtune pool-size: is the pool too small, or do transactions take too long?",
        f"{ms_text(waiting * 1000)}: ten times the target, at least 1 s",
    )
    queue = Timeouts(limits.request_seconds).queue
    yield Alert(
        "PgbouncerClientsAboutToFail",
        f"pgbouncer_pools_client_maxwait_seconds >= {queue / 2:g}",
        "0m",
        "critical",
        "Clients of {{ $labels.database }} wait {{ $value | humanizeDuration }}; at "
        f"{queue} s they get an error",
        "End what holds the connections: dbtune check names long and idle transactions.",
        f"half of query_wait_timeout {queue} s",
    )
    size = limits.plan.pool_size
    if size is not None:
        most = int(0.85 * size)
        yield Alert(
            "PgbouncerPoolSaturated",
            f"pgbouncer_pools_server_active_connections > {most}",
            "5m",
            "warning",
            f"{{{{ $value }}}} of {size} connections of {{{{ $labels.database }}}} are busy",
            "At 85 % waits begin to grow fast: dbtune pool-size with the present load.",
            f"85 % of default_pool_size {size}",
        )
    clients = limits.plan.max_client_conn
    if clients is not None:
        yield Alert(
            "PgbouncerClientsNearLimit",
            "sum by (instance) (pgbouncer_pools_client_active_connections +"
            f" pgbouncer_pools_client_waiting_connections) > {int(0.85 * clients)}",
            "5m",
            "warning",
            f"{{{{ $value }}}} clients of {clients} (max_client_conn)",
            "More application processes than planned, or connections that are not given back.",
            f"85 % of max_client_conn {clients}",
        )
