"""Recording: every request and what came of it, on one clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from quitanda.domain.outcomes import Done
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.results import DeleteResult, DocumentResult, Listing
from quitanda_testing.history.operations import NEVER, Action, Listed, Outcome, RecordedOperation, TurnedAway, Unknown

REPEAT_PAUSE_SECONDS: Final = 0.05
"""Between two sendings of one request; each sending has tried all portals already."""

_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000

CallResult = DocumentResult | DeleteResult | Listing
"""What the clients' library gives."""

Send = Callable[[], Awaitable[CallResult]]
"""Sends a request; raises what the clients' library raises."""


class Recorder:
    """Writes down what clients of one event loop do. `clock` gives seconds that never go back.

    `clocks_agree` says that the replicas' wall clocks show the machine's time. Otherwise no wall clock's time is
    recorded, and orders may expire from when their deadline was asked for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, clocks_agree: bool = True) -> None:
        self.history: list[RecordedOperation] = []
        """Operations that have ended, in the order in which they did."""

        self._clock = clock
        self._clocks_agree = clocks_agree
        self._begun_at = clock()
        self._under_way: dict[int, RecordedOperation] = {}
        self._count = 0

    @property
    def under_way(self) -> tuple[RecordedOperation, ...]:
        """Operations without an outcome."""
        return tuple(self._under_way.values())

    def now(self) -> float:
        """Give the seconds since the recording began."""
        return self._clock() - self._begun_at

    async def perform(
        self,
        client: str,
        transport: str,
        action: Action,
        request_id: str,
        send: Send,
        patience: float = 0.0,
    ) -> Outcome:
        """Send a request, and again for `patience` seconds while it is not answered, and record it as one operation.

        Without an answer the outcome is unknown where some sending
        may have had an effect. Whatever else `send` raises passes, as does cancellation; the outcome is unknown then.
        """
        self._count += 1
        number, invoked_at = self._count, self.now()
        operation = RecordedOperation(
            *(number, client, transport, action, request_id, invoked_at, NEVER, Unknown()),
            begun_at_ms=time.time_ns() // _NANOSECONDS_PER_MILLISECOND if self._clocks_agree else 0,
        )
        self._under_way[number] = operation
        try:
            operation = await self._insist(operation, send, invoked_at + patience)
        finally:
            del self._under_way[number]
            self.history.append(operation)
        return operation.outcome

    async def _insist(self, operation: RecordedOperation, send: Send, until: float) -> RecordedOperation:
        outcome: Outcome
        in_doubt, tries = False, 0
        while True:
            tries += 1
            try:
                answer = await send()
            except Rejected as refusal:
                outcome, revision = refusal.refused, refusal.revision
            except (OutcomeUnknown, Unavailable) as error:
                in_doubt = in_doubt or isinstance(error, OutcomeUnknown)
                if self.now() < until:
                    await asyncio.sleep(REPEAT_PAUSE_SECONDS)
                    continue
                return replace(operation, outcome=Unknown() if in_doubt else TurnedAway(), tries=tries)
            else:
                outcome, revision = outcome_of(answer), answer.revision
            return replace(operation, answered_at=self.now(), outcome=outcome, revision=revision, tries=tries)


def outcome_of(answer: CallResult) -> Outcome:
    """Say what an answer of the clients' library means."""
    match answer:
        case DocumentResult(document):
            return Done(document)
        case DeleteResult(_, orders_affected):
            return Done(None, orders_affected)
        case Listing(documents):
            return Listed(documents)
