"""What an MQTT request means and what its reply says; the gateway around it knows neither.

    topic    quitanda/v1/customers/{customer_id}/requests/{operation}
    request  {"request_id"?, "reply_to", "correlation"?, ...fields}
    reply    {"request_id", "correlation"?, "revision", "result"} or {…, "error"}, on .../replies/{reply_to}

A client of MQTT 5 may give a response topic instead of `reply_to`, and correlation data, which its reply then has. Only
topics of the customer's own replies are answered to: a portal may publish where a client may not.

The customer is the topic's: brokers authorise by topic. A request is answerable if it is sent to such a
topic and names a reply address, even where the rest of it cannot be read.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from quitanda.cluster_client import Page
from quitanda.codec import json_requests
from quitanda.codec.documents import present_document, present_summary, summarize
from quitanda.codec.json_fields import parse_object
from quitanda.domain.commands import CancelOrder, CreateOrder, SetOrderItems
from quitanda.domain.model import Document, Order
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.domain.validation import check_id
from quitanda.error_status import FailureSource, describe, to_json_error
from quitanda.errors import InternalError, Overloaded, QuitandaError
from quitanda.mqtt import topics
from quitanda.portal.deadlines import time_allowed
from quitanda.runtime.access_log import OK, AccessLog, log_unexpected, request_context
from quitanda_client_portal.id_generator import IdGenerator
from quitanda_client_portal.operations import Answered, Call, Operations

REQUEST_BYTES_MAX: Final = 65_536
"""Twice what an order with the most items and the longest ids takes."""

REPLY_BYTES_MAX: Final = 1_048_576
"""What our brokers carry; only a page of a list of very large products can be larger."""

_OPERATIONS: Final = frozenset({"create_order", *json_requests.OPERATIONS})
_SALVAGED: Final = re.compile(rb'"(request_id|reply_to|correlation)"\s*:\s*"([A-Za-z0-9._~@:-]{1,64})"')


@dataclass(frozen=True, slots=True)
class Properties:
    """What a client of MQTT 5 says beside the payload about its answer; of 3.1.1, nothing."""

    response_topic: str | None = None
    correlation_data: bytes | None = None


NO_PROPERTIES: Final = Properties()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request that can be answered.

    `request_id` is None where the client gave none, or none that is usable; so is `correlation`, which the
    reply repeats. `fields` is a refusal where the payload cannot be read.
    `correlation_data` is a property of the reply.
    """

    customer_id: str
    operation: str
    request_id: str | None
    correlation: str | None
    reply_topic: str
    fields: Mapping[str, Any] | Refused
    correlation_data: bytes | None = None

    @property
    def operation_label(self) -> str:
        """The operation where it is one of ours: what strangers invent must not become the name of a metric."""
        return self.operation if self.operation in _OPERATIONS else "unknown"


@dataclass(frozen=True, slots=True)
class NoReplyTopic:
    """A message that says nowhere where its answer should go."""

    topic: str
    size: int
    why: str = "no reply address"


def parse_request(topic: str, payload: bytes, properties: Properties = NO_PROPERTIES) -> Envelope | NoReplyTopic:
    """Read where an answer goes and what it answers; total, whatever was sent."""
    named = topics.parse_request_topic(topic)
    fields = parse_object(payload, REQUEST_BYTES_MAX)
    known = find_reply_topic(payload) if isinstance(fields, Refused) else fields
    reply_to, request_id, correlation = (known.get(name) for name in ("reply_to", "request_id", "correlation"))
    if named is None:
        return NoReplyTopic(topic, len(payload))
    wrong_topic = None
    if properties.response_topic is not None:
        session = topics.reply_session(named[0], properties.response_topic)
        wrong_topic = _check_session(named[0], session, reply_to)
        reply_to = session if reply_to is None else reply_to
    if check_id("reply_to", reply_to):
        why = "a response topic that is not of the customer's replies" if wrong_topic else "no reply address"
        return NoReplyTopic(topic, len(payload), why)
    wrong_id = None if request_id is None else check_id("request_id", request_id)
    wrong_correlation = None if correlation is None else check_id("correlation", correlation)
    wrong = wrong_id or wrong_correlation or wrong_topic
    return Envelope(
        customer_id=named[0],
        operation=named[1],
        request_id=None if wrong_id else request_id,
        correlation=None if wrong_correlation else correlation,
        reply_topic=topics.reply_topic(named[0], str(reply_to)),
        fields=wrong or fields,
        correlation_data=properties.correlation_data,
    )


def _check_session(customer_id: str, session: str | None, reply_to: object) -> Refused | None:
    """Say what is wrong with the session that a response topic names, beside the payload's `reply_to`; or None."""
    if session is None:
        return invalid("response_topic", Problem.UNKNOWN_VALUE, expected=topics.reply_topic(customer_id, "{reply_to}"))
    if reply_to is None or reply_to == session:
        return None
    return invalid("response_topic", Problem.DUPLICATE)


def refuse_retained(envelope: Envelope | NoReplyTopic) -> Envelope | NoReplyTopic:
    """Let a request be refused that was published with the retain flag: it would come again at every reconnect."""
    if isinstance(envelope, NoReplyTopic):
        return envelope
    return replace(envelope, fields=invalid("retain", Problem.RETAINED))


