"""One client's conversation with the broker: requests go out, replies come back on the client's own topic.

    exchange(request) ── publish, QoS 1 ──> broker ──> a portal
          └── future by request id and correlation <── replies/{session} <── broker <──┘

The correlation is a digest of what is asked. A reply that comes late, to an earlier sending, answers the same
request when that is sent again; but another request under the same id it does not answer.

The session connects by itself, subscribes before anything is published, and connects again when the
connection is lost; exchanges that were waiting then end with OutcomeUnknown, to be tried again.
"""

import asyncio
import contextlib
import logging
import math
import random
import socket
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import aiomqtt

from quitanda.codec.json_text import dump_json, parse_json
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.outcomes import Refused
from quitanda.errors import NoConnection, OutcomeUnknown, QuitandaError, Unavailable
from quitanda_clients.addresses import Address
from quitanda_clients.retry import ClientClosed

QOS: Final = 1
BROKER_SECONDS_MAX: Final = 3.0
"""How long the broker may take to accept a connection or a subscription."""

KEEPALIVE_SECONDS: Final = 10
RECONNECT_SECONDS_MIN: Final = 0.05
RECONNECT_SECONDS_MAX: Final = 1.0

IN_FLIGHT_MAX: Final = 256
"""Exchanges of one session at the same time; more wait for their turn."""

INBOX_MAX: Final = 4 * IN_FLIGHT_MAX
"""Replies that wait to be read; one that is lost comes again when its request is repeated."""

_SEND_AT_ONCE: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it a request waits some 40 ms for the acknowledgement of what was sent before."""

REPLY_DEPTH_MAX: Final = JSON_DEPTH_MAX + 4
"""Nesting of a reply: the documents stand in a list, in the result, in the reply."""

CORRELATION_BYTES: Final = 8

Fields = Mapping[str, Any]
_Question: TypeAlias = tuple[str, str]
"""A request's id, and its correlation."""

log = logging.getLogger(__name__)


