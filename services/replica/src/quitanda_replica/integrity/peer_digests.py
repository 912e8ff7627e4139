"""Asking the other replicas for their digests, now and then."""

from collections.abc import Callable
from typing import Final

from quitanda_replica.integrity.divergence import DivergenceDetector, StateDiverged
from quitanda_replica.peer_statuses import PeerStatuses

ASK_SECONDS: Final = 1.0
"""Pause between two questions, and the longest wait for an answer."""


def counts(*, own_cluster: str, cluster: str, catching_up: bool) -> bool:
    """Decide whether what another replica says of its state says anything about the own one.

    One that catches up repeats what somebody else says. One that came up with a disk of another cluster, for example
    with that of before a restore, numbers other entries: its digests contradict everybody's, and nobody is wrong.
    """
    return not catching_up and cluster == own_cluster


class PeerDigests:
    """Asks all others at once, and lets the judge compare; what it finds goes to `on_fatal`."""

    def __init__(
        self,
        peers: PeerStatuses,
        detector: DivergenceDetector,
        on_fatal: Callable[[BaseException], None],
        cluster: Callable[[], str],
    ) -> None:
        """`cluster` gives the id of this replica's cluster, as `RaftStatus` does."""
        self._peers = peers
        self._detector = detector
        self._cluster = cluster
        self._on_fatal = on_fatal

    def ask(self) -> None:
        """Ask once. Replicas that do not answer are left out; so are those that still catch up."""
        try:
            self._detector.compare(self._told())
        except StateDiverged as error:
            self._on_fatal(error)

    def _told(self) -> dict[str, tuple[int, int]]:
        told: dict[str, tuple[int, int]] = {}
        for name, status in self._peers.ask(ASK_SECONDS).items():
            if isinstance(status, str) or not status.state_digest:
                continue
            if counts(own_cluster=self._cluster(), cluster=status.cluster, catching_up=status.catching_up):
                told[name] = status.revision, int(status.state_digest, 16)
        return told
