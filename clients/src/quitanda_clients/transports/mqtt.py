"""Sends a customer's requests over MQTT (QoS 1); the replies come on the client's own topic.

The version is 3.1.1, or 5 while tracing is on.

    send(request) ── publish, QoS 1 ──> broker ──> a portal
          └── future by request id and correlation <── replies/{session} <── broker <──┘

The correlation is a digest of the request. A late reply to an earlier sending of a request answers the same request
when the client sends it again; but it never answers another request under the same id.

The client connects by itself, subscribes before it publishes anything, and connects again after a loss
(`quitanda.mqtt.connection`). Requests that wait at a loss end with OutcomeUnknown, and the retry engine repeats them.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncGenerator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aiomqtt

from quitanda.codec.json_text import dump_json, parse_json
from quitanda.codec.watches import WatchDocuments, WatchedChanges
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.outcomes import Refused
from quitanda.domain.value_checks import check_id
from quitanda.error_status import from_json_error
from quitanda.errors import (
    NoConnection,
    OutcomeUnknown,
    Overloaded,
    QuitandaError,
    Rejected,
    TlsMismatch,
    Unavailable,
)
from quitanda.mqtt.connection import NOT_CONNECTED_YET, ConnectionOptions, MqttConnection, publish_properties
from quitanda.mqtt.topics import random_client_id, reply_topic, request_topic
from quitanda.operations import TOKEN_FIELD, DocumentOperation, OperationAnswer, WatchOperation
from quitanda.runtime import tracing
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.link_refusals import THERE_IS_NO_TLS, THERE_IS_TLS
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import TIMEOUT_DEFAULT, OnSlowCall, ignore_slow_call
from quitanda_clients.retry import ClientClosed, RetryPolicy, overloaded, retry_until_deadline
from quitanda_clients.tokens import check_not_in_plain_text
from quitanda_clients.transports import broker_tls
from quitanda_clients.watching import read_parts

if TYPE_CHECKING:  # it loads `cryptography`, which nobody needs who connects without TLS
    from quitanda_clients.broker_certificate import BrokerCertificate

REPLY_SECONDS_MAX: Final = 2.0
"""After this time the client sends the request again: the portal that got it may hang, and the broker gives it to
another one."""

RECONNECT_SECONDS_MIN: Final = 0.05
RECONNECT_SECONDS_MAX: Final = 1.0

TLS_LOOK_SECONDS: Final = 0.5
"""How often a request that waits for the connection lets somebody look whether only one side speaks TLS."""

IN_FLIGHT_MAX: Final = 256
"""Requests of one client at the same time; more wait for their turn."""

INBOX_MAX: Final = 4 * IN_FLIGHT_MAX
"""Replies that wait to be read; a lost one comes again when the client repeats its request."""

REPLY_DEPTH_MAX: Final = JSON_DEPTH_MAX + 4
"""The nesting of a reply: the documents are in a list, in the result, in the reply."""

CORRELATION_BYTES: Final = 8

Fields = Mapping[str, Any]
_PendingKey: TypeAlias = tuple[str, str]
"""A request's id, and its correlation."""

log = logging.getLogger(__name__)


class MqttTransport:
    """Implements `transports.RequestTransport`; it needs a running event loop from its first request on."""

    def __init__(
        self,
        customer_id: str,
        broker: Address,
        *,
        timeout: float = TIMEOUT_DEFAULT,
        on_slow: OnSlowCall = ignore_slow_call,
        certificate: "BrokerCertificate | None" = None,
        token: str = "",
    ) -> None:
        """Take the broker's address, and the token that each request carries; without one, they carry none.

        With a `certificate` the connection is TLS, and the broker knows the customer by it. NoTokenError where the
        token would leave this machine without one.
        """
        if certificate is None:
            check_not_in_plain_text(token, (broker,))
        self.token = token
        self._customer_id = customer_id
        self._certificate = certificate
        identity = None if certificate is None else LinkIdentity(certificate.folder.path)
        self._session = MqttSession(customer_id, broker, identity)
        self._policy = RetryPolicy(timeout, attempt_seconds_max=REPLY_SECONDS_MAX, on_slow=on_slow)

    async def send(self, operation: DocumentOperation, asked: Any, request_id: str) -> OperationAnswer:
        """Send a request until a portal replies (`transports.RequestTransport`)."""
        fields = await self._begin(operation.to_fields(asked))
        topic = request_topic(self._customer_id, operation.name)
        request_id = request_id or new_request_id()

        async def attempt(seconds: float) -> tuple[Any, int]:
            proof = {TOKEN_FIELD: self.token} if self.token else {}
            return _result_of(await self._session.exchange(topic, fields, request_id, seconds, proof))

        result, revision = await retry_until_deadline(attempt, self._policy, write=operation.writes)
        try:
            return operation.read_reply(result, revision)
        except ValueError as error:
            unreadable = OutcomeUnknown if operation.writes else Unavailable
            raise unreadable(f"a reply that cannot be read: {error}") from error

    async def watch(self, operation: WatchOperation, watched: WatchDocuments) -> AsyncGenerator[WatchedChanges, None]:
        """Ask until a portal begins to tell what changes; yield it until the watch ends or a reply is lost.

        Raises as `transports.RequestTransport` says.
        """
        fields = await self._begin(operation.to_fields(watched))
        topic = request_topic(self._customer_id, operation.name)

        async def attempt(seconds: float) -> tuple[Fields, AsyncGenerator[Fields, None]]:
            proof = {TOKEN_FIELD: self.token} if self.token else {}
            replies = self._session.replies(topic, fields, new_request_id(), seconds, proof)
            async with contextlib.AsyncExitStack() as closing:
                closing.push_async_callback(replies.aclose)
                try:
                    async with asyncio.timeout(seconds):
                        first = await anext(replies)
                except TimeoutError:
                    raise Unavailable("no reply through the broker") from None
                _result_of(first)  # raises the error that it may carry
                closing.pop_all()
            return first, replies

        first, others = await retry_until_deadline(attempt, self._policy, write=False)
        async with contextlib.aclosing(others), contextlib.aclosing(_results_of(first, others)) as results:
            async for part in read_parts(results, watched.after_revision):
                yield part

    async def _begin(self, fields: Fields | Refused) -> Fields:
        """Connect for a request; raises Rejected where no message can hold what is asked."""
        if wrong := check_id("customer_id", self._customer_id):  # it would not make a topic
            raise Rejected(wrong)
        if isinstance(fields, Refused):
            raise Rejected(fields)
        if self._certificate is not None:
            await self._certificate.renew_if_due()
        self._session.start()
        return fields

    async def close(self) -> None:
        """Disconnect; calls in flight end with an error."""
        await self._session.close()
        if self._certificate is not None:
            self._certificate.close()


