"""A portal's gRPC service: each method reads the message, has the operation performed, and writes the answer.

The methods are made from the table of operations. A refusal is raised as Rejected; the server's interceptor turns it
into a status, like every error of the way to the replicas, and writes the call's log line.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import grpc

from quitanda.codec.protobuf import DOCUMENT_CODECS
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import AuthenticationProblem, Refused
from quitanda.errors import InternalError, Overloaded, Rejected
from quitanda.operations import (
    CertificateOperation,
    ClusterOperation,
    DocumentOperation,
    Operation,
    OperationAnswer,
    PasswordOperation,
    PortalKind,
    WatchOperation,
    WebhookOperation,
    WriteOperation,
    operations_of,
)
from quitanda.portal.callers import Authenticator, Caller, bearer_token, unauthenticated
from quitanda.portal.certificate_issuer import CertificateIssuer
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.deadlines import time_allowed
from quitanda.portal.ids import IdGenerator, request_id_in_errors
from quitanda.portal.new_tokens import RequestChoices
from quitanda.portal.operations import PortalOperations
from quitanda.portal.passwords import NewPassword, PasswordKeeper
from quitanda.portal.watches import Watcher, Watches
from quitanda.portal.webhook_admin import WebhookAdmin
from quitanda.runtime import log_context
from quitanda.runtime.unread_calls import Metadata

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
Method: TypeAlias = Callable[[Any, Context], Coroutine[Any, Any, Any]]
Stream: TypeAlias = Callable[[Any, Context], AsyncGenerator[Any, None]]

_caller: Final[ContextVar[Caller | None]] = ContextVar("quitanda_caller", default=None)
"""Who asks for the call that the task works on: each call has a task of its own."""

_address: Final[ContextVar[str]] = ContextVar("quitanda_address", default="")
"""Where that call comes from, by which its caller is limited where nobody knows who it is."""


class GrpcServicer:
    """Serves the gRPC service of a portal; `request_timeout` (seconds) bounds each call.

    `cluster_admin` performs the operations on the cluster, and `webhook_admin` those on webhooks, where the portal has
    them. With an `authenticator` each
    caller must prove by a token who calls; `certificates` gives out certificates, and `passwords` lets people sign in,
    where the portal does. `watches` are those of the portal.
    """

    def __init__(
        self,
        portal: PortalKind,
        operations: PortalOperations,
        ids: IdGenerator,
        request_timeout: float,
        cluster_admin: ClusterAdmin | None = None,
        *,
        choices: RequestChoices | None = None,
        authenticator: Authenticator | None = None,
        certificates: CertificateIssuer | None = None,
        watches: Watches | None = None,
        webhook_admin: WebhookAdmin | None = None,
        passwords: PasswordKeeper | None = None,
    ) -> None:
        self.service_name = portal.service.full_name
        self._names_customer = portal.names_customer
        self._operations = operations
        self._ids = ids
        self._choices = choices or RequestChoices(ids)
        self._request_timeout = request_timeout
        self._cluster_admin = cluster_admin
        self._authenticator = authenticator
        self._certificates = certificates
        self._watches = watches
        self._webhook_admin = webhook_admin
        self._passwords = passwords
        served = [
            each
            for each in operations_of(portal).values()
            if (certificates is not None or not isinstance(each, CertificateOperation))
            and (webhook_admin is not None or not isinstance(each, WebhookOperation))
            and (passwords is not None or not isinstance(each, PasswordOperation))
        ]
        self._served = {each.path: each for each in served}
        self._handlers = {each.label: self._handler(each) for each in served}

    def refuse_unread(self, method: str, metadata: Metadata) -> Overloaded | Rejected | None:
        """Give what a call of the method (its full name) is refused with before it is read, if it is not to be read."""
        operation = self._served.get(method)
        if operation is None or _is_open(operation):
            return None
        caller = None if self._authenticator is None else self._authenticator.look(bearer_token(metadata))
        if isinstance(caller, Refused):
            return Rejected(caller)
        return self._operations.refuse_unread(operation, caller) if isinstance(operation, DocumentOperation) else None

    async def authenticate(self, method: str, context: Context, address: str) -> None:
        """Find out who calls the method (its full name), and whether the role may. Raises QuitandaError to refuse."""
        _address.set(address)
        operation = self._served.get(method)
        if self._authenticator is None or operation is None or _is_open(operation):
            return
        token = bearer_token(context.invocation_metadata() or ())
        timeout = time_allowed(self._request_timeout, context.time_remaining())
        if isinstance(operation, ClusterOperation):
            caller = await self._authenticator.authenticate_now(
                token, address, timeout, without_leader=operation.without_leader
            )
        elif isinstance(operation, CertificateOperation | PasswordOperation | WebhookOperation):
            caller = await self._authenticator.authenticate_now(token, address, timeout, without_leader=False)
        else:
            caller = await self._authenticator.authenticate(token, address, timeout)
        if wrong := caller.check_role(operation):
            raise Rejected(wrong)
        _caller.set(caller)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let a server serve every method."""
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(self.service_name, self._handlers),))

    def _handler(self, operation: Operation) -> "grpc.RpcMethodHandler[Any, Any]":
        codecs = (operation.request_class.FromString, operation.response_class.SerializeToString)
        if isinstance(operation, WatchOperation):
            return grpc.unary_stream_rpc_method_handler(self._watch(operation), *codecs)
        if isinstance(operation, ClusterOperation) and operation.streams:
            return grpc.unary_stream_rpc_method_handler(self._stream(operation), *codecs)
        return grpc.unary_unary_rpc_method_handler(self._method(operation), *codecs)

    def _method(self, operation: Operation) -> Method:
        match operation:
            case WriteOperation():
                return self._write(operation)
            case DocumentOperation():
                return self._read(operation)
            case ClusterOperation():
                return self._administer(operation)
            case WebhookOperation() if self._webhook_admin is not None:
                return self._administer_webhooks(operation, self._webhook_admin)
            case PasswordOperation() if self._passwords is not None:
                return self._with_password(operation, self._passwords)
            case CertificateOperation() if self._certificates is not None:
                return self._certify(self._certificates)
            case _:
                raise TypeError(f"no method can be made of {operation}")

    def _write(self, operation: WriteOperation) -> Method:
        async def write(request: Any, context: Context) -> Any:
            request_id = request.request_id
            if not request_id:
                request_id = self._ids.request_id()
                # Each call runs in a task of its own, so what is bound here ends with the call.
                log_context.bind(request_id=request_id)
            with request_id_in_errors(request_id):
                chosen = self._choices.choose(operation, request, request_id)
                asked = self._own(request) or operation.from_message(request, chosen.fields)
                answer = await self._perform(operation, asked, request_id, context)
                return operation.response(chosen.tell_token(answer))

        return write

    def _read(self, operation: DocumentOperation) -> Method:
        async def read(request: Any, context: Context) -> Any:
            asked = self._own(request) or operation.from_message(request)
            return operation.response(await self._perform(operation, asked, "", context))

        return read

    def _own(self, request: Any) -> Refused | None:
        """Refuse a request of a customer that names another one."""
        caller = _caller.get()
        return caller.check_customer(request.customer_id) if self._names_customer and caller is not None else None

    def _administer(self, operation: ClusterOperation) -> Method:
        perform = getattr(self._cluster_admin, operation.name)
        limit = ClusterAdmin.time_limits.get(operation.name, self._request_timeout)

        async def administer(request: Any, context: Context) -> Any:
            return await perform(request, time_allowed(limit, context.time_remaining()))

        return administer

    def _administer_webhooks(self, operation: WebhookOperation, webhooks: WebhookAdmin) -> Method:
        async def show(_: Any, context: Context) -> Any:
            return await webhooks.list(time_allowed(self._request_timeout, context.time_remaining()))

        async def change(request: Any, context: Context) -> Any:
            request_id = request.request_id
            if not request_id:
                request_id = self._ids.request_id()
                log_context.bind(request_id=request_id)
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            caller = _caller.get()
            principal = None if caller is None else caller.principal
            with request_id_in_errors(request_id):
                return await webhooks.change(operation, request, request_id, timeout, principal)

        return change if operation.writes else show

    def _certify(self, certificates: CertificateIssuer) -> Method:
        async def certify(request: Any, context: Context) -> Any:
            if _caller.get() is None:  # nobody is given a certificate unproven, whatever else is switched off
                raise Rejected(unauthenticated(AuthenticationProblem.MISSING))
            if wrong := self._own(request):
                raise Rejected(wrong)
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            return await certificates.issue_certificate(request, timeout)

        return certify

    def _with_password(self, operation: PasswordOperation, passwords: PasswordKeeper) -> Method:
        async def sign_in(request: Any, context: Context) -> Any:
            name = request.customer_id if self._names_customer else request.name
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            opened = await passwords.sign_in(name, request.password, _address.get(), timeout)
            return operation.response_class(
                revision=opened.revision,
                credential=DOCUMENT_CODECS[Kind.CREDENTIAL].write(opened.credential),
                token=opened.token.text(),
            )

        async def set_password(request: Any, context: Context) -> Any:
            caller = _caller.get()
            if caller is None:
                raise Rejected(unauthenticated(AuthenticationProblem.MISSING))
            if wrong := self._own(request):
                raise Rejected(wrong)
            request_id = request.request_id or self._ids.request_id()
            log_context.bind(request_id=request_id)
            asked = NewPassword(
                request.password,
                request.current_password,
                request_id,
                "" if self._names_customer else request.credential_id,
            )
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            with request_id_in_errors(request_id):
                revision, credential = await passwords.set_password(asked, caller, _address.get(), timeout)
            shown = DOCUMENT_CODECS[Kind.CREDENTIAL].write(credential)
            return operation.response_class(revision=revision, credential=shown, request_id=request_id)

        return set_password if operation.proved else sign_in

    def _stream(self, operation: ClusterOperation) -> Stream:
        begin = getattr(self._cluster_admin, operation.name)

        async def stream(request: Any, context: Context) -> AsyncGenerator[Any, None]:
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            async with aclosing(await begin(request, timeout)) as parts:
                async for part in parts:
                    yield part

        return stream

    def _watch(self, operation: WatchOperation) -> Stream:
        async def watch(request: Any, context: Context) -> AsyncGenerator[Any, None]:
            watched = self._own(request) or operation.from_message(request)
            if isinstance(watched, Refused):
                raise Rejected(watched)
            if self._watches is None:
                raise InternalError("a portal without watches")
            caller = _caller.get()
            watcher = Watcher(watched, caller, _address.get() if caller is None else "")
            timeout = time_allowed(self._request_timeout, context.time_remaining())
            async with aclosing(self._watches.watch(watcher, timeout)) as parts:
                async for part in parts:
                    yield operation.response(part)

        return watch

    async def _perform(
        self, operation: DocumentOperation, asked: Any, request_id: str, context: Context
    ) -> OperationAnswer:
        """Have the operation performed; Rejected where it is refused, by the name that the field has in the message."""
        if isinstance(asked, Refused):
            raise Rejected(asked)
        timeout = time_allowed(self._request_timeout, context.time_remaining())
        caller = _caller.get()
        address = _address.get() if caller is None else ""
        answer = await self._operations.perform(operation, asked, request_id, timeout, caller, address)
        if isinstance(answer, Refused):
            raise Rejected(operation.name_message_field(answer))
        return answer


def _is_open(operation: Operation) -> bool:
    """Whether the operation is for those whom nobody knows yet."""
    return isinstance(operation, PasswordOperation) and not operation.proved
