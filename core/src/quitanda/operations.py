"""The one table of operations: everything that an administrator or a customer can ask of a portal.

An operation is one method of a portal's gRPC service and, at the client portal, one MQTT topic. `OPERATIONS` has a
row for each. gRPC handlers, MQTT requests, metric labels, names in the access log, the clients and the tables of the
documents follow from the rows; nothing else lists operations. There are nine kinds of rows:

    WriteOperation    carries a command (`domain.commands`) that goes through the log
    GetOperation      shows one document
    ListOperation     shows one page of documents; a FindOrdersOperation one of orders that are as asked for
    WatchOperation    tells what changes, for as long as its caller listens
    FindOperation     shows one page of the documents that pass a filter
    ClusterOperation  is about the cluster or histories (status, backup, …); its messages are the portal's own business
    WebhookOperation  carries a command about webhooks, or shows them; only the admin portal has them
    CertificateOperation  gives a customer a certificate for the broker; its messages are the portal's own business
    PasswordOperation  sets a password, or begins a session with one; its messages are the portal's own business

What a row does, in the order in which a request meets it (the client's side on the left, the portal's on the right):

    to_message(asked, request_id)   gRPC request      from_message(message, generated)
    to_fields(asked)                JSON object       from_fields(customer_id, fields, generated)
    read_response(message)          gRPC response     response(answer)
    read_reply(result, revision)    `result` in JSON  reply(answer)

`asked` is a command, a `SetOrderItem`, a `GetDocument`, a `ListDocuments` or a `FindOrders`. The reading functions
return a Refused where a field is wrong. `generated` holds the values of `generated_fields`: what the portal chooses and
the caller may not (the id and the time of a new order).

How an answer becomes a response message. A `OperationAnswer` fills these fields, each where the message has it:

    revision         the log index that the answer shows
    request_id       of a write: its own id, or the one that the portal chose
    next_page_token  of a list
    `result_field`   the document (`customer`, `product`, `order`) or the page (`customers`, `products`, `orders`)
    `count_field`    of a deletion: how many orders it cancelled (`orders_cancelled`) or changed (`orders_changed`)

    token            of a write that makes a credential or gives it a new secret, where its holder learns it so

`roles` says which callers may ask for the operation, where callers must prove who they are. For a command the table is
the rules' own (`domain.permissions`), since they check it once more when the command is decided. What is only shown has
its roles in the row.

A page of a list of orders shows an `OrderSummary` for each. Over MQTT, the reply's `result` is the document, or
{`result_field`: […], "next_page_token"}; revision and request id stand beside it.

A new operation is one row here, besides its command, its rule and its messages: see CONTRIBUTING.md.
"""

from collections.abc import Mapping
from typing import Final

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CancelOrderItems,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ImportOrder,
    PlaceOrder,
    ReturnOrder,
    RevokeCredential,
    RotateCredential,
    SetOrderDeadline,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import CallerRole, Kind
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RepeatDeadLetters,
    RotateWebhookSecret,
    SendTestEvent,
    UpdateWebhook,
)
from quitanda.operation_commands import (
    RotateOwnCredential,
    SetOrderItem,
    SetOwnOrderDeadline,
    WebhookOperation,
    WriteOperation,
)
from quitanda.operation_queries import FindOperation, FindOrdersOperation, GetOperation, ListOperation, WatchOperation
from quitanda.operation_rows import (
    ADMINISTRATOR,
    ADMINISTRATORS_AND_READERS,
    EVERY_ROLE_OF_STAFF,
    STAFF,
    STAFF_AND_CUSTOMERS,
    TOKEN_FIELD,
    Asked,
    CertificateOperation,
    ClusterOperation,
    DocumentOperation,
    Operation,
    OperationAnswer,
    PasswordOperation,
    PortalKind,
)

__all__ = [
    "OPERATIONS",
    "TOKEN_FIELD",
    "Asked",
    "CertificateOperation",
    "ClusterOperation",
    "DocumentOperation",
    "FindOperation",
    "FindOrdersOperation",
    "GetOperation",
    "ListOperation",
    "Operation",
    "OperationAnswer",
    "PasswordOperation",
    "PortalKind",
    "RotateOwnCredential",
    "SetOrderItem",
    "SetOwnOrderDeadline",
    "WatchOperation",
    "WebhookOperation",
    "WriteOperation",
    "document_operations_of",
    "operations_of",
]

_ADMIN: Final = PortalKind.ADMIN
_CLIENT: Final = PortalKind.CLIENT

