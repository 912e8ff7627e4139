"""What a request changed, field by field: the records of which the history of a document consists.

A change has a number, which grows with every change of whatever document. Where the document exists afterwards, the
number is its version. A deletion takes a number, too, so the numbers of all changes are consecutive. In a record, each
change names the change of the same document before it: from the version of a document, its history can be followed
back without an index.

A record has the fields that changed, with their values before and after. It has none for a deletion: they stand in the
records before it, and a deletion does not keep for longer what somebody wanted to be gone. For the same reason the
values before are left out of what the deletion of a customer removes from her orders. The types of fields say which
are recorded; withheld ones (secrets and their hashes) never are. Of a product, whether it is low is recorded where that
changes: webhooks tell of it. Webhooks are recorded as documents are, where an administrator changes them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, get_args

from quitanda.domain.commands import CREDENTIALS_LEVEL, Command, Request, command_name
from quitanda.domain.compiled import difference_adder, fast_init, presence_adder
from quitanda.domain.field_types import Form, describe
from quitanda.domain.model import (
    NOBODY,
    Credential,
    Customer,
    CustomFields,
    Document,
    Kind,
    Order,
    OrderItem,
    Product,
    low_crossing,
    of_nobody,
)
from quitanda.domain.state import Change, Delete, Put, StateView, find_order
from quitanda.domain.webhook_model import Webhook, WebhookChange, WebhookRemoval

HISTORY_LEVEL: Final = CREDENTIALS_LEVEL
"""The level of rules from which on changes are recorded, and deletions take numbers."""

Recorded: TypeAlias = Document | Webhook
"""What has a history."""

Value: TypeAlias = str | int | bool | None
"""A field's value as the document has it, of a custom field its JSON text; None where the document lacks the field."""


@fast_init
@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's values before and after; of a field of an order's item, `product_id` is the item's product, else ""."""

    product_id: str
    name: str
    form: Form
    before: Value
    after: Value


@fast_init
@dataclass(frozen=True, slots=True)
class DocumentChange:
    """The change `number` of a document; `previous` is the number of its change before, or 0 where none is known."""

    number: int
    kind: Kind
    document_id: str
    previous: int
    deleted: bool
    fields: tuple[FieldChange, ...]


@fast_init
@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """What a request changed, in the order of the changes' numbers: documents that exist afterwards come first."""

    request: Request
    changes: tuple[DocumentChange, ...]

    @property
    def command(self) -> str:
        """The command's name, such as `set_order_items`."""
        return _NAMES[type(self.request.command)]

    @property
    def credential_id(self) -> str:
        """Who asked; "" where nobody had to prove who they are."""
        return "" if self.request.principal is None else self.request.principal.credential_id


def recorded(
    view: StateView,
    request: Request,
    changes: Sequence[Change],
    deletion_of: Callable[[Kind, str], int],
    webhooks: Sequence[WebhookChange] = (),
) -> ChangeRecord:
    """Make the record of what a request changed, which was decided on the state in `view`; it may be empty.

    `deletion_of` tells the number of the deletion of a document that does not exist; 0 where none is known. ValueError
    where the documents' versions are not the next ones.
    """
    put: list[Recorded] = [change.document for change in changes if type(change) is Put]
    put += [each for each in webhooks if type(each) is Webhook and each.version > view.last_version]
    gone = [(change.kind, change.document_id) for change in changes if type(change) is Delete]
    gone += [(Kind.WEBHOOK, each.webhook_id) for each in webhooks if type(each) is WebhookRemoval]
    made = [_put(view, each, deletion_of) for each in put]
    number = view.last_version
    for each in made:
        number += 1
        if each.number != number:
            message = f"{each.kind} {each.document_id} got version {each.number} instead of {number}"
            raise ValueError(message)
    for kind, document_id in gone:
        number += 1
        before = _FINDERS[kind](view, document_id)
        previous = 0 if before is None else before.version
        made.append(DocumentChange(number, kind, document_id, previous, deleted=True, fields=()))
    return ChangeRecord(request, tuple(made))


def _put(view: StateView, document: Recorded, deletion_of: Callable[[Kind, str], int]) -> DocumentChange:
    kind, id_name = _KINDS[type(document)]
    document_id = getattr(document, id_name)
    before = _FINDERS[kind](view, document_id)
    fields: list[FieldChange] = []
    if before is None:
        previous = deletion_of(kind, document_id)
        _add_present(document, "", fields)
    else:
        previous = before.version
        _add_changed(before, document, "", fields)
        if type(document) is Product and type(before) is Product:
            is_low = low_crossing(before, document)
            if is_low is not None:
                fields.append(FieldChange(document_id, "low", Form.FLAG, not is_low, is_low))
        if type(document) is Order and type(before) is Order and document.customer_id == NOBODY:
            fields = _without_owners(before, fields)
    return DocumentChange(document.version, kind, document_id, previous, deleted=False, fields=tuple(fields))