class MqttSession:
    """A connection for one customer, kept by a task of its own; `start` first, `close` last."""

    def __init__(self, broker: Address, session_id: str, reply_topic: str) -> None:
        self._broker = broker
        self._session_id = session_id
        self._reply_topic = reply_topic
        self._waiting: dict[_Question, list[asyncio.Future[Fields]]] = {}
        self._turns = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._client: aiomqtt.Client | None = None
        self._trouble = "not connected yet"
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect, in the running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._stay_connected(), name="mqtt-session")

    async def close(self) -> None:
        """Disconnect; exchanges that wait end with OutcomeUnknown."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._fail_waiting(OutcomeUnknown("the client was closed"))

    async def exchange(self, topic: str, fields: Fields, request_id: str, seconds: float) -> Fields:
        """Publish one request and wait for its reply, once.

        Raises Unavailable (NoConnection) where it was not sent, OutcomeUnknown where no reply came in `seconds`.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable(f"{IN_FLIGHT_MAX} requests of this client are waiting for replies") from None
        try:
            client = await self._connected(deadline)
            question = request_id, correlation_of(topic, fields)
            envelope = {"request_id": request_id, "reply_to": self._session_id, "correlation": question[1]}
            return await self._ask(client, topic, {**fields, **envelope}, question, deadline)
        finally:
            self._turns.release()

    async def _ask(
        self, client: aiomqtt.Client, topic: str, fields: Fields, question: _Question, deadline: float
    ) -> Fields:
        payload = dump_json(fields).encode()
        reply: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append(reply)
        publishing = asyncio.create_task(client.publish(topic, payload, qos=QOS, timeout=math.inf))
        publishing.add_done_callback(lambda task: _fail_unsent(task, reply))
        try:
            async with asyncio.timeout_at(deadline):
                return await reply
        except TimeoutError:
            raise OutcomeUnknown(f"no reply through the broker {self._broker}") from None
        finally:
            publishing.cancel()
            self._forget(question, reply)

    async def _connected(self, deadline: float) -> aiomqtt.Client:
        while self._client is None:
            if self._task is None or self._task.done():
                raise ClientClosed("the client is closed")
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                raise NoConnection(f"no connection to the broker {self._broker}: {self._trouble}") from None
        return self._client

    async def _stay_connected(self) -> None:
        delay = RECONNECT_SECONDS_MIN
        while True:
            try:
                await self._take_replies()
            except Exception as error:
                if not isinstance(error, aiomqtt.MqttError):  # without this task nobody would be answered again
                    log.exception("the connection to the broker failed unexpectedly")
                lost = self._client is not None
                self._client = None
                self._trouble = str(error) or repr(error)
                self._fail_waiting(OutcomeUnknown(f"the connection to the broker {self._broker} was lost: {error}"))
                delay = RECONNECT_SECONDS_MIN if lost else min(2 * delay, RECONNECT_SECONDS_MAX)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads clients, hides nothing

    async def _take_replies(self) -> None:
        """Connect, subscribe and hand out replies until the connection ends, which raises MqttError."""
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            identifier=self._session_id,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,  # replies to requests that were given up are of no use
            timeout=BROKER_SECONDS_MAX,
            keepalive=KEEPALIVE_SECONDS,
            max_inflight_messages=IN_FLIGHT_MAX,
            max_queued_incoming_messages=INBOX_MAX,
            socket_options=(_SEND_AT_ONCE,),
            logger=log,
        )
        client.pending_calls_threshold = 2 * IN_FLIGHT_MAX  # that many are normal
        async with client:
            granted = await client.subscribe(self._reply_topic, qos=QOS)
            if any(_code(code) > QOS for code in granted):
                raise aiomqtt.MqttError(f"the broker refuses the subscription to {self._reply_topic}")
            self._client = client
            self._changed.set()
            try:
                async for message in client.messages:
                    self._hand_out(message.payload)
            except asyncio.CancelledError:
                self._client = None
                raise

    def _hand_out(self, payload: Any) -> None:
        try:
            reply = _read_reply(payload)
            waiting = self._waiting.get((reply["request_id"], reply["correlation"]), ())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("a reply that cannot be read: %r", error)
            return
        for future in waiting:
            if not future.done():
                future.set_result(reply)

    def _fail_waiting(self, error: QuitandaError) -> None:
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)

    def _forget(self, question: _Question, reply: asyncio.Future[Fields]) -> None:
        if not reply.done():
            reply.cancel()
        elif not reply.cancelled():
            reply.exception()  # seen: where the caller was cancelled, nobody else looks at it
        futures = self._waiting[question]
        futures.remove(reply)
        if not futures:
            del self._waiting[question]


def correlation_of(topic: str, fields: Fields) -> str:
    """Give what is equal for equal requests, and different for different ones: hexadecimal digits."""
    asked = f"{topic} {dump_json(fields)}"
    return blake2b(asked.encode(), digest_size=CORRELATION_BYTES).hexdigest()


def _fail_unsent(publishing: asyncio.Task[None], reply: asyncio.Future[Fields]) -> None:
    if publishing.cancelled():
        return
    error = publishing.exception()
    if error is not None and not reply.done():
        reply.set_exception(OutcomeUnknown(f"the request could not be published: {error}"))


def _read_reply(payload: Any) -> Any:
    """Read a reply within bounds, since anybody may publish it; ValueError where it is not JSON."""
    parsed = parse_json(payload.decode(), "reply", depth_max=REPLY_DEPTH_MAX)
    if isinstance(parsed, Refused):
        raise ValueError(f"not JSON: {dict(parsed.details)}")  # noqa: TRY004 - the text is wrong, not a type
    return parsed.value


def _code(granted: object) -> int:
    """Read one entry of a SUBACK: the quality of service that is granted, or 128."""
    return granted if isinstance(granted, int) else int(getattr(granted, "value", 128))
