"""Answers a watch over MQTT: one request has many replies, until the watch ends.

Nobody tells a portal that a client has gone. So one request is answered for a minute; the last reply says that it is
the last, and the client asks anew after the revision that it was told. The replies go where every reply goes, to a
topic that only the customer may read.
"""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from quitanda.codec.watches import WatchDocuments, WatchedChanges, change_to_text, changes_to_result
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import InternalError, QuitandaError, Rejected
from quitanda.operations import TOKEN_FIELD
from quitanda.portal.callers import Caller
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.mqtt_requests import WATCH, MqttRequest, MqttRequestHandler, write_reply
from quitanda.portal.watches import Watcher, Watches
from quitanda.runtime.access_log import log_unexpected

if TYPE_CHECKING:
    from quitanda.error_status import FailureSource

WATCH_SECONDS: Final = 60.0
"""How long one request is answered."""

REPLY_BYTES_AIMED_AT: Final = 256 * 1024
"""A reply has no more changes when it has as many bytes; one change more, the largest order, still fits."""


class MqttWatches:
    """Gives the replies of watches; `handler` finds out who asks, and writes the log's lines."""

    def __init__(self, handler: MqttRequestHandler, watches: Watches, seconds: float = WATCH_SECONDS) -> None:
        self._handler = handler
        self._watches = watches
        self._seconds = seconds

    def takes(self, request: MqttRequest) -> bool:
        """Tell whether a request asks for a watch."""
        return request.operation == WATCH.name

    async def replies(self, request: MqttRequest, timeout: float) -> AsyncGenerator[bytes, None]:
        """Yield the replies, the first within `timeout` seconds; never raises. To be closed.

        The last one is an error, or says that the watch ends.
        """
        begun = time.perf_counter()
        told = 0
        failure: FailureSource | None = None
        try:
            watcher = await self._watcher(request, timeout)
            async with aclosing(self._watches.watch(watcher, time_allowed(timeout))) as parts:
                async for part in parts:
                    ends = time.perf_counter() - begun >= self._seconds
                    for each in _results(part, told or part.revision, ends=ends):
                        yield write_reply(request, each)
                    told = part.revision
                    if ends:
                        break
        except Rejected as rejected:
            failure = rejected.refused
        except QuitandaError as error:
            failure = error
        except Exception:  # noqa: BLE001 - the last resort: the portal must survive every request
            log_unexpected(WATCH.name)
            failure = InternalError()
        self._handler.log_answer(request, failure or (told, ""), time.perf_counter() - begun)
        if failure is not None:
            yield write_reply(request, failure)

    async def _watcher(self, request: MqttRequest, timeout: float) -> Watcher:
        """Find out who watches what. Raises QuitandaError to refuse."""
        caller = await self._handler.authenticate(request, time_allowed(timeout))
        if isinstance(caller, QuitandaError):
            raise caller
        watched = caller if isinstance(caller, Refused) else _read(request)
        if isinstance(watched, Refused):
            raise Rejected(watched)
        return Watcher(watched, caller if isinstance(caller, Caller) else None)


def _read(request: MqttRequest) -> WatchDocuments | Refused:
    if isinstance(request.fields, Refused):
        return request.fields
    fields = {name: value for name, value in request.fields.items() if name != TOKEN_FIELD}
    if fields.pop("customer_id", request.customer_id) != request.customer_id:
        return invalid("customer_id", Problem.UNKNOWN_VALUE, expected=request.customer_id)
    return WATCH.from_fields(request.customer_id, fields)


def _results(part: WatchedChanges, after: int, *, ends: bool) -> Iterator[tuple[int, str]]:
    """Give revision and `result` of the replies that tell a part; only with the last one all of it was told."""
    *firsts, last = _pieces(part)
    for changes in firsts:
        yield after, changes_to_result(changes, after, ends=False)
    yield part.revision, changes_to_result(last, after, ends=ends)


def _pieces(part: WatchedChanges) -> list[list[str]]:
    """Give the texts of the changes, as many together as fit into one reply."""
    pieces: list[list[str]] = [[]]
    size = 0
    for text in map(change_to_text, part.changes):
        if size > REPLY_BYTES_AIMED_AT:
            pieces.append([])
            size = 0
        pieces[-1].append(text)
        size += len(text)
    return pieces
