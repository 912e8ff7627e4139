"""What an MQTT request means and what its reply says; the gateway around it knows neither.

    topic    quitanda/v1/customers/{customer_id}/requests/{operation}
    request  {"request_id"?, "reply_to", "correlation"?, "token"?, ...fields}
    reply    {"request_id", "correlation"?, "revision", "result"} or {…, "error"}, on .../replies/{reply_to}

A client of MQTT 5 may give a response topic instead of `reply_to`, and correlation data, which its reply then has.
Replies go only to topics of the customer's own replies: a portal may publish where a client may not.

The topic names the customer, because brokers authorise by topic. A request can be answered if it is sent to such a
topic and names a reply topic, even where the rest of it cannot be read.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from quitanda.codec.json_fields import parse_object
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.domain.value_checks import check_id
from quitanda.error_status import FailureSource, describe, to_json_error
from quitanda.errors import InternalError, Overloaded, QuitandaError, Rejected
from quitanda.mqtt import topics
from quitanda.operations import (
    TOKEN_FIELD,
    Asked,
    DocumentOperation,
    PortalKind,
    WatchOperation,
    WriteOperation,
    document_operations_of,
    operations_of,
)
from quitanda.portal.callers import Authenticator, Caller
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.ids import IdGenerator
from quitanda.portal.operations import PortalOperations
from quitanda.runtime import log_context, tracing
from quitanda.runtime.access_log import OK, AccessLog, log_unexpected, request_context

REQUEST_BYTES_MAX: Final = 65_536
"""Twice what an order with the most items and the longest ids takes."""

REPLY_BYTES_MAX: Final = 1_048_576
"""What our brokers carry; only a page of a list of very large products can be larger."""

OPERATIONS: Final[Mapping[str, DocumentOperation]] = document_operations_of(PortalKind.CLIENT)

(WATCH,) = (each for each in operations_of(PortalKind.CLIENT).values() if isinstance(each, WatchOperation))
"""The operation that has more replies than one (`mqtt_watches`)."""

_ANY_READ: Final = OPERATIONS["get_product"]
"""Stands for an operation that is not in the table, where a request is refused before its fields are read."""

_NO_TOKEN: Final = "?"  # noqa: S105 - none
"""Stands for a token that is not even a text."""

_VALUE_LENGTH_SHOWN: Final = 40
_FOUND: Final = re.compile(
    rb'"(request_id|reply_to|correlation)"\s*:\s*"([A-Za-z0-9._~@:-]{1,64})"|"(token)"\s*:\s*"([a-z0-9_]{1,80})"'
)

Result: TypeAlias = tuple[int, str]
"""A revision, and the JSON text of `result`."""


@dataclass(frozen=True, slots=True)
class RequestProperties:
    """What a client of MQTT 5 says beside the payload; a client of 3.1.1 says nothing."""

    response_topic: str | None = None
    correlation_data: bytes | None = None
    traceparent: str = ""
    """The context of the client's trace, from the user property of this name; empty where there is none."""


NO_PROPERTIES: Final = RequestProperties()


@dataclass(frozen=True, slots=True)
class MqttRequest:
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
    traceparent: str = ""
    token: str = field(default="", repr=False)
    """By which the customer proves who asks; empty where the request has none, or none that can be read."""

    @property
    def operation_label(self) -> str:
        """The operation where the table has it: what anybody invents must not become the label of a metric."""
        return self.operation if self.operation in OPERATIONS or self.operation == WATCH.name else "unknown"


@dataclass(frozen=True, slots=True)
class NoReplyTopic:
    """A message that does not say where its reply should go."""

    topic: str
    size: int
    reason: str = "no reply topic"