OPERATIONS: Final[tuple[Operation, ...]] = (
    WriteOperation("create_customer", _ADMIN, Kind.CUSTOMER, CreateCustomer),
    GetOperation("get_customer", _ADMIN, Kind.CUSTOMER),
    WriteOperation("update_customer", _ADMIN, Kind.CUSTOMER, UpdateCustomer),
    WriteOperation("delete_customer", _ADMIN, Kind.CUSTOMER, DeleteCustomer, removes=True, counts="orders_cancelled"),
    ListOperation("list_customers", _ADMIN, Kind.CUSTOMER),
    FindOperation("find_customers", _ADMIN, Kind.CUSTOMER),
    WriteOperation("create_product", _ADMIN, Kind.PRODUCT, CreateProduct),
    GetOperation("get_product", _ADMIN, Kind.PRODUCT),
    WriteOperation("update_product", _ADMIN, Kind.PRODUCT, UpdateProduct),
    WriteOperation("delete_product", _ADMIN, Kind.PRODUCT, DeleteProduct, removes=True, counts="orders_changed"),
    ListOperation("list_products", _ADMIN, Kind.PRODUCT),
    FindOperation("find_products", _ADMIN, Kind.PRODUCT),
    WriteOperation("adjust_stock", _ADMIN, Kind.PRODUCT, AdjustStock),
    GetOperation("get_order", _ADMIN, Kind.ORDER),
    FindOrdersOperation("find_orders", _ADMIN, Kind.ORDER),
    WriteOperation("fulfil_order", _ADMIN, Kind.ORDER, FulfilOrder),
    WriteOperation("return_order", _ADMIN, Kind.ORDER, ReturnOrder),
    WriteOperation("cancel_order_items", _ADMIN, Kind.ORDER, CancelOrderItems),
    WriteOperation("set_order_deadline", _ADMIN, Kind.ORDER, SetOrderDeadline),
    WriteOperation("import_order", _ADMIN, Kind.ORDER, ImportOrder),
    ClusterOperation("list_history", _ADMIN, ADMINISTRATORS_AND_READERS),
    WatchOperation("watch", _ADMIN),
    ClusterOperation("get_cluster_status", _ADMIN, EVERY_ROLE_OF_STAFF, without_leader=True),
    ClusterOperation("transfer_leadership", _ADMIN),
    ClusterOperation("backup_cluster", _ADMIN, answers_with_stream=True),
    ClusterOperation("verify_cluster", _ADMIN, without_leader=True),
    ClusterOperation("raise_level", _ADMIN),
    WriteOperation("create_credential", _ADMIN, Kind.CREDENTIAL, CreateCredential),
    ListOperation("list_credentials", _ADMIN, Kind.CREDENTIAL, ADMINISTRATOR, of_customer=True),
    WriteOperation("rotate_credential", _ADMIN, Kind.CREDENTIAL, RotateCredential),
    WriteOperation("revoke_credential", _ADMIN, Kind.CREDENTIAL, RevokeCredential, removes=True),
    PasswordOperation("set_password", _ADMIN, STAFF),
    PasswordOperation("sign_in", _ADMIN, frozenset(CallerRole), proved=False),
    WebhookOperation("create_webhook", _ADMIN, CreateWebhook),
    WebhookOperation("update_webhook", _ADMIN, UpdateWebhook),
    WebhookOperation("rotate_webhook_secret", _ADMIN, RotateWebhookSecret),
    WebhookOperation("delete_webhook", _ADMIN, DeleteWebhook),
    WebhookOperation("repeat_dead_letters", _ADMIN, RepeatDeadLetters),
    WebhookOperation("send_test_event", _ADMIN, SendTestEvent),
    WebhookOperation("list_webhooks", _ADMIN),
    WriteOperation("create_order", _CLIENT, Kind.ORDER, CreateOrder),
    WriteOperation("set_order_item", _CLIENT, Kind.ORDER, SetOrderItem, command=SetOrderItems),
    WriteOperation("set_order_items", _CLIENT, Kind.ORDER, SetOrderItems),
    GetOperation("get_order", _CLIENT, Kind.ORDER, STAFF_AND_CUSTOMERS),
    ListOperation("list_orders", _CLIENT, Kind.ORDER, STAFF_AND_CUSTOMERS),
    WriteOperation("cancel_order", _CLIENT, Kind.ORDER, CancelOrder, removes=True),
    WriteOperation("place_order", _CLIENT, Kind.ORDER, PlaceOrder),
    WriteOperation("set_order_deadline", _CLIENT, Kind.ORDER, SetOwnOrderDeadline, command=SetOrderDeadline),
    GetOperation("get_product", _CLIENT, Kind.PRODUCT, STAFF_AND_CUSTOMERS),
    ListOperation("list_products", _CLIENT, Kind.PRODUCT, STAFF_AND_CUSTOMERS),
    WatchOperation("watch", _CLIENT, STAFF_AND_CUSTOMERS),
    FindOperation("find_products", _CLIENT, Kind.PRODUCT, STAFF_AND_CUSTOMERS),
    WriteOperation("rotate_own_credential", _CLIENT, Kind.CREDENTIAL, RotateOwnCredential, command=RotateCredential),
    PasswordOperation("set_password", _CLIENT, frozenset({CallerRole.CUSTOMER})),
    PasswordOperation("sign_in", _CLIENT, frozenset(CallerRole), proved=False),
    CertificateOperation("issue_certificate", _CLIENT),
)
"""Every operation of both portals, in the order of the contracts."""


def operations_of(portal: PortalKind) -> Mapping[str, Operation]:
    """Give a portal's operations by name."""
    return _BY_PORTAL[portal]


def document_operations_of(portal: PortalKind) -> Mapping[str, DocumentOperation]:
    """Give a portal's operations about documents by name; over MQTT, customers have these."""
    return {name: each for name, each in _BY_PORTAL[portal].items() if isinstance(each, DocumentOperation)}


_BY_PORTAL: Final = {portal: {each.name: each for each in OPERATIONS if each.portal is portal} for portal in PortalKind}