class MqttSession:
    """Publishes requests and waits for their replies, over one connection; `start` first, `close` last."""

    def __init__(self, customer_id: str, broker: Address, identity: LinkIdentity | None = None) -> None:
        self._broker = broker
        self._with_tls = identity is not None
        self._tls_mismatch = False
        self._looking: asyncio.Task[None] | None = None
        """Looks for a mismatch while somebody waits for the connection."""
        # 18 characters: every broker of MQTT 3.1.1 accepts client ids of up to 23.
        self._id = random_client_id("s")
        options = ConnectionOptions(
            broker=broker,
            topic=reply_topic(customer_id, self._id),
            client_id=self._id,
            received_max=INBOX_MAX,
            published_max=IN_FLIGHT_MAX,
            identity=identity,
            reconnect_delay_min=RECONNECT_SECONDS_MIN,
            reconnect_delay_max=RECONNECT_SECONDS_MAX,
            # MQTT 3.1.1 cannot carry the context of a trace.
            mqtt5=tracing.active is not None,
        )
        self._connection = MqttConnection(options, self._receive, self._connection_changed)
        self._pending: dict[_PendingKey, list[asyncio.Future[Fields]]] = {}
        self._streams: dict[_PendingKey, asyncio.Queue[Fields | Unavailable]] = {}
        """Of requests that have many replies."""
        self._turns = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to connect, in the running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._connection.run(), name="mqtt-session")

    async def close(self) -> None:
        """Disconnect; requests that wait end with OutcomeUnknown."""
        self._closed = True
        for task in (self._looking, self._task):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._fail_pending(OutcomeUnknown("the client was closed"))

    async def exchange(
        self, topic: str, fields: Fields, request_id: str, seconds: float, proof: Fields | None = None
    ) -> Fields:
        """Publish one request once, and wait for its reply; `proof` are fields that say who asks, not what.

        Raises Unavailable (NoConnection, TlsMismatch) if it was not sent, OutcomeUnknown if no reply came in `seconds`.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable(f"{IN_FLIGHT_MAX} requests of this client are waiting for replies") from None
        try:
            await self._wait_for_connection(deadline)
            correlation = correlation_of(topic, fields)
            envelope = {"request_id": request_id, "reply_to": self._id, "correlation": correlation}
            return await self._ask(topic, {**fields, **envelope, **(proof or {})}, (request_id, correlation), deadline)
        finally:
            self._turns.release()

    async def replies(
        self, topic: str, fields: Fields, request_id: str, seconds: float, proof: Fields
    ) -> AsyncGenerator[Fields, None]:
        """Publish one request once, within `seconds`, and yield its replies as they come; to be closed.

        Raises Unavailable if it was not sent, and when the connection is lost.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        await self._wait_for_connection(deadline)
        correlation = correlation_of(topic, fields)
        envelope = {"request_id": request_id, "reply_to": self._id, "correlation": correlation}
        heard: asyncio.Queue[Fields | Unavailable] = asyncio.Queue()
        self._streams[request_id, correlation] = heard
        try:
            payload = dump_json({**fields, **envelope, **proof}).encode()
            await self._connection.publish(topic, payload, timeout=seconds)
            while True:
                reply = await heard.get()
                if isinstance(reply, Unavailable):
                    raise reply
                yield reply
        except aiomqtt.MqttError as error:
            raise Unavailable(f"the request could not be published: {error}") from error
        finally:
            del self._streams[request_id, correlation]

    async def _ask(self, topic: str, fields: Fields, key: _PendingKey, deadline: float) -> Fields:
        payload = dump_json(fields).encode()
        reply: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()
        self._pending.setdefault(key, []).append(reply)
        properties = publish_properties(user=tracing.call_metadata())
        publishing = asyncio.create_task(
            self._connection.publish(topic, payload, properties=properties, timeout=math.inf)
        )
        publishing.add_done_callback(lambda task: _fail_unsent(task, reply))
        try:
            async with asyncio.timeout_at(deadline):
                return await reply
        except TimeoutError:
            raise OutcomeUnknown(f"no reply through the broker {self._broker}") from None
        finally:
            publishing.cancel()
            self._forget(key, reply)

    async def _wait_for_connection(self, deadline: float) -> None:
        while not self._connection.connected:
            if self._closed or self._task is None or self._task.done():
                raise ClientClosed("the client is closed")
            if self._tls_mismatch:
                said = THERE_IS_NO_TLS if self._with_tls else THERE_IS_TLS
                raise TlsMismatch(f"no connection to the broker {self._broker}: {said}")
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_for_mismatch(), name="mqtt-tls")
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                reason = self._connection.failure or NOT_CONNECTED_YET
                raise NoConnection(f"no connection to the broker {self._broker}: {reason}") from None

    async def _look_for_mismatch(self) -> None:
        """Look until there is a connection; both may change at any time."""
        while not self._connection.connected:
            await asyncio.sleep(TLS_LOOK_SECONDS)
            if not self._connection.connected:
                self._tls_mismatch = await broker_tls.is_mismatch(self._broker, with_tls=self._with_tls)
                self._changed.set()
        self._tls_mismatch = False

    def _connection_changed(self) -> None:
        self._changed.set()
        if self._connection.connected:
            self._tls_mismatch = False
        if not self._connection.connected:
            lost = f"the connection to the broker {self._broker} was lost: {self._connection.failure}"
            self._fail_pending(OutcomeUnknown("the client was closed" if self._closed else lost))

    def _receive(self, message: aiomqtt.Message) -> None:
        try:
            reply = _read_reply(message.payload)
            key = (reply["request_id"], reply["correlation"])
            waiting = self._pending.get(key, ())
            if (heard := self._streams.get(key)) is not None and heard.qsize() < INBOX_MAX:
                heard.put_nowait(reply)  # one that is left out is missed by its successor
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("mqtt_reply_unreadable error=%r", error)
            return
        for future in waiting:
            if not future.done():
                future.set_result(reply)

    def _fail_pending(self, error: QuitandaError) -> None:
        for heard in self._streams.values():
            heard.put_nowait(ClientClosed(str(error)) if self._closed else Unavailable(str(error)))
        for futures in self._pending.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)

    def _forget(self, key: _PendingKey, reply: asyncio.Future[Fields]) -> None:
        if not reply.done():
            reply.cancel()
        elif not reply.cancelled():
            reply.exception()  # retrieved: if the caller was cancelled, nobody else looks at it
        futures = self._pending[key]
        futures.remove(reply)
        if not futures:
            del self._pending[key]