def parse_request(
    topic: str, payload: bytes, properties: RequestProperties = NO_PROPERTIES
) -> MqttRequest | NoReplyTopic:
    """Read where the reply goes and what it answers; total, whatever was sent."""
    named = topics.parse_request_topic(topic)
    fields = parse_object(payload, REQUEST_BYTES_MAX)
    known = find_known(payload) if isinstance(fields, Refused) else fields
    reply_to, request_id, correlation = (known.get(name) for name in ("reply_to", "request_id", "correlation"))
    if named is None:
        return NoReplyTopic(topic, len(payload))
    wrong_topic = None
    if properties.response_topic is not None:
        session = topics.reply_session(named[0], properties.response_topic)
        wrong_topic = _check_session(named[0], session, reply_to)
        reply_to = session if reply_to is None else reply_to
    if check_id("reply_to", reply_to):
        reason = "a response topic that is not of the customer's replies" if wrong_topic else "no reply topic"
        return NoReplyTopic(topic, len(payload), reason)
    wrong_id = None if request_id is None else check_id("request_id", request_id)
    wrong_correlation = None if correlation is None else check_id("correlation", correlation)
    wrong = wrong_id or wrong_correlation or wrong_topic
    token = known.get(TOKEN_FIELD, "")
    return MqttRequest(
        customer_id=named[0],
        operation=named[1],
        request_id=None if wrong_id else request_id,
        correlation=None if wrong_correlation else correlation,
        reply_topic=topics.reply_topic(named[0], str(reply_to)),
        fields=wrong or fields,
        correlation_data=properties.correlation_data,
        traceparent=properties.traceparent,
        token=token if isinstance(token, str) else _NO_TOKEN,
    )


def refuse_retained(request: MqttRequest | NoReplyTopic) -> MqttRequest | NoReplyTopic:
    """Let a request be refused that was published with the retain flag: it would come again at every reconnect."""
    if isinstance(request, NoReplyTopic):
        return request
    return replace(request, fields=invalid("retain", Problem.RETAINED))


def find_known(payload: bytes) -> Mapping[str, Any]:
    """Find who asks and where the reply goes in a payload that is not JSON, so its sender learns what is wrong."""
    found = (filter(None, groups) for groups in _FOUND.findall(payload[:REQUEST_BYTES_MAX]))
    return {name.decode(): value.decode() for name, value in found}


def _check_session(customer_id: str, session: str | None, reply_to: object) -> Refused | None:
    """Say what is wrong with the session that a response topic names, beside the payload's `reply_to`; or None."""
    if session is None:
        return invalid("response_topic", Problem.UNKNOWN_VALUE, expected=topics.reply_topic(customer_id, "{reply_to}"))
    if reply_to is None or reply_to == session:
        return None
    return invalid("response_topic", Problem.DUPLICATE)


