"""Whether this replica's state is the one that the majority has; if it is not, this replica must stop.

Every replica asks the others for their digest and the entry that it belongs to, and compares it with its own digest at
that entry. Replicas that have applied the same entries have the same digest, so a difference means that one of the two
is wrong, and nobody can tell which by looking at the two alone. The rule: *to go on, a replica must be part of a
majority that agrees.* If all others contradict a replica, it stops at once. If some do and nobody agrees with it, it
stops after a short time. If three replicas run and one is wrong, exactly that one stops. The price: if the third one is
missing, both stop, because going on with either could mean to serve what is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.peer_statuses import PeerStatuses
from quitanda_replica.state.digest import shown

GRACE_SECONDS: Final = 5.0
"""How long a contradicted replica looks for one that agrees; several times the pause between two questions."""

_log = structlog.get_logger(__name__)


class StateDiverged(Exception):
    """The state is not what other replicas have made of the same entries. The replica must stop.

    `certain` where all others contradict it: then it is this one that is wrong.
    """

    def __init__(self, text: str, *, certain: bool) -> None:
        super().__init__(text)
        self.certain = certain


@dataclass(frozen=True, slots=True)
class _Difference:
    revision: int
    own: int
    theirs: int
    since: float


class DivergenceDetector:
    """Compares what the others tell with the own history. One thread calls it; `clock` gives seconds."""

    def __init__(
        self, peers: tuple[str, ...], history: DigestHistory, clock: Callable[[], float], grace: float = GRACE_SECONDS
    ) -> None:
        self._peers = peers
        self._others_needed = (len(peers) + 1) // 2
        """How many others make a majority together with this replica."""
        self._history = history
        self._clock = clock
        self._grace = grace
        self._ahead: dict[str, tuple[int, int]] = {}
        """Told, and not reached here yet."""
        self._agreed: dict[str, int] = {}
        self._differences: dict[str, _Difference] = {}

    def compare(self, told: Mapping[str, tuple[int, int]]) -> None:
        """Take what replicas told: revision and digest by name. Raises StateDiverged."""
        # What was ahead of this replica before is compared first: under load the next one will be ahead again.
        for waiting in (dict(self._ahead), told):
            for peer, (revision, digest) in waiting.items():
                if revision <= self._history.durable:
                    self._ahead.pop(peer, None)
                    self._compare_one(peer, revision, digest)
                else:
                    self._ahead.setdefault(peer, (revision, digest))
        self._demand_majority()

    def _compare_one(self, peer: str, revision: int, digest: int) -> None:
        own = self._history.at(revision)
        if own is None:
            return
        if own == digest:
            self._agreed[peer] = revision
            self._differences.pop(peer, None)
        elif peer not in self._differences:
            self._agreed.pop(peer, None)
            self._differences[peer] = _Difference(revision, own, digest, self._clock())
            _log.error("state_differs", replica=peer, revision=revision, own=shown(own), other=shown(digest))

    def _demand_majority(self) -> None:
        if not self._differences:
            return
        first = min(difference.revision for difference in self._differences.values())
        agreeing = sum(revision >= first for revision in self._agreed.values())
        if agreeing >= self._others_needed:
            return
        could_agree = len(self._peers) - len(self._differences)
        since = min(difference.since for difference in self._differences.values())
        if could_agree < self._others_needed or self._clock() - since >= self._grace:
            raise self._diverged(first)

    def _diverged(self, first: int) -> StateDiverged:
        names = ", ".join(sorted(self._differences))
        difference = min(self._differences.values(), key=lambda each: each.revision)
        here, there = shown(difference.own)[:12], shown(difference.theirs)[:12]
        text = f"the state differs from that of {names} at entry {first} (digest {here} here, {there} there)"
        if len(self._differences) == len(self._peers):
            return StateDiverged(f"{text}: every other replica contradicts this one", certain=len(self._peers) > 1)
        text += ", and no majority agrees with this replica, so nobody can tell which one is right"
        return StateDiverged(text, certain=False)


ASK_SECONDS: Final = 1.0
"""Pause between two questions, and the longest wait for an answer."""


def counts(*, own_cluster: str, cluster: str, catching_up: bool) -> bool:
    """Decide whether what another replica says of its state says anything about the own one.

    One that catches up repeats what somebody else says. One that came up with a disk of another cluster, for example
    with that of before a restore, numbers other entries: its digests contradict everybody's, and nobody is wrong.
    """
    return not catching_up and cluster == own_cluster


class PeerDigests:
    """Asks all other replicas at once, and lets the detector compare; what it finds goes to `on_fatal`."""

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
