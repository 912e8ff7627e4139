"""What the cluster client counts."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter


@dataclass(frozen=True, slots=True)
class ClusterCounters:
    """Counters in one registry."""

    tries: Counter
    leader_changes: Counter
    gathered: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry | None) -> Self:
        """Make the counters in `registry`, or in one of their own that nobody shows."""
        registry = registry or CollectorRegistry()
        return cls(
            tries=Counter(
                "quitanda_cluster_tries", "Calls to replicas, by what came of them", ["result"], registry=registry
            ),
            leader_changes=Counter(
                "quitanda_cluster_leader_changes", "How often another replica answered as leader", registry=registry
            ),
            gathered=Counter(
                "quitanda_cluster_gathered",
                "Requests that were gathered into calls, by kind (commands, reads, pages)",
                ["kind"],
                registry=registry,
            ),
        )
