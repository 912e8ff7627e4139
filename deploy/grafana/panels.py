"""The panels of the dashboard, in their rows: each is described once, here."""

from dataclasses import dataclass, replace
from typing import Final

RATE: Final = "[$__rate_interval]"
"""Grafana makes this at least four times the interval between two scrapes."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and how its lines are named (`{{label}}` is the value of a label)."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph, or one table of what is so now; `unit` is one of Grafana's ids of units."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    description: str
    table: bool = False


def by_quantile(histogram: str, labels: str = "instance", selector: str = "") -> tuple[Query, ...]:
    """Give the median and the slowest one in a hundred of a histogram, for each value of the labels."""
    legend = " to ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(","))
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}, le) (rate({histogram}_bucket{selector}{RATE})))",
            f"{legend}, {name}",
        )
        for share, name in ((0.5, "median"), (0.99, "99 %"))
    )


def rates(*counters: tuple[str, str], by: str = "instance") -> tuple[Query, ...]:
    """Give what each counter counts in a second; each counter comes with a word for the legend."""
    return tuple(
        Query(f"sum by ({by}) (rate({counter}{RATE}))", f"{{{{{by}}}}} {word}".strip()) for counter, word in counters
    )


def values(*gauges: tuple[str, str]) -> tuple[Query, ...]:
    """Give each gauge of each process; each gauge comes with a word for the legend."""
    return tuple(Query(gauge, f"{{{{instance}}}} {word}".strip()) for gauge, word in gauges)


PORTALS_LATENCY: Final = tuple(
    replace(query, legend="{{operation}} {{transport}}")
    for query in by_quantile("quitanda_request_seconds", "operation, transport", '{job="portals"}')
)

SHOP: Final = (
    Panel(
        "Calls",
        "reqps",
        (
            Query(
                f'sum by (operation, transport) (rate(quitanda_requests_total{{job="portals"}}{RATE}))',
                "{{operation}} {{transport}}",
            ),
        ),
        "What the portals answered, with success or not.",
    ),
    Panel(
        "Calls that failed, by reason",
        "reqps",
        (Query(f'sum by (reason) (rate(quitanda_requests_total{{job="portals",reason!="OK"}}{RATE}))', "{{reason}}"),),
        "Refusals by the rules, such as OUT_OF_STOCK, are usual. INTERNAL, UNAVAILABLE and OUTCOME_UNKNOWN are not.",
    ),
    Panel(
        "Calls refused for overload",
        "reqps",
        (
            Query(
                f'sum by (instance) (rate(quitanda_requests_total{{job="portals",reason="OVERLOADED"}}{RATE}))'
                f' or sum by (instance) (rate(quitanda_requests_total{{job="portals"}}{RATE})) * 0',
                "{{instance}}",
            ),
        ),
        "Calls that a portal refused at once, as it could not answer them in the callers' time.",
    ),
    Panel("Median time of a call", "s", PORTALS_LATENCY[:1], "From a call's arrival at a portal to its answer."),
    Panel("Time of the slowest call in a hundred", "s", PORTALS_LATENCY[1:], "From a call's arrival to its answer."),
    Panel(
        "Documents",
        "short",
        tuple(Query(f"max(quitanda_documents_{kind})", kind) for kind in ("customers", "products", "orders")),
        "Stored customers, products and orders.",
    ),
)

PORTALS: Final = (
    Panel(
        "Reads from the cache",
        "ops",
        rates(
            ("quitanda_cache_hits_total", "hit"),
            ("quitanda_cache_misses_total", "miss"),
            ("quitanda_cache_unchanged_total", "confirmed"),
            ("quitanda_cache_bypasses_total", "not provably fresh"),
        ),
        "Only hits cost the leader nothing. A confirmed document is not sent again.",
    ),
    Panel(
        "Age of the feed",
        "s",
        values(("quitanda_cache_feed_age_seconds", "")),
        "Time since a portal heard the leader through the change feed.",
    ),
    Panel(
        "Caches emptied and messages dropped",
        "ops",
        rates(
            ("quitanda_cache_gaps_total", "gap"),
            ("quitanda_cache_contradictions_total", "contradiction"),
            ("quitanda_cache_malformed_messages_total", "malformed"),
            ("quitanda_cache_forged_messages_total", "forged"),
        ),
        "A gap or a contradiction empties the cache; a message that is malformed or forged is dropped.",
    ),
    Panel(
        "Calls in flight, and the limit",
        "short",
        tuple(
            Query(f"quitanda_admission_{gauge}", f"{{{{instance}}}} {{{{kind}}}}, {word}")
            for gauge, word in (("in_flight", "in flight"), ("limit", "limit"))
        ),
        "A portal admits no more calls than it can answer in the callers' time.",
    ),
    Panel(
        "Calls admitted",
        "reqps",
        (Query(f"sum by (instance, kind) (rate(quitanda_admission_admitted_total{RATE}))", "{{instance}} {{kind}}"),),
        "Calls that a portal began to work on.",
    ),
    Panel(
        "Calls refused for want of a place, by reason",
        "reqps",
        (Query(f"sum by (kind, reason) (rate(quitanda_admission_refused_total{RATE}))", "{{kind}}, {{reason}}"),),
        "The limit was reached, the caller held its share, or the answer would have come too late.",
    ),
    Panel(
        "MQTT gateway",
        "short",
        values(("quitanda_mqtt_gateway_connected", "connected"), ("quitanda_mqtt_gateway_queued", "queued")),
        "Connected is 1 while requests can arrive over MQTT; queued requests wait for a worker.",
    ),
    Panel(
        "MQTT messages without an answer",
        "ops",
        rates(("quitanda_mqtt_gateway_dropped_total", ""), by="reason"),
        "A flood is more than the portal could even refuse.",
    ),
    Panel(
        "Feed of the leader",
        "ops",
        rates(
            ("quitanda_feed_published_total", "published"),
            ("quitanda_feed_lost_total", "lost"),
            ("quitanda_feed_dropped_total", "dropped"),
        ),
        "Messages that replicas published, that the broker lost, and log entries that the full queue dropped.",
    ),
    Panel(
        "Calls to replicas, by result",
        "reqps",
        rates(("quitanda_cluster_tries_total", ""), by="result"),
        "One request may need several tries.",
    ),
    Panel(
        "Requests gathered into calls",
        "reqps",
        rates(("quitanda_cluster_gathered_total", ""), by="kind"),
        "How many requests travelled in the portals' calls to replicas.",
    ),
    Panel(
        "Connections with the broker",
        "short",
        values(("quitanda_feed_connected", "")),
        "1 while the replica is connected with the MQTT broker.",
    ),
)

CLUSTER: Final = (
    Panel(
        "Leader",
        "short",
        values(
            ("quitanda_raft_leader", "leads"),
            ("quitanda_raft_has_leader", "knows a leader"),
            ("quitanda_raft_voting", "votes"),
            ("quitanda_state_verified", "its state is verified"),
        ),
        "Exactly one replica leads; each knows it, and has a vote unless it catches up. "
        "One may lead once its state is verified.",
    ),
    Panel("Term", "short", values(("quitanda_raft_term", "")), "It grows with each election."),
    Panel(
        "Changes of the leader",
        "short",
        (
            *(
                Query(f"increase({counter}{RATE})", "{{instance}}")
                for counter in ("quitanda_raft_leader_changes_total", "quitanda_cluster_leader_changes_total")
            ),
        ),
        "As replicas and portals learned of them.",
    ),
    Panel(
        "Lag by peer",
        "short",
        (Query("quitanda_raft_peer_lag_entries", "{{instance}} to {{peer}}"),),
        "Log entries of the leader that the peer lacks.",
    ),
    Panel(
        "Round trip by peer",
        "s",
        tuple(
            replace(query, expression=f"{query.expression} and on (instance) quitanda_raft_leader == 1")
            for query in by_quantile("quitanda_raft_peer_round_trip_seconds", "instance, peer")
        ),
        "From sending log entries until they are durable on the peer.",
    ),
    Panel(
        "Peers",
        "short",
        values(("quitanda_raft_peers", "connected"), ("quitanda_raft_peers_refused", "refused")),
        "Other replicas that this one is connected with, and that it rejects.",
    ),
    Panel(
        "Proposals that wait",
        "short",
        values(("quitanda_proposals_queued", "not appended"), ("quitanda_proposals_pending", "not answered")),
        "Log entries at the leader.",
    ),
    Panel(
        "Proposals refused",
        "ops",
        rates(("quitanda_proposals_overloaded_total", "")),
        "Log entries that the leader rejected, as too many waited.",
    ),
    Panel(
        "Entries of the log",
        "short",
        values(
            ("quitanda_raft_last_log_index", "last"),
            ("quitanda_raft_commit_index", "committed"),
            ("quitanda_raft_applied_index", "applied"),
        ),
        "Index of the last entry in the log, of the last committed one, and of the last one applied durably.",
    ),
    Panel(
        "Commands, by reason",
        "ops",
        (Query(f"sum by (command, reason) (rate(quitanda_replica_commands_total{RATE}))", "{{command}} {{reason}}"),),
        "What the leader answered.",
    ),
    Panel(
        "Commands in one call",
        "short",
        by_quantile("quitanda_replica_commands_per_call"),
        "Commands of several callers travel together.",
    ),
    Panel(
        "Longest time without listening",
        "s",
        values(("quitanda_raft_longest_round_seconds", "")),
        "A replica that does not listen for as long as an election needs loses the leadership.",
    ),
    Panel(
        "Snapshots",
        "Bps",
        rates(("quitanda_snapshots_sent_bytes_total", "sent"), ("quitanda_snapshots_received_bytes_total", "received")),
        "A replica that lacks too much gets a snapshot of the state instead of log entries.",
    ),
    Panel(
        "Snapshots, number and time",
        "short",
        tuple(
            Query(f"quitanda_snapshots_{direction}{figure}_total", f"{{{{instance}}}} {direction}, {word}")
            for direction in ("sent", "received")
            for figure, word in (("", "number"), ("_seconds", "seconds"))
        ),
        "Since the replica's start.",
    ),
    Panel(
        "Lists that are open",
        "short",
        values(("quitanda_open_lists", "")),
        "States of the past that a replica keeps for lists that callers read page by page.",
    ),
)

DISK: Final = (
    Panel(
        "Time to sync a batch",
        "s",
        by_quantile("quitanda_disk_sync_seconds"),
        "Writing a batch and syncing it with the disk.",
    ),
    Panel(
        "Time of a batch",
        "s",
        by_quantile("quitanda_disk_batch_seconds"),
        "Putting a batch together, writing it and syncing it.",
    ),
    Panel(
        "Time to apply a log entry",
        "s",
        by_quantile("quitanda_apply_seconds"),
        "Deciding all commands of one log entry.",
    ),
    Panel(
        "Commands in one log entry",
        "short",
        by_quantile("quitanda_commands_per_entry"),
        "More commands in one entry share the cost of one round and one sync.",
    ),
    Panel("Data folder", "bytes", values(("quitanda_data_folder_bytes", "")), "Size of the data folder."),
    Panel(
        "Free space",
        "bytes",
        values(("quitanda_data_folder_free_bytes", "")),
        "On the disk of the data folder. A full disk stops the replica.",
    ),
)

MEMORY: Final = (
    Panel("Requests remembered", "short", values(("quitanda_remembered_requests", "")), "Each has its first answer."),
    Panel("Their size", "bytes", values(("quitanda_remembered_bytes", "")), "Size of the remembered outcomes."),
    Panel(
        "How full the memory is",
        "percentunit",
        values(("quitanda_remembered_fill_ratio", "")),
        "At 100 % the oldest outcomes make room for new ones.",
    ),
)

HISTORY: Final = (
    Panel("Changes kept", "short", values(("quitanda_history_changes", "")), "See `quitanda-admin history --help`."),
    Panel("Size of the history", "bytes", values(("quitanda_history_bytes", "")), "Size of all records."),
    Panel(
        "How full the history is", "percentunit", values(("quitanda_history_fill_ratio", "")), "At 100 % it forgets."
    ),
)

PROCESSES: Final = (
    Panel(
        "Processor",
        "percentunit",
        (Query(f"rate(process_cpu_seconds_total{RATE})", "{{instance}}"),),
        "100 % is one core.",
    ),
    Panel("Memory", "bytes", values(("process_resident_memory_bytes", "")), "Resident memory."),
    Panel(
        "Garbage collections",
        "ops",
        (Query(f"rate(python_gc_collections_total{RATE})", "{{instance}}, generation {{generation}}"),),
        "Of Python, by generation.",
    ),
    Panel("Open files", "short", values(("process_open_fds", "")), "Files and connections that a process has open."),
    Panel(
        "Log lines dropped",
        "ops",
        rates(("quitanda_log_lines_dropped_total", "")),
        "Lines that a process could not write.",
    ),
    Panel(
        "Versions",
        "short",
        (Query("quitanda_build_info", "{{instance}}"),),
        "The version of each process, and the highest level of rules that it knows.",
        table=True,
    ),
    Panel(
        "Level of the rules",
        "short",
        values(("quitanda_level", "in use"), ("quitanda_level_supported", "supported")),
        "All replicas decide by the level in use.",
    ),
    Panel("Processes that answer", "short", (Query("up", "{{instance}}"),), "1 where Prometheus reaches the process."),
)

ROWS: Final = (
    ("Shop", SHOP),
    ("Portals", PORTALS),
    ("Cluster", CLUSTER),
    ("Disk", DISK),
    ("Memory of requests", MEMORY),
    ("History of documents", HISTORY),
    ("Processes", PROCESSES),
)