def find_reply_topic(payload: bytes) -> Mapping[str, Any]:
    """Find the envelope in a payload that is not a JSON object, so that its sender hears what is wrong with it."""
    found = _SALVAGED.findall(payload[:REQUEST_BYTES_MAX])
    return {name.decode(): value.decode() for name, value in found}


class MqttRequestHandler:
    """Answers opened requests with the payloads of their replies; writes the log line of each."""

    def __init__(self, operations: Operations, mint: IdGenerator, log: AccessLog) -> None:
        self._operations = operations
        self._mint = mint
        self._log = log

    async def answer(self, envelope: Envelope, timeout: float) -> bytes:
        """Have the request answered within `timeout` seconds, or refuse it if none are left; never raises."""
        if timeout <= 0:
            return self.overloaded(envelope)
        begun = time.perf_counter()
        call = self._call(envelope)
        with request_context(call):
            answer = await self._perform(call, time_allowed(timeout))
            payload = _reply(call.operation, call.request_id, envelope.correlation, answer)
            if len(payload) > REPLY_BYTES_MAX:
                answer = _too_large(len(payload))
                payload = _reply(call.operation, call.request_id, envelope.correlation, answer)
            self._tell(call.operation, answer, time.perf_counter() - begun)
        return payload

    def overloaded(self, envelope: Envelope) -> bytes:
        """Refuse the request for want of room or of time; nothing was done."""
        refusal = Overloaded()
        with request_context(envelope):
            self._tell(envelope.operation_label, refusal, 0.0)
        return _reply(envelope.operation_label, envelope.request_id or "", envelope.correlation, refusal)

    async def _perform(self, call: Call, timeout: float) -> Answered | FailureSource:
        try:
            return await self._operations.perform(call, timeout)
        except QuitandaError as error:
            return error
        except Exception:  # noqa: BLE001 - the last resort: a worker must survive every request
            log_unexpected(call.operation)
            return InternalError()

    def _tell(self, operation: str, answer: Answered | FailureSource, seconds: float) -> None:
        reason = OK if isinstance(answer, Answered) else describe(answer).reason
        self._log.answered(operation, reason, answer, seconds)

    def _call(self, envelope: Envelope) -> Call:
        try:
            asked = self._read(envelope)
        except Exception:  # noqa: BLE001 - as in `_perform`; nothing was done yet, so this is definite
            log_unexpected(envelope.operation_label)
            asked = refused(Reason.INTERNAL)
        request_id = envelope.request_id or ""
        if not request_id and isinstance(asked, CreateOrder | SetOrderItems | CancelOrder):
            request_id = self._mint.request_id()
        return Call(envelope.operation_label, envelope.customer_id, request_id, asked)

    def _read(self, envelope: Envelope) -> Any:
        if isinstance(envelope.fields, Refused):
            return envelope.fields
        fields = dict(envelope.fields)
        if fields.pop("customer_id", envelope.customer_id) != envelope.customer_id:
            return invalid("customer_id", Problem.UNKNOWN_VALUE, expected=envelope.customer_id)
        if envelope.operation == "create_order":
            minted = self._mint.order()
            return json_requests.create_order(
                envelope.customer_id, fields, order_id=minted.order_id, created_at_ms=minted.created_at_ms
            )
        if envelope.operation not in json_requests.OPERATIONS:
            return invalid("operation", Problem.UNKNOWN_VALUE, value=envelope.operation[:40])
        return json_requests.OPERATIONS[envelope.operation](envelope.customer_id, fields)


def _too_large(length: int) -> Refused:
    return invalid("page_size", Problem.TOO_LARGE, limit=f"{REPLY_BYTES_MAX} bytes", length=length)


def _echo(request_id: str | None, correlation: str | None) -> str:
    """Write what tells a client which of its requests is answered."""
    echo = f'"request_id":{json.dumps(request_id or None)}'
    return echo if correlation is None else f'{echo},"correlation":{json.dumps(correlation)}'


def _reply(operation: str, request_id: str, correlation: str | None, answer: Answered | FailureSource) -> bytes:
    echo = _echo(request_id, correlation)
    if isinstance(answer, Answered):
        result = _present(operation, answer.result)
        return f'{{{echo},"revision":{answer.revision},"result":{result}}}'.encode()
    # Also in the error, as everywhere: whoever hands on only that hands on what repeating needs.
    error = to_json_error(answer) | ({"request_id": request_id} if request_id else {})
    return f'{{{echo},"error":{json.dumps(error)}}}'.encode()


def _present(operation: str, result: Document | Page) -> str:
    if not isinstance(result, Page):
        return present_document(result)
    name, present = ("orders", _present_order) if operation == "list_orders" else ("products", present_document)
    documents = ",".join(map(present, result.documents))
    return f'{{"{name}":[{documents}],"next_page_token":{json.dumps(result.next_page_token)}}}'


def _present_order(order: Document) -> str:
    return present_summary(summarize(order)) if isinstance(order, Order) else present_document(order)
