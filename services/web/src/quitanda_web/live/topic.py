"""What several streams follow: asked of the portals once, told to all of them, and remembered for a while."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import structlog

from quitanda.domain.outcomes import Reason
from quitanda.errors import QuitandaError, Rejected, Unavailable
from quitanda_clients.i18n.languages import Language
from quitanda_clients.retry import ClientClosed
from quitanda_clients.watching import OnUnavailable
from quitanda_web.live.events import AT, ENDED, GONE, LOST, LiveEvent, plain_event

REMEMBERED_BYTES_MAX: Final = 2 * 1024 * 1024
"""Of the newest events of a topic: a stream that was away for a moment goes on where it was."""

WAITING_EVENTS_MAX: Final = 64
"""A stream whose browser has not read so many events is ended; the browser begins another one."""

LINGER_SECONDS: Final = 15.0
"""A topic that nobody follows any more is kept for so long: whoever goes to the next page comes back to it."""

RETRY_SECONDS: Final = 2.0
"""After an error of the portals they are asked again so much later."""

STREAM_SECONDS: Final = 0.0005
"""What telling one stream may cost: a topic tells changes again after so long for each of its streams."""

_BEFORE_ALL: Final = -1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LiveCaller:
    """Who follows: a customer, or staff where the id is empty; with her token."""

    customer_id: str
    token: str = field(repr=False)


LiveSource = Callable[[LiveCaller, int | None, OnUnavailable], AsyncGenerator[LiveEvent, None]]
"""Yields events after a revision, or from now on, as a caller may hear them; the first one says where it begins.

It calls the third argument while no portal answers, and raises QuitandaError.
"""


class LiveSubscription:
    """One stream's share of a topic. `after` is the last revision that its browser knows of; None: the present one."""

    def __init__(self, topic: "LiveTopic", caller: LiveCaller, language: Language, after: int | None) -> None:
        self.caller = caller
        self.after = after
        self._topic = topic
        self._language = language
        self._waiting: deque[LiveEvent] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._when_closed: list[Callable[[], None]] = []

    def put(self, event: LiveEvent) -> None:
        """Let the stream tell an event; one that has not told too many ends."""
        if len(self._waiting) >= WAITING_EVENTS_MAX:
            self._waiting.clear()
            self.close()
        else:
            self._waiting.append(event)
            self._news.set()

    async def next(self, seconds: float) -> bytes | None:
        """Give what the stream is to send next, after so many seconds of silence how things are; None: it ends."""
        if not self._waiting and not self._ended:
            self._news.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return self._topic.present().written[self._language]
        return self._waiting.popleft().written[self._language] if self._waiting else None

    def end(self) -> None:
        """Say that nothing more is told to this session, and end."""
        self.put(plain_event(ENDED, 0))
        self.close()

    def when_closed(self, then: Callable[[], None]) -> None:
        """Call something once, when the stream ends."""
        self._when_closed.append(then)

    def close(self) -> None:
        """End, after what waits to be told."""
        if not self._ended:
            self._ended = True
            self._news.set()
            self._topic.leave(self)
            for then in self._when_closed:
                then()


