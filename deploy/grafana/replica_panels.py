"""The panels of the replicas: how they agree, their disks, and what the state remembers."""

from dataclasses import replace
from typing import Final

from panel import RATE, Panel, Query, by_quantile, rates, values

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
