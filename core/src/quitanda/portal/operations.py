"""What a portal does for its callers, whatever the transport: check, execute or read, keep the cache up to date.

A transport reads a message by a row of the table (`quitanda.operations`), has it performed, and writes the answer by
the same row. A refusal is a value; what goes wrong on the way to the replicas is raised.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from quitanda.cache import CachedReader, Key, ReadResult
from quitanda.cluster_client import Absent, ClusterClient, Get, List, Page
from quitanda.cluster_client.values import Result
from quitanda.codec.queries import FindOrders, GetDocument, ListDocuments, check_min_revision, id_field
from quitanda.domain import refusals
from quitanda.domain.commands import Command, Request, RotateCredential
from quitanda.domain.model import Credential, Document, Kind, Order
from quitanda.domain.outcomes import AuthenticationProblem, Reason, Refused
from quitanda.domain.validation import check_for_any_level
from quitanda.domain.value_checks import check_id
from quitanda.errors import InternalError, Overloaded, Rejected
from quitanda.operations import Asked, DocumentOperation, OperationAnswer, PortalKind, WriteOperation
from quitanda.portal.callers import Authenticator, Caller, unauthenticated
from quitanda.runtime.admission import AdmissionLimiter, AdmissionOptions
from quitanda.runtime.caller_rates import CallerRates

T = TypeVar("T")

_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000

ADMINISTRATORS: Final = ""
"""The scope of all administrators' request ids; a customer's is the customer's id."""

_CUSTOMER_ID: Final = id_field(Kind.CUSTOMER)
_LISTED_BY_CUSTOMER: Final = frozenset({Kind.ORDER, Kind.CREDENTIAL})
"""Of these a list has those of one customer; of credentials without a customer, those of staff."""

_NOT_FOUND: Final[Mapping[Kind, Callable[[str], Refused]]] = {
    Kind.CUSTOMER: refusals.customer_not_found,
    Kind.PRODUCT: refusals.product_not_found,
    Kind.ORDER: refusals.order_not_found,
}


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks for one call, as whom the limiters count it, and how many seconds there are for it."""

    caller: Caller | None
    """None only where there is no authenticator."""
    limited: str
    timeout: float

    @property
    def keys(self) -> tuple[Key, ...]:
        """Give the key of the caller's credential, which reads ask for first, if there is one."""
        return () if self.caller is None else (self.caller.key,)


