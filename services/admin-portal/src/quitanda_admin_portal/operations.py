"""What administrators can do, apart from the messages in which they ask for it.

A refusal is a value; what goes wrong on the way to the replicas is raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from quitanda.cache import Key, ReadResult
from quitanda.cluster_client import Executed, List, Page, ReadAnswer
from quitanda.cluster_client.values import ReadItem
from quitanda.codec.queries import GetDocument, ListDocuments, check_min_revision
from quitanda.domain import refusals
from quitanda.domain.commands import (
    AdjustStock,
    CreateCustomer,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    Request,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import Document, Kind
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.validation import check_id, check_request
from quitanda.errors import InternalError

SCOPE: Final = ""
"""Whose request ids these are: all administrators'."""

Command: TypeAlias = (
    CreateCustomer | UpdateCustomer | DeleteCustomer | CreateProduct | UpdateProduct | DeleteProduct | AdjustStock
)
Result = TypeVar("Result")


class Cluster(Protocol):
    """What operations need of a `quitanda.cluster_client.ClusterClient`."""

    async def execute(self, request: Request, timeout: float) -> Executed:
        """Have the request executed once."""

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        """Read everything at one snapshot."""


class Reader(Protocol):
    """What operations need of a `quitanda.cache.CachedReader`."""

    async def get(
        self, keys: Sequence[Key], timeout: float, *, cached: bool = False, min_revision: int = 0
    ) -> ReadResult:
        """Read documents, all at one snapshot."""

    def record_write(self, changed: Document | Key, revision: int) -> None:
        """Take over what a write told."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[Result]):
    """What was asked for, as of `revision` (a log index)."""

    revision: int
    result: Result


class Operations:
    """Performs what is asked, each within `timeout` seconds; holds no state of its own.

    All raise Unavailable and Overloaded (nothing happened); `execute` also OutcomeUnknown.
    """

    def __init__(self, cluster: Cluster, reader: Reader) -> None:
        self._cluster = cluster
        self._reader = reader

    async def execute(self, command: Command, request_id: str, timeout: float) -> Answered[Done] | Refused:
        """Have a command executed once; what it leaves is told to the cache."""
        request = Request(SCOPE, request_id, command)
        if wrong := check_request(request):
            return wrong
        executed = await self._cluster.execute(request, timeout)
        if isinstance(executed.outcome, Refused):
            return executed.outcome
        changed = _deleted(command) or executed.outcome.document
        if changed is None:
            raise InternalError(f"{type(command).__name__} was answered without a document")
        self._reader.record_write(changed, executed.revision)
        return Answered(executed.revision, executed.outcome)

    async def get_document(self, read: GetDocument, timeout: float) -> Answered[Document] | Refused:
        """Read a customer or a product."""
        if wrong := check_id(f"{read.kind}_id", read.document_id):
            return wrong
        answer = await self._reader.get(
            ((read.kind, read.document_id),), timeout, cached=read.cached, min_revision=read.min_revision
        )
        if wrong := check_min_revision(read, answer.revision):
            return wrong
        (document,) = answer.documents
        if document is None:
            return _not_found(read)
        return Answered(answer.revision, document)

    async def list_documents(self, read: ListDocuments, timeout: float) -> Answered[Page] | Refused:
        """Read one page of a list; all pages show the first one's snapshot."""
        answer = await self._cluster.read((List(read.kind, "", read.page_size, read.page_token),), timeout)
        match answer.results:
            case (Page() as page,):
                return Answered(page.revision, page)
            case (Refused() as refusal,):
                return refusal
            case _:
                raise InternalError("a list was answered without a page")


def _deleted(command: Command) -> Key | None:
    match command:
        case DeleteCustomer():
            return Kind.CUSTOMER, command.customer_id
        case DeleteProduct():
            return Kind.PRODUCT, command.product_id
        case _:
            return None


def _not_found(read: GetDocument) -> Refused:
    if read.kind is Kind.CUSTOMER:
        return refusals.customer_not_found(read.document_id)
    return refusals.product_not_found(read.document_id)