def correlation_of(topic: str, fields: Fields) -> str:
    """Digest a request: equal for equal requests, and different for different ones; hexadecimal digits."""
    request = f"{topic} {dump_json(fields)}"
    return blake2b(request.encode(), digest_size=CORRELATION_BYTES).hexdigest()


def _fail_unsent(publishing: asyncio.Task[None], reply: asyncio.Future[Fields]) -> None:
    if publishing.cancelled():
        return
    error = publishing.exception()
    if error is not None and not reply.done():
        reply.set_exception(OutcomeUnknown(f"the request could not be published: {error}"))


def _read_reply(payload: Any) -> Any:
    """Read a reply within bounds, because anybody may publish it; ValueError if it is not JSON."""
    parsed = parse_json(payload.decode(), "reply", depth_max=REPLY_DEPTH_MAX)
    if isinstance(parsed, Refused):
        raise ValueError(f"not JSON: {dict(parsed.details)}")  # noqa: TRY004 - the text is wrong, not a type
    return parsed.value


async def _results_of(first: Fields, others: AsyncGenerator[Fields, None]) -> AsyncGenerator[tuple[Any, int], None]:
    """Take the results out of the replies to one request; raises as `_result_of`."""
    yield _result_of(first)
    async for reply in others:
        yield _result_of(reply)


def _result_of(reply: Fields) -> tuple[Any, int]:
    """Take the result and its revision out of a reply; raises the error that the reply carries."""
    if "error" in reply:
        failure = from_json_error(reply["error"] if isinstance(reply["error"], Mapping) else {})
        if isinstance(failure, Refused):
            raise Rejected(failure)
        text = f"a portal answered {str(failure) or failure.reason}"
        if isinstance(failure, Overloaded):
            raise overloaded(text, failure.retry_after)
        raise Unavailable(text) if failure.definite else OutcomeUnknown(text)
    revision = reply.get("revision")
    if "result" not in reply or type(revision) is not int:
        raise OutcomeUnknown("a reply without a result and its revision")
    return reply["result"], revision