class LiveTopic:
    """Tells its subscriptions what its source yields; `ended` is called when nobody has followed it for a while."""

    def __init__(
        self, name: str, source: LiveSource, ended: Callable[[], None], linger_seconds: float = LINGER_SECONDS
    ) -> None:
        self.name = name
        self._source = source
        self._ended = ended
        self._linger_seconds = linger_seconds
        self._followers: dict[LiveSubscription, None] = {}
        self._remembered: deque[LiveEvent] = deque()
        self._size = 0
        self._since = 0
        self._told: int | None = None
        self._lost = False
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._followers)

    def follow(self, caller: LiveCaller, language: Language, after: int | None) -> LiveSubscription:
        """Begin to tell what comes after a revision."""
        subscription = LiveSubscription(self, caller, language, after)
        self._followers[subscription] = None
        self._stay()
        if self._task is None:
            self._task = asyncio.create_task(self._run(after))
        elif self._told is not None:
            self._catch_up(subscription)
        return subscription

    def leave(self, subscription: LiveSubscription) -> None:
        """Tell a subscription nothing more."""
        self._followers.pop(subscription, None)
        if not self._followers and self._leaving is None:
            self._leaving = asyncio.get_running_loop().call_later(self._linger_seconds, self.stop)

    def stop(self) -> None:
        """Ask nothing more of the portals, and end all streams."""
        for subscription in [*self._followers]:
            subscription.close()
        self._stay()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._ended()

    def present(self) -> LiveEvent:
        """Say how things are: up to where everything has been told, or that no portal tells anything."""
        return plain_event(LOST if self._lost or self._told is None else AT, self._told or 0)

    def end_caller(self, caller: LiveCaller) -> None:
        """End the streams of a caller whom the portals do not know any more."""
        for subscription in [each for each in self._followers if each.caller == caller]:
            subscription.end()

    def _stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    async def _run(self, after: int | None) -> None:
        """Ask the portals in the name of one who follows; of another one, where she is refused."""
        lender: LiveCaller | None = None
        while lender := next((each.caller for each in self._followers), lender):
            try:
                async with aclosing(self._source(lender, after, self._unavailable)) as events:
                    async for event in events:
                        after = event.revision
                        self._tell(event)
                        await asyncio.sleep(STREAM_SECONDS * len(self._followers))
            except ClientClosed:
                return
            except Rejected as rejected:
                reason = rejected.refused.reason
                if reason is Reason.REVISION_GONE:
                    after = None
                    self._begin_anew()
                    await asyncio.sleep(RETRY_SECONDS / 10)
                else:
                    _log.info("live_refused", topic=self.name, reason=reason.value)
                    self.end_caller(lender)
                    lender = None
            except QuitandaError as error:  # such as portals that hear no changes at all
                self._unavailable(Unavailable(str(error)))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - a defect must not leave pages that look alive
                _log.exception("live_failed", topic=self.name)
                self._unavailable(Unavailable())
                await asyncio.sleep(RETRY_SECONDS)
        self._begin_anew()
        self._task = None

    def _tell(self, event: LiveEvent) -> None:
        is_first, was_lost = self._told is None, self._lost
        self._told, self._lost = event.revision, False
        if is_first:
            self._since = event.revision
            for subscription in [*self._followers]:
                self._catch_up(subscription)
        if event.name != AT:
            self._remember(event)
        if event.name != AT or (was_lost and not is_first):
            self._put(event)

    def _remember(self, event: LiveEvent) -> None:
        self._remembered.append(event)
        self._size += event.size
        while self._size > REMEMBERED_BYTES_MAX:
            oldest = self._remembered.popleft()
            self._size -= oldest.size
            # one that does not lead to a later revision is missing to whoever knows its revision, too
            self._since = max(oldest.revision, oldest.since + 1)

    def _put(self, event: LiveEvent) -> None:
        for subscription in [*self._followers]:
            subscription.put(event)

    def _catch_up(self, subscription: LiveSubscription) -> None:
        """Tell what came after the last revision that a browser knows of, or that this is not known any more."""
        told = self._told or 0
        if subscription.after is not None and subscription.after < self._since:
            subscription.put(plain_event(GONE, told))
        elif subscription.after is not None:
            missed = [event for event in self._remembered if event.since >= subscription.after]
            for event in missed if len(missed) < WAITING_EVENTS_MAX else (plain_event(GONE, told),):
                subscription.put(event)
        subscription.put(self.present())

    def _begin_anew(self) -> None:
        """Forget what was told: what follows does not continue it."""
        for subscription in self._followers:
            subscription.after = _BEFORE_ALL
        self._remembered.clear()
        self._size, self._told = 0, None

    def _unavailable(self, _error: Unavailable) -> None:
        if not self._lost:
            self._lost = True
            self._put(plain_event(LOST, self._told or 0))
