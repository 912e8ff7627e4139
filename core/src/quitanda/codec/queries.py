"""What the portals' callers may ask to see: one document, or one page of a list; as messages and as JSON objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Final

from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.json_fields import FieldReader
from quitanda.codec.numbers import INT64_MAX
from quitanda.domain.field_types import NumberRule
from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, TIMESTAMP_MS_MAX
from quitanda.domain.model import Kind, OrderState
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.value_checks import check_id, check_number
from quitanda.v1.documents_pb2 import CONSISTENCY_CACHED, CONSISTENCY_LINEARIZABLE, Consistency

CACHED: Final = "cached"
LINEARIZABLE: Final = "linearizable"
"""How fresh an answer must be, as JSON objects say it."""

STATES: Final = "states"
"""The field that names the states of the orders to be listed."""

_CONSISTENCIES: Final[Mapping[str | None, bool]] = {None: False, LINEARIZABLE: False, CACHED: True}
_CONSISTENCY_NUMBERS: Final = frozenset(Consistency.values())
_FOUND_TIMES: Final = ("created_from_ms", "created_before_ms")
_VALUE_LENGTH_SHOWN: Final = 40
_UINT64_MAX: Final = 2**64 - 1
_INT32_MAX: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class GetDocument:
    """One document; `customer_id` is the customer who asks, and empty for administrators.

    `cached` allows an answer that is as old as the staleness bound, but never older than `min_revision`;
    otherwise it contains every write that was acknowledged before the read began. With `include_closed` an order is
    shown also where it is closed; such an answer is never from memory.
    """

    kind: Kind
    document_id: str
    customer_id: str = ""
    cached: bool = False
    min_revision: int = 0
    include_closed: bool = False


@dataclass(frozen=True, slots=True)
class ListDocuments:
    """One page of a list; `customer_id` is the customer who asks, whose orders they are if it is a list of orders.

    Where an administrator asks for credentials, they are those of `customer_id`, and without one those of staff.
    `states` (values of OrderState, each once, in their order) says which orders are listed; empty: the live ones.
    """

    kind: Kind
    customer_id: str = ""
    page_size: int = PAGE_SIZE_DEFAULT
    page_token: str = ""
    states: tuple[str, ...] = ()
    filter: DocumentFilter | None = None
    """Of customers or products, which of them; None: all."""


@dataclass(frozen=True, slots=True)
class FindOrders:
    """One page of the orders of all customers, live and closed, that are as asked for; empty and 0 ask for nothing.

    `states` as in ListDocuments, but without any of them orders in all states are wanted. An order is made at the time
    that its id names (`portal.ids.IdGenerator.order`), and if it has another id, at its `created_at_ms`: wanted are
    those that were made at `created_from_ms` or later, and before `created_before_ms`, in milliseconds since
    1970-01-01T00:00Z.
    """

    kind: ClassVar = Kind.ORDER

    states: tuple[str, ...] = ()
    customer_id: str = ""
    product_id: str = ""
    created_from_ms: int = 0
    created_before_ms: int = 0
    newest_first: bool = False
    page_size: int = PAGE_SIZE_DEFAULT
    page_token: str = ""


def id_field(kind: Kind) -> str:
    """Name the field that holds the id of a document of this kind."""
    return f"{kind.value}_id"


def get_from_message(kind: Kind, message: Any, customer_id: str) -> GetDocument | Refused:
    """Read the request to see one document."""
    if message.consistency not in _CONSISTENCY_NUMBERS:
        return invalid("consistency", Problem.UNKNOWN_VALUE, value=message.consistency)
    return GetDocument(
        kind,
        getattr(message, id_field(kind)),
        customer_id,
        cached=message.consistency == CONSISTENCY_CACHED,
        min_revision=message.min_revision,
        include_closed=kind is Kind.ORDER and message.include_closed,
    )


def list_from_message(kind: Kind, message: Any, customer_id: str) -> ListDocuments | Refused:
    """Read the request to see one page of a list."""
    page_size = page_size_or_refused(message.page_size)
    if isinstance(page_size, Refused):
        return page_size
    states = wanted_states(message.states if kind is Kind.ORDER else ())
    if isinstance(states, Refused):
        return states
    return ListDocuments(kind, customer_id, page_size, message.page_token, states)


def find_from_message(message: Any) -> FindOrders | Refused:
    """Read the request to see one page of found orders."""
    states, page_size = wanted_states(message.states), page_size_or_refused(message.page_size)
    if isinstance(states, Refused):
        return states
    if isinstance(page_size, Refused):
        return page_size
    query = FindOrders(**{each.name: getattr(message, each.name) for each in fields(FindOrders)})
    return _check_found(query) or replace(query, states=states, page_size=page_size)


def get_from_object(kind: Kind, fields: Mapping[str, Any], customer_id: str) -> GetDocument | Refused:
    """Read {"…_id", "consistency"?, "min_revision"?}, and of an order {"include_closed"?}."""
    reader = FieldReader(dict(fields))
    document_id = reader.text(id_field(kind))
    consistency = reader.optional_text("consistency")
    min_revision = reader.optional_integer("min_revision") or 0
    closed = kind is Kind.ORDER and reader.flag("include_closed")
    if reader.refusal is None and consistency not in _CONSISTENCIES:
        return invalid("consistency", Problem.UNKNOWN_VALUE, value=str(consistency)[:_VALUE_LENGTH_SHOWN])
    if reader.refusal is None and min_revision < 0:
        return invalid("min_revision", Problem.NEGATIVE, value=min_revision)
    cached = _CONSISTENCIES.get(consistency, False)
    return reader.finish(
        GetDocument(kind, document_id, customer_id, cached=cached, min_revision=min_revision, include_closed=closed)
    )


def list_from_object(kind: Kind, fields: Mapping[str, Any], customer_id: str) -> ListDocuments | Refused:
    """Read {"page_size"?, "page_token"?}, and of orders {"states"?}."""
    reader = FieldReader(dict(fields))
    page_size = page_size_or_refused(reader.optional_integer("page_size", PAGE_SIZE_MAX) or 0)
    page_token = reader.optional_text("page_token") or ""
    states = wanted_states(reader.texts(STATES, len(OrderState)) if kind is Kind.ORDER else ())
    for value in (page_size, states):
        if reader.refusal is None and isinstance(value, Refused):
            return value
    size, wanted = (page_size, states) if isinstance(page_size, int) and isinstance(states, tuple) else (0, ())
    return reader.finish(ListDocuments(kind, customer_id, size, page_token, wanted))


def get_to_fields(query: GetDocument) -> dict[str, Any]:
    """Write the request to see one document as a JSON object."""
    consistency = CACHED if query.cached else LINEARIZABLE
    asked = {id_field(query.kind): query.document_id, "consistency": consistency, "min_revision": query.min_revision}
    return asked | ({"include_closed": True} if query.include_closed else {})


def list_to_fields(query: ListDocuments) -> dict[str, Any]:
    """Write the request to see one page of a list, as a message's fields or as a JSON object."""
    return {"page_size": query.page_size, "page_token": query.page_token} | (
        {STATES: list(query.states)} if query.states else {}
    )


