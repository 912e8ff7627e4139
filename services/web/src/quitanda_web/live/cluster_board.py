"""What the page of the cluster shows: how the replicas are, as one portal sees them, and how this process is used."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from quitanda.domain.model import Kind
from quitanda.errors import QuitandaError, Unavailable
from quitanda_clients.client import AdminClient
from quitanda_clients.cluster_findings import FIRST_LEVEL, ClusterFindings, committed, entries_behind, look_at
from quitanda_clients.watching import OnUnavailable
from quitanda_web.live.events import LiveChange, LiveEvent, Wordings, change_event
from quitanda_web.live.topic import LiveCaller, LiveSource
from quitanda_web.recent_requests import MINUTES, MinuteOfRequests, RecentRequests
from quitanda_web.wording import ShownTexts, Wording

ASKED_EVERY_SECONDS: Final = 1.0
DIGESTS_REMEMBERED: Final = 200
DIGEST_SHOWN: Final = 12
RATE_SECONDS: Final = 10.0
"""The rate of changes is the mean of about so long."""

SUMMARY: Final = "cluster"
"""The id under which the page shows the texts of the whole cluster."""

NOTHING: Final = "-"
"""Stands where nothing is known."""

_LEADER: Final = 3
_CANDIDATE: Final = 2


@dataclass(frozen=True, slots=True)
class BoardState:
    """What is known at a moment (milliseconds since 1970-01-01T00:00Z). `replicas` are ReplicaStatus messages.

    `changes_per_second` is None while it is not known. `differing` is a revision at which replicas do not agree, or 0.
    `feed_seconds` is how long ago the change feed was heard; None: nobody listens, or nothing was heard yet.
    """

    at_ms: int
    replicas: tuple[Any, ...]
    answered_seconds: float
    changes_per_second: float | None
    compared: int
    differing: int
    feed_revision: int
    feed_seconds: float | None
    minutes: tuple[MinuteOfRequests, ...]

    @property
    def reachable(self) -> list[Any]:
        """The replicas that answer."""
        return [replica for replica in self.replicas if replica.reachable]

    @property
    def found(self) -> ClusterFindings:
        """What is to be said of the replicas."""
        return look_at(self.replicas)


@dataclass
class ClusterBoard:
    """Asks for the state of the cluster, and remembers what makes sense over time only: rates, and digests."""

    requests: RecentRequests
    wordings: Wordings
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    _digests: dict[int, str] = field(default_factory=dict)
    _differing: int = 0
    _commits: list[tuple[float, int]] = field(default_factory=list)
    _feed: tuple[float, int] | None = None

    async def look(self, client: AdminClient) -> BoardState:
        """Ask once. Raises QuitandaError."""
        began = self.clock()
        replicas = await client.cluster_status()
        return self.take(replicas, self.clock() - began)

    def take(self, replicas: Sequence[Any], answered_seconds: float) -> BoardState:
        """Take in what the replicas tell of themselves."""
        now = self.clock()
        reachable = [replica for replica in replicas if replica.reachable]
        compared = self._compare(reachable)
        return BoardState(
            at_ms=int(self.wall_clock() * 1_000),
            replicas=tuple(replicas),
            answered_seconds=answered_seconds,
            changes_per_second=self._rate(now, committed(replicas)),
            compared=compared,
            differing=self._differing,
            feed_revision=self._feed[1] if self._feed else 0,
            feed_seconds=now - self._feed[0] if self._feed else None,
            minutes=self.requests.last(now),
        )

    def heard(self, revision: int) -> None:
        """Note that the change feed was heard, through a portal."""
        self._feed = (self.clock(), revision)

    def shown(self, state: BoardState, wording: Wording) -> dict[str, ShownTexts]:
        """Write the texts of the page, by the ids under which it shows them."""
        return {
            SUMMARY: summary_texts(state, wording),
            **{replica.name: replica_texts(state, replica, wording) for replica in state.replicas},
            **{minute_id(ago): minute_texts(minute, wording) for ago, minute in enumerate(state.minutes)},
        }

    def source(self, client_of: Callable[[LiveCaller], AdminClient]) -> LiveSource:
        """Make the source of a topic: the state of every second, with the client of a caller."""

        async def events(
            caller: LiveCaller, _after: int | None, on_unavailable: OnUnavailable
        ) -> AsyncGenerator[LiveEvent, None]:
            client = client_of(caller)
            hearing = asyncio.create_task(self._hear(client))
            try:
                while True:
                    try:
                        state = await self.look(client)
                    except Unavailable as error:
                        on_unavailable(error)
                    else:
                        yield change_event(state.at_ms, state.at_ms, self._written(state), self.wordings)
                    await asyncio.sleep(ASKED_EVERY_SECONDS)
            finally:
                hearing.cancel()
                await asyncio.wait([hearing])
                self._feed = None

        return events

    def _written(self, state: BoardState) -> Callable[[Wording], Iterable[LiveChange]]:
        return lambda wording: [LiveChange(name, texts) for name, texts in self.shown(state, wording).items()]

    async def _hear(self, client: AdminClient) -> None:
        """Listen to the change feed, whose heartbeats come every few seconds."""
        while True:
            with suppress(QuitandaError):  # such as a refusal, which the call for the state meets, too
                async with aclosing(client.watch((Kind.PRODUCT,))) as parts:
                    async for part in parts:
                        self.heard(part.revision)
            await asyncio.sleep(ASKED_EVERY_SECONDS)

    def _compare(self, reachable: Sequence[Any]) -> int:
        """Compare digests, also of different moments; give the newest revision at which two replicas were compared."""
        compared = 0
        for replica in reachable:
            known = self._digests.get(replica.revision)
            if known is None:
                self._digests[replica.revision] = replica.state_digest
                if len(self._digests) > DIGESTS_REMEMBERED:
                    del self._digests[min(self._digests)]
            elif known != replica.state_digest:
                self._differing = replica.revision
            else:
                compared = max(compared, replica.revision)
        return compared

    def _rate(self, now: float, index: int) -> float | None:
        self._commits = [each for each in self._commits if now - each[0] <= RATE_SECONDS]
        self._commits.append((now, index))
        (then, before), seconds = self._commits[0], now - self._commits[0][0]
        return max(0, index - before) / seconds if seconds > 0 and then < now else None


def minute_id(ago: int) -> str:
    """Give the id under which the page shows a minute."""
    return f"minute-{ago}"


MINUTE_IDS: Final = tuple(map(minute_id, range(MINUTES)))


def summary_texts(state: BoardState, wording: Wording) -> ShownTexts:
    """Write what is to be said of the whole cluster."""
    gettext, number = wording.texts.gettext, wording.formats.number
    facts: Mapping[str, Any] = {"revision": number(state.differing or state.compared)}
    if state.differing:
        digests = gettext("differ at revision %(revision)s") % facts
    elif state.compared:
        digests = gettext("agree at revision %(revision)s") % facts
    else:
        digests = gettext("not at the same revision yet")
    rate = state.changes_per_second
    return {
        "verdict": verdict(state, wording),
        "leader": ", ".join(state.found.leaders) or gettext("nobody"),
        "term": number(max((replica.term for replica in state.reachable), default=0)),
        "level": number(max((replica.cluster_level for replica in state.reachable), default=0) or FIRST_LEVEL),
        "digests": digests,
        "changes": "…" if rate is None else number(round(rate)),
        "feed": _feed_text(state, wording),
        "answered": gettext("%(milliseconds)s ms") % {"milliseconds": number(round(state.answered_seconds * 1_000))},
        "at": wording.formats.moment(state.at_ms),
    }


def verdict(state: BoardState, wording: Wording) -> str:
    """Say in a sentence whether all is well, or the worst of what is not."""
    gettext, found = wording.texts.gettext, state.found
    if state.differing:
        return gettext("The replicas' states differ: keep the shop closed, and ask its operator.")
    if not found.majority:
        return gettext("There is no majority: nothing can be changed until another replica is back.")
    if len(found.leaders) != 1:
        return gettext("No replica leads at the moment: changes wait until one does.")
    return _what_is_amiss(found, wording) or gettext("All is well.")


def _what_is_amiss(found: ClusterFindings, wording: Wording) -> str:
    """Say what is wrong while the shop works; empty where nothing is."""
    gettext = wording.texts.gettext
    if found.missing:
        return gettext("The shop works, but does not hear from %(replicas)s.") % {"replicas": ", ".join(found.missing)}
    if found.refusals:
        replica, peer = found.refusals[0]
        return gettext("The shop works, but %(replica)s refuses %(peer)s: ask its operator.") % {
            "replica": replica,
            "peer": peer,
        }
    if lagging := [*found.catching_up, *(name for name, _ in found.behind)]:
        return gettext("The shop works; behind the others: %(replicas)s.") % {"replicas": ", ".join(lagging)}
    if not found.agreed:
        return gettext("The shop works; not every replica knows yet that %(replica)s leads.") % {
            "replica": found.leaders[0]
        }
    return ""


def replica_texts(state: BoardState, replica: Any, wording: Wording) -> ShownTexts:
    """Write one replica's row."""
    gettext, number = wording.texts.gettext, wording.formats.number
    if not replica.reachable:
        names = ("revision", "lag", "links", "level", "digest")
        return {"role": gettext("does not answer"), **dict.fromkeys(names, NOTHING)}
    connected = sum(peer.connected for peer in replica.peers)
    refused = any(peer.refused for peer in replica.peers)
    links = {"connected": number(connected), "peers": number(len(replica.peers))}
    return {
        "role": _role(replica, wording),
        "revision": number(replica.revision),
        "lag": number(entries_behind(replica, state.replicas)),
        "links": gettext("refuses another one") if refused else gettext("%(connected)s of %(peers)s") % links,
        "level": number(replica.supported_level or FIRST_LEVEL),
        "digest": replica.state_digest[:DIGEST_SHOWN] or NOTHING,
    }


def minute_texts(minute: MinuteOfRequests, wording: Wording) -> ShownTexts:
    """Write one minute of this process."""
    number = wording.formats.number
    within = wording.texts.gettext("within %(milliseconds)s ms")
    median, slow = (minute.milliseconds(share) for share in (0.5, 0.99))
    return {
        "requests": number(minute.requests),
        "failed": number(minute.failed),
        "median": within % {"milliseconds": number(median)} if median else NOTHING,
        "slow": within % {"milliseconds": number(slow)} if slow else NOTHING,
    }


def _role(replica: Any, wording: Wording) -> str:
    gettext = wording.texts.gettext
    if replica.role == _LEADER:
        return gettext("leads")
    if replica.catching_up:
        return gettext("catches up, does not vote yet")
    return gettext("wants to lead") if replica.role == _CANDIDATE else gettext("follows")


def _feed_text(state: BoardState, wording: Wording) -> str:
    gettext, number = wording.texts.gettext, wording.formats.number
    if state.feed_seconds is None:
        return gettext("nothing heard yet")
    facts = {"revision": number(state.feed_revision), "seconds": number(round(state.feed_seconds))}
    return gettext("told up to revision %(revision)s, %(seconds)s s ago") % facts