class PortalOperations:
    """Performs the operations of one portal, whatever the transport; refuses what would not be answered in time.

    What is not valid is refused before it takes a place of the limiters. Reads and writes have a limiter each, because
    they take different times. To the limiters a caller is a credential, or where callers are believed a customer's id
    and an address.

    Where the portal's requests name a customer, the customer must be registered: commands are checked by the rules,
    reads here.

    With an `authenticator` each request must have a caller who has proved who they are. Then reads ask for the caller's
    credential again, at the snapshot of the documents, and the rules check it for commands.
    """

    def __init__(
        self,
        portal: PortalKind,
        cluster: ClusterClient,
        reader: CachedReader,
        authenticator: Authenticator | None = None,
        limits: AdmissionOptions | None = None,
        rates: CallerRates | None = None,
    ) -> None:
        self._names_customer = portal.names_customer
        self._cluster = cluster
        self._reader = reader
        self._authenticator = authenticator
        rates = rates or CallerRates()
        self._reads = AdmissionLimiter(limits, rates)
        self._writes = AdmissionLimiter(limits, rates)
        self.limiters: Final[Mapping[str, AdmissionLimiter]] = {"reads": self._reads, "writes": self._writes}
        """By what their calls do."""

    async def perform(
        self,
        operation: DocumentOperation,
        asked: Asked,
        request_id: str,
        timeout: float,
        caller: Caller | None = None,
        address: str = "",
    ) -> OperationAnswer | Refused:
        """Check, then do or answer what is asked, within `timeout` seconds; reads need no request id.

        `caller` is who asks, and may ask for the operation and the customer; None only where there is no authenticator.
        `address` is where the request came from, if the transport knows.
        A refusal names its field as the operation's callers know it. Raises Unavailable and Overloaded (nothing
        happened) and, for commands, OutcomeUnknown.
        """
        if wrong := self._check_given(caller):
            return wrong
        asker = _Asker(caller, limited_as(caller, getattr(asked, _CUSTOMER_ID, ""), address), timeout)
        self._limiter(operation).count(asker.limited, asyncio.get_running_loop().time())
        match asked:
            case GetDocument():
                return await self._get(asked, asker)
            case ListDocuments():
                return await self._list(asked, asker)
            case FindOrders():
                return await self._read_page(asked, asked.customer_id, [], asker)
        if not isinstance(operation, WriteOperation):
            raise InternalError(f"{operation.name} was asked with a {type(asked).__name__}")
        answer = await self._execute(operation, asked, request_id, asker)
        return operation.name_field(answer) if isinstance(answer, Refused) else answer

    def refusal(self, operation: DocumentOperation, customer_id: str, caller: Caller | None = None) -> Overloaded:
        """Give what a request is refused with that its transport has no room or no time for; nothing happened."""
        limited = limited_as(caller, customer_id, "")
        return self._limiter(operation).refusal(limited, asyncio.get_running_loop().time())

    def refuse_unread(
        self, operation: DocumentOperation, caller: Caller | None = None, customer_id: str = ""
    ) -> Overloaded | None:
        """Give what a request for the operation is refused with before it is read.

        It is refused if its caller would not be admitted, who has proved who it is, or is believed to be the customer;
        and where neither is known, if nobody would be admitted.
        """
        limited = limited_as(caller, customer_id, "") if caller is not None or customer_id else ""
        return self._limiter(operation).refuse_unread(asyncio.get_running_loop().time(), limited)

    def _limiter(self, operation: DocumentOperation) -> AdmissionLimiter:
        return self._writes if operation.writes else self._reads

    async def find(self, kind: Kind, document_id: str, timeout: float, caller: Caller | None = None) -> Document | None:
        """Read a document as it is now, of any customer, within `timeout` seconds; None where there is none.

        `document_id` is a valid id. `caller` is one of the staff; None only where there is no authenticator. Raises
        Unavailable and Overloaded, and Rejected where the caller is not known.
        """
        if wrong := self._check_given(caller):
            raise Rejected(wrong)
        proofs: tuple[Key, ...] = () if caller is None else (caller.key,)
        documents = (await self._reader.get((*proofs, (kind, document_id)), timeout)).documents
        if wrong := self._check_again(caller, documents[0]):
            raise Rejected(wrong)
        return documents[-1]

    async def check_watcher(
        self, customer_id: str, timeout: float, caller: Caller | None = None, address: str = ""
    ) -> int | Refused:
        """Check with the leader, within `timeout` seconds, that somebody is known who watches, as staff or a customer.

        Give the revision as of which that is so: it holds every write that was acknowledged before. Arguments and
        errors are as of `perform`.
        """
        if wrong := self._check_given(caller):
            return wrong
        asker = _Asker(caller, limited_as(caller, customer_id, address), timeout)
        self._reads.count(asker.limited, asyncio.get_running_loop().time())
        if self._names_customer and (wrong := check_id(_CUSTOMER_ID, customer_id)):
            return wrong
        keys = (*asker.keys, *self._customer_key(customer_id))
        result = await _admitted(self._reads, asker, self._reader.get(keys, timeout))
        if wrong := self._check_again(caller, result.documents[0] if caller is not None else None):
            return wrong
        if None in result.documents[len(asker.keys) :]:
            return refusals.customer_not_found(customer_id)
        return result.revision

    async def _execute(
        self, operation: WriteOperation, command: Command, request_id: str, asker: _Asker
    ) -> OperationAnswer | Refused:
        caller = asker.caller
        scope = self._scope_of(command, caller)
        if isinstance(scope, Refused):
            return scope
        principal = None if caller is None else caller.principal
        request = Request(scope, request_id, command, principal, time.time_ns() // _NANOSECONDS_PER_MILLISECOND)
        if wrong := check_for_any_level(request):
            return wrong
        executed = await _admitted(self._writes, asker, self._cluster.execute(request, asker.timeout))
        outcome = executed.outcome
        if isinstance(outcome, Refused):
            if outcome.reason is Reason.CREDENTIAL_REVOKED and self._authenticator is not None and caller is not None:
                self._authenticator.forget(caller)
            return outcome
        if wrong := self._check_secret(command, outcome.document, executed.revision):
            return wrong
        self._record(operation, command, outcome.document, executed.revision)
        documents = () if outcome.document is None else (outcome.document,)
        return OperationAnswer(executed.revision, documents, "", outcome.orders_affected, request_id)

    def _scope_of(self, command: Command, caller: Caller | None) -> str | Refused:
        """Give the scope of the command's request id, or refuse who has none."""
        if not self._names_customer:
            return ADMINISTRATORS
        if hasattr(command, _CUSTOMER_ID):
            # Checked before the rules do, so that a refusal names the field as the caller knows it.
            customer_id: str = getattr(command, _CUSTOMER_ID)
            return check_id(_CUSTOMER_ID, customer_id) or customer_id
        if caller is None:  # about the caller's own credential
            return unauthenticated(AuthenticationProblem.MISSING)
        return caller.credential.customer_id

    def _check_secret(self, command: Command, left: Document | None, revision: int) -> Refused | None:
        """Refuse a holder whose earlier request of the same id has set another secret than this one would.

        The rules take a new secret for something that a portal has chosen. At the client portal its holder has.
        """
        if not (self._names_customer and isinstance(command, RotateCredential) and isinstance(left, Credential)):
            return None
        return None if left.secret_hash == command.secret_hash else refusals.request_id_reused(revision)

    def _record(self, operation: WriteOperation, command: Command, left: Document | None, revision: int) -> None:
        """Tell the cache what the command left: a document, or its absence."""
        changed: Document | Key | None = left
        if operation.removes:
            changed = (operation.kind, getattr(command, id_field(operation.kind)))
        if changed is None:
            raise InternalError(f"{type(command).__name__} was answered without a document")
        self._reader.record_write(changed, revision)

    async def _get(self, query: GetDocument, asker: _Asker) -> OperationAnswer | Refused:
        wrong = check_id(_CUSTOMER_ID, query.customer_id) if self._names_customer else None
        if wrong := wrong or check_id(id_field(query.kind), query.document_id):
            return wrong
        caller = asker.caller
        keys = (*asker.keys, *self._customer_key(query.customer_id), (query.kind, query.document_id))
        # What memory answers waits for nothing, so it needs no place.
        from_memory = query.cached and not query.include_closed
        result = self._reader.serve(keys, query.min_revision) if from_memory else None
        if result is None or not (caller is None or caller.holds(result.documents[0])):
            reading = (self._read_with_closed if query.include_closed else self._reader.get)(keys, asker.timeout)
            result = await _admitted(self._reads, asker, reading)
        if wrong := self._check_again(caller, result.documents[0]):
            return wrong
        if wrong := check_min_revision(query, result.revision):
            return wrong
        *customers, document = result.documents[len(asker.keys) :]
        if None in customers:
            return refusals.customer_not_found(query.customer_id)
        if document is None or not self._may_see(query, document):
            return _NOT_FOUND[query.kind](query.document_id)
        return OperationAnswer(result.revision, (document,))

    async def _read_with_closed(self, keys: Sequence[Key], timeout: float) -> ReadResult:
        """Read documents, an order also where it is closed: the leader alone knows those."""
        asked = [Get(*key, include_closed=key[0] is Kind.ORDER) for key in keys]
        answer = await self._cluster.read(asked, timeout)
        for result in answer.results:
            if isinstance(result, Refused):
                raise Rejected(result, answer.revision)
        return ReadResult(answer.revision, tuple(getattr(result, "document", None) for result in answer.results))

    async def _list(self, query: ListDocuments, asker: _Asker) -> OperationAnswer | Refused:
        customer_id = query.customer_id
        names_customer = self._names_customer or customer_id != ""
        if names_customer and (wrong := check_id(_CUSTOMER_ID, customer_id)):
            return wrong
        owner = customer_id if query.kind in _LISTED_BY_CUSTOMER else ""
        page = List(query.kind, owner, query.page_size, query.page_token, query.states, query.filter)
        asked = [Get(Kind.CUSTOMER, customer_id)] if names_customer else []
        return await self._read_page(page, customer_id, asked, asker)

    async def _read_page(
        self, page: List | FindOrders, customer_id: str, asked: Sequence[Get], asker: _Asker
    ) -> OperationAnswer | Refused:
        """Read a page, and before it whatever must be there: the customer, in `asked`, and who asks."""
        reading = self._read_with(page, (*(Get(*key) for key in asker.keys), *asked), asker.timeout)
        *results, found = await _admitted(self._reads, asker, reading)
        if asker.caller is not None and (
            wrong := self._check_again(asker.caller, getattr(results.pop(0), "document", None))
        ):
            return wrong
        for result in (*results, found):
            match result:
                case Refused():
                    return result
                case Absent():
                    return refusals.customer_not_found(customer_id)
                case Page():
                    return OperationAnswer(result.revision, result.documents, result.next_page_token)
                case _:  # the customer is there
                    continue
        raise InternalError("a list was answered without a page")

    async def _read_with(self, page: List | FindOrders, asked: Sequence[Get], timeout: float) -> Sequence[Result]:
        """Read who asks, then the page: at one snapshot, or apart where the list began earlier."""
        if not asked or not page.page_token:
            return (await self._cluster.read((*asked, page), timeout)).results
        answers = await asyncio.gather(self._cluster.read(asked, timeout), self._cluster.read((page,), timeout))
        return [result for answer in answers for result in answer.results]

    def _check_given(self, caller: Caller | None) -> Refused | None:
        """Refuse a call without a caller, where there must be one."""
        missing = self._authenticator is not None and caller is None
        return unauthenticated(AuthenticationProblem.MISSING) if missing else None

    def _check_again(self, caller: Caller | None, document: Document | None) -> Refused | None:
        """Refuse a caller whose credential, as the read has found it, is not what it was."""
        if caller is None or self._authenticator is None:
            return None
        return self._authenticator.check_again(caller, document)

    def _customer_key(self, customer_id: str) -> tuple[Key, ...]:
        """Give the key of the customer who must be registered, where the portal's requests name one."""
        return ((Kind.CUSTOMER, customer_id),) if self._names_customer else ()

    def _may_see(self, query: GetDocument, document: Document) -> bool:
        """Tell whether who asks may know of the document: nobody learns of another customer's orders."""
        return not (self._names_customer and isinstance(document, Order)) or document.customer_id == query.customer_id


def limited_as(caller: Caller | None, customer_id: str, address: str) -> str:
    """Name the caller by which the limiters count: who has proved it, or whoever it says it is, by its address."""
    return f"{customer_id}@{address}" if caller is None else caller.credential.credential_id


async def _admitted(limiter: AdmissionLimiter, asker: _Asker, work: Coroutine[Any, Any, T]) -> T:
    """Do the work if there is a place for it; Overloaded otherwise, always with the time after which to try again."""
    clock = asyncio.get_running_loop().time
    try:
        place = limiter.admit(asker.limited, asker.timeout, clock())
    except Overloaded:
        work.close()
        raise
    answered = False
    try:
        result = await work
        answered = True
    except Overloaded as error:  # of the cluster's client or of a replica, which do not know the callers' turns
        error.retry_after = error.retry_after or limiter.refusal(asker.limited, clock()).retry_after
        raise
    finally:
        limiter.leave(place, clock(), answered=answered)
    return result
