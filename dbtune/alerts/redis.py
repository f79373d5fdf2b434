"""Redis, by the metrics of oliver006/redis_exporter."""

from __future__ import annotations

from collections.abc import Iterator

from dbtune.alerts.model import Alert, Limits


def alerts(limits: Limits) -> Iterator[Alert]:
    """The rules, those that wake somebody among them."""
    del limits
    yield Alert(
        "RedisDown",
        "redis_up == 0",
        "1m",
        "critical",
        "Redis on {{ $labels.instance }} does not answer",
        "Look whether it runs; after a kill by the kernel: maxmemory.",
        "any",
    )
    yield Alert(
        "RedisMemoryNearlyFull",
        "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.9",
        "10m",
        "warning",
        "Redis on {{ $labels.instance }} uses {{ $value | humanizePercentage }} of maxmemory",
        "dbtune bloat: which keys take it; dbtune check: does the policy evict anything?",
        "90 % of maxmemory",
    )
    yield Alert(
        "RedisRejectsConnections",
        "increase(redis_rejected_connections_total[5m]) > 0",
        "0m",
        "critical",
        "Redis on {{ $labels.instance }} refused {{ $value | humanize }} connections",
        "maxclients or the limit on open files is reached: pools too large or leaking.",
        "any",
    )
    yield Alert(
        "RedisClientsNearLimit",
        "redis_connected_clients / (redis_config_maxclients or redis_max_clients) > 0.8",
        "5m",
        "warning",
        "Redis on {{ $labels.instance }} has {{ $value | humanizePercentage }} of its clients",
        "dbtune check: idle clients; one pool for each process.",
        "80 % of maxclients",
    )
    yield Alert(
        "RedisLowHitRatio",
        "rate(redis_keyspace_hits_total[15m]) / (rate(redis_keyspace_hits_total[15m]) +"
        " rate(redis_keyspace_misses_total[15m]) > 10) < 0.5",
        "30m",
        "warning",
        "Redis on {{ $labels.instance }} finds only {{ $value | humanizePercentage }}",
        "dbtune check says why: evictions, short TTLs, or keys that never are.",
        "50 % at more than 10 look-ups a second",
    )
    yield Alert(
        "RedisPersistenceFails",
        "redis_rdb_last_bgsave_status == 0 or redis_aof_last_write_status == 0",
        "5m",
        "critical",
        "Redis on {{ $labels.instance }} can't save: it may refuse writes; a restart loses data",
        "Its log says why: disk full, or no memory to fork (vm.overcommit_memory).",
        "any",
    )
    yield Alert(
        "RedisReplicaDisconnected",
        "redis_master_link_up == 0",
        "2m",
        "critical",
        "Replica {{ $labels.instance }} has lost its master",
        "Network, password, or an output buffer limit that is too small.",
        "any",
    )
    yield Alert(
        "RedisFragmented",
        "redis_allocator_frag_ratio > 1.5 and redis_allocator_frag_bytes > 256 * 1024^2",
        "1h",
        "warning",
        "Redis on {{ $labels.instance }} loses memory between keys (ratio {{ $value }})",
        "dbtune bloat reads it rightly and says what helps.",
        "1.5 and more than 256 MiB",
    )