class MqttRequestHandler:
    """Answers parsed requests with the payloads of their replies; writes the log line of each."""

    def __init__(
        self,
        operations: PortalOperations,
        ids: IdGenerator,
        log: AccessLog,
        authenticator: Authenticator | None = None,
    ) -> None:
        """With an `authenticator` each caller must prove by a token who asks."""
        self._operations = operations
        self._ids = ids
        self._log = log
        self._authenticator = authenticator

    async def answer(self, request: MqttRequest, timeout: float) -> bytes:
        """Have the request answered within `timeout` seconds, or refuse it if none are left; never raises."""
        if timeout <= 0:
            return self.refuse(request, self.overload(request))
        begun = time.perf_counter()
        with request_context(request):
            if tracing.active is not None:
                self._log.begun(request.operation_label, request.traceparent)
            caller = await self.authenticate(request, time_allowed(timeout))
            asked = caller if isinstance(caller, Refused | QuitandaError) else self._read_or_refuse(request)
            refused_unread = isinstance(asked, Refused | QuitandaError)
            if request.request_id is None and _writes(request.operation) and not refused_unread:
                request = replace(request, request_id=self._ids.request_id())
                log_context.bind(request_id=request.request_id or "")
            left = max(0.0, timeout - (time.perf_counter() - begun))
            result = await self._perform(request, asked, time_allowed(left), caller)
            payload = write_reply(request, result)
            if len(payload) > REPLY_BYTES_MAX:
                result = _too_large(len(payload))
                payload = write_reply(request, result)
            self.log_answer(request, result, time.perf_counter() - begun)
        return payload

    def overload(self, request: MqttRequest) -> Overloaded:
        """Give what the request is refused with for want of room or of time; it says when to try again."""
        return self._operations.refusal(OPERATIONS.get(request.operation, _ANY_READ), request.customer_id)

    def refuse_early(self, request: MqttRequest) -> FailureSource | None:
        """Give what the request is refused with before anything waits for it; None where it is to be answered.

        Its token has not the form of one, or too many wrong ones came; or its caller would not be admitted.
        """
        operation = OPERATIONS.get(request.operation, _ANY_READ)
        if self._authenticator is None:
            return self._operations.refuse_unread(operation, customer_id=request.customer_id)
        caller = self._authenticator.look(request.token, _failures_of(request))
        return caller if isinstance(caller, Refused) else self._operations.refuse_unread(operation, caller)

    def refuse(self, request: MqttRequest, failure: FailureSource) -> bytes:
        """Write the reply of a request that is refused; nothing was done."""
        with request_context(request):
            self.log_answer(request, failure, 0.0)
        return write_reply(request, failure)

    async def authenticate(self, request: MqttRequest, timeout: float) -> Caller | FailureSource | None:
        """Find out who asks, and whether she may; None where nobody needs to know.

        The broker does not tell where a message comes from. Failures are counted by the topic's customer instead: where
        the broker knows its clients, only she can publish there.
        """
        operation = OPERATIONS.get(request.operation, _ANY_READ)
        if self._authenticator is None:
            return None
        try:
            caller = await self._authenticator.authenticate(request.token, _failures_of(request), timeout)
        except Rejected as rejected:
            return rejected.refused
        except QuitandaError as error:
            return error
        return caller.check_role(operation) or caller.check_customer(request.customer_id) or caller

    async def _perform(
        self,
        request: MqttRequest,
        asked: Asked | FailureSource,
        timeout: float,
        caller: Caller | FailureSource | None,
    ) -> Result | FailureSource:
        if isinstance(asked, Refused | QuitandaError):
            return asked
        operation = OPERATIONS[request.operation]
        known = caller if isinstance(caller, Caller) else None
        try:
            answer = await self._operations.perform(operation, asked, request.request_id or "", timeout, known)
            return answer if isinstance(answer, Refused) else (answer.revision, operation.reply(answer))
        except QuitandaError as error:
            return error
        except Exception:  # noqa: BLE001 - the last resort: a worker must survive every request
            log_unexpected(request.operation)
            return InternalError()

    def _read_or_refuse(self, request: MqttRequest) -> Asked | Refused:
        try:
            return self._read(request)
        except Exception:  # noqa: BLE001 - as in `_perform`; nothing was done yet, so this is definite
            log_unexpected(request.operation_label)
            return refused(Reason.INTERNAL)

    def _read(self, request: MqttRequest) -> Asked | Refused:
        if isinstance(request.fields, Refused):
            return request.fields
        fields = {name: value for name, value in request.fields.items() if name != TOKEN_FIELD}
        if fields.pop("customer_id", request.customer_id) != request.customer_id:
            return invalid("customer_id", Problem.UNKNOWN_VALUE, expected=request.customer_id)
        operation = OPERATIONS.get(request.operation)
        if operation is None:
            return invalid("operation", Problem.UNKNOWN_VALUE, value=request.operation[:_VALUE_LENGTH_SHOWN])
        generates = isinstance(operation, WriteOperation) and "order_id" in operation.generated_fields
        return operation.from_fields(request.customer_id, fields, self._ids.order() if generates else None)

    def log_answer(self, request: MqttRequest, result: Result | FailureSource, seconds: float) -> None:
        """Write the log line of a request that was answered, or refused, after `seconds`."""
        revision, reason = (result[0], OK) if isinstance(result, tuple) else (0, describe(result).reason)
        self._log.answered(request.operation_label, reason, revision, seconds)


def _failures_of(request: MqttRequest) -> str:
    """Name what stands for the address by which failures are counted (`MqttRequestHandler.authenticate`)."""
    return f"mqtt:{request.customer_id}"


def _writes(operation: str) -> bool:
    return operation in OPERATIONS and OPERATIONS[operation].writes


def _too_large(length: int) -> Refused:
    return invalid("page_size", Problem.TOO_LARGE, limit=f"{REPLY_BYTES_MAX} bytes", length=length)


def write_reply(request: MqttRequest, result: Result | FailureSource) -> bytes:
    """Write a reply, which begins with what tells the client which of its requests is answered."""
    request_id = request.request_id or None
    answers = f'"request_id":{json.dumps(request_id)}'
    if request.correlation is not None:
        answers += f',"correlation":{json.dumps(request.correlation)}'
    if isinstance(result, tuple):
        revision, text = result
        return f'{{{answers},"revision":{revision},"result":{text}}}'.encode()
    # The error has the id, too, as everywhere: whoever passes on only the error passes on what repeating needs.
    error = to_json_error(result) | ({"request_id": request_id} if request_id else {})
    return f'{{{answers},"error":{json.dumps(error)}}}'.encode()