def _without_owners(before: Order, fields: Sequence[FieldChange]) -> list[FieldChange]:
    """Leave out what an order said of the customer who is deleted: whatever it lacks as an order of nobody."""
    lacking: list[FieldChange] = []
    _add_changed(before, of_nobody(before), "", lacking)
    names = dict.fromkeys((each.product_id, each.name, each.form) for each in lacking)
    hidden = [(each.product_id, each.name, each.form) in names for each in fields]
    return [replace(each, before=None) if hide else each for each, hide in zip(fields, hidden, strict=True)]


def _add_present(record: Any, product_id: str, fields: list[FieldChange]) -> None:
    """Add the fields of a document, or of an order's item, that is new."""
    _ADD_ALL[type(record)](record, product_id, fields)
    extra = record.extra if hasattr(record, _EXTRA) else ()
    fields.extend(FieldChange(product_id, name, Form.CUSTOM_FIELDS, None, text) for name, text in extra)
    for item in record.items if type(record) is Order else ():
        _add_present(item, item.product_id, fields)


def _add_changed(before: Any, after: Any, product_id: str, fields: list[FieldChange]) -> None:
    """Add the fields in which two versions of a document, or of an order's item, differ."""
    kind = type(after)
    _ADD_DIFFERENT[kind](before, after, product_id, fields)
    if kind in _WITH_EXTRA and before.extra != after.extra:
        _add_changed_extra(before.extra, after.extra, product_id, fields)
    if kind is Order and before.items != after.items:
        _add_changed_items(before.items, after.items, fields)


def _add_changed_extra(before: CustomFields, after: CustomFields, product_id: str, fields: list[FieldChange]) -> None:
    old, new = dict(before), dict(after)
    names = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
    fields.extend(FieldChange(product_id, name, Form.CUSTOM_FIELDS, old.get(name), new.get(name)) for name in names)


def _add_changed_items(before: Sequence[OrderItem], after: Sequence[OrderItem], fields: list[FieldChange]) -> None:
    """Add what differs between the items of two versions of an order; of an item that is gone, all its fields."""
    left = {item.product_id: item for item in before}
    for item in after:
        was = left.pop(item.product_id, None)
        if was is None:
            _add_present(item, item.product_id, fields)
        elif was is not item:
            _add_changed(was, item, item.product_id, fields)
    removed: list[FieldChange] = []
    for gone in left.values():
        _add_present(gone, gone.product_id, removed)
    fields.extend(FieldChange(each.product_id, each.name, each.form, each.after, None) for each in removed)


def _recorded_fields(record: type) -> dict[str, Form]:
    """Name the fields of a document, or of an order's item, that are recorded as they are, with their forms.

    The own id and the version are left out, as the change names both; custom fields and items have functions of their
    own.
    """
    _, *others = describe(record)
    kept = [each for each in others if each.form not in _APART and each.recorded and each.name != _VERSION]
    return {each.name: each.form for each in kept}


def _later_defaults(record: type) -> dict[str, Any]:
    """Give the defaults of the fields that came after histories: where a field has its default it is not recorded.

    A version that has never heard of the field does not record it, and both must keep the same bytes.
    """
    return {each.name: each.default for each in describe(record) if each.since > HISTORY_LEVEL}


_EXTRA: Final = "extra"
_VERSION: Final = "version"
_APART: Final = (Form.CUSTOM_FIELDS, Form.LIST)
_WITH_EXTRA: Final = (Customer, Product, Order, OrderItem)
_FINDERS: Final[Mapping[Kind, Callable[[StateView, str], Recorded | None]]] = {
    Kind.CUSTOMER: lambda view, document_id: view.customer(document_id),
    Kind.PRODUCT: lambda view, document_id: view.product(document_id),
    Kind.ORDER: find_order,
    Kind.CREDENTIAL: lambda view, document_id: view.credential(document_id),
    Kind.WEBHOOK: lambda view, document_id: view.webhook(document_id),
}
_KINDS: Final[Mapping[type[Any], tuple[Kind, str]]] = {
    record: (kind, f"{kind.value}_id")
    for kind, record in (
        (Kind.CUSTOMER, Customer),
        (Kind.PRODUCT, Product),
        (Kind.ORDER, Order),
        (Kind.CREDENTIAL, Credential),
        (Kind.WEBHOOK, Webhook),
    )
}
_RECORDED: Final = {record: _recorded_fields(record) for record in (*_KINDS, OrderItem)}
_ADD_ALL: Final = {
    record: presence_adder(FieldChange, fields, _later_defaults(record)) for record, fields in _RECORDED.items()
}
_ADD_DIFFERENT: Final = {record: difference_adder(FieldChange, fields) for record, fields in _RECORDED.items()}
_NAMES: Final = {command: command_name(command) for command in get_args(Command)}