def find_to_message_fields(query: FindOrders) -> dict[str, Any] | Refused:
    """Write the request to see found orders as a message's fields; Refused where no message can hold a number."""
    for name in _FOUND_TIMES:
        if abs(getattr(query, name)) > INT64_MAX:
            return _out_of_range(name, getattr(query, name), TIMESTAMP_MS_MAX)
    if abs(query.page_size) > _INT32_MAX:
        return _out_of_range("page_size", query.page_size, PAGE_SIZE_MAX)
    return {each.name: getattr(query, each.name) for each in fields(query)}


def get_to_message_fields(query: GetDocument) -> dict[str, Any] | Refused:
    """Write the request to see one document as a message's fields; Refused where no message can hold a number."""
    if not 0 <= query.min_revision <= _UINT64_MAX:
        return _out_of_range("min_revision", query.min_revision, INT64_MAX)
    return get_to_fields(query) | {"consistency": CONSISTENCY_CACHED if query.cached else CONSISTENCY_LINEARIZABLE}


def list_to_message_fields(query: ListDocuments) -> dict[str, Any] | Refused:
    """Write the request to see one page as a message's fields; Refused where no message can hold a number."""
    if abs(query.page_size) > _INT32_MAX:
        return _out_of_range("page_size", query.page_size, PAGE_SIZE_MAX)
    return list_to_fields(query)


def wanted_states(names: Sequence[str]) -> tuple[str, ...] | Refused:
    """Check the names of order states, and give each once, in the order of OrderState."""
    if len(names) > len(OrderState):
        return invalid(STATES, Problem.TOO_MANY, limit=len(OrderState), length=len(names))
    known = [state.value for state in OrderState]
    for index, name in enumerate(names):
        if name not in known:
            return invalid(f"{STATES}[{index}]", Problem.UNKNOWN_VALUE, value=name[:_VALUE_LENGTH_SHOWN])
    return tuple(state for state in known if state in names)


def _check_found(query: FindOrders) -> Refused | None:
    """Say what is wrong with the ids and the times that an order is asked for by."""
    for name in (id_field(Kind.CUSTOMER), id_field(Kind.PRODUCT)):
        if getattr(query, name) and (wrong := check_id(name, getattr(query, name))):
            return wrong
    for name in _FOUND_TIMES:
        if wrong := check_number(name, getattr(query, name), NumberRule(TIMESTAMP_MS_MAX)):
            return wrong
    if 0 < query.created_before_ms <= query.created_from_ms:
        return invalid("created_before_ms", Problem.EMPTY_RANGE, begin="created_from_ms")
    return None


def check_min_revision(read: GetDocument, revision: int) -> Refused | None:
    """Refuse an answer (as of `revision`) that is older than asked for.

    The answer holds every write that was acknowledged before the read began. So the shop has never had the revision
    that the caller names, or had it before its data were replaced.
    """
    if read.min_revision <= revision:
        return None
    return invalid("min_revision", Problem.TOO_LARGE, limit=revision, value=read.min_revision)


def page_size_or_refused(page_size: int) -> int | Refused:
    """Check a page's size; 0 stands for the default."""
    if page_size < 0:
        return invalid("page_size", Problem.NEGATIVE, value=page_size)
    if page_size > PAGE_SIZE_MAX:
        return invalid("page_size", Problem.TOO_LARGE, limit=PAGE_SIZE_MAX, value=page_size)
    return page_size or PAGE_SIZE_DEFAULT


def _out_of_range(field: str, value: int, limit: int) -> Refused:
    return invalid(field, Problem.NEGATIVE, limit=0) if value < 0 else invalid(field, Problem.TOO_LARGE, limit=limit)
