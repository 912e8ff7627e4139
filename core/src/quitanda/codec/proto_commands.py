"""Commands as Protocol Buffers: one pair of functions for each, and the table that finds them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message

from quitanda.codec.custom_fields import DOCUMENT_LEVEL, ITEM_LEVEL, extra_from_pairs
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    Command,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import CustomFields
from quitanda.domain.outcomes import Refused
from quitanda.v1 import replica_pb2 as pb


def _extra_to_proto(extra: CustomFields) -> list[pb.ExtraField]:
    return [pb.ExtraField(name=name, value_json=text) for name, text in extra]


def _extra_from_proto(
    fields: Iterable[pb.ExtraField], field: str = "extra", level: int = DOCUMENT_LEVEL
) -> CustomFields | Refused:
    return extra_from_pairs(((each.name, each.value_json) for each in fields), field, level)


def _items_to_proto(items: Iterable[ItemQuantity]) -> list[pb.CommandItem]:
    return [
        pb.CommandItem(product_id=item.product_id, quantity=item.quantity, extra=_extra_to_proto(item.extra))
        for item in items
    ]


def _items_from_proto(items: Iterable[pb.CommandItem]) -> tuple[ItemQuantity, ...] | Refused:
    read: list[ItemQuantity] = []
    for index, item in enumerate(items):
        extra = _extra_from_proto(item.extra, f"items[{index}].extra", ITEM_LEVEL)
        if isinstance(extra, Refused):
            return extra
        read.append(ItemQuantity(item.product_id, item.quantity, extra))
    return tuple(read)


def optional(message: Message, field: str) -> Any:
    """Give the value of an optional field, or None where it is not set."""
    return getattr(message, field) if message.HasField(field) else None


def _create_customer_to_proto(command: CreateCustomer) -> pb.CreateCustomerCommand:
    return pb.CreateCustomerCommand(
        customer_id=command.customer_id, name=command.name, extra=_extra_to_proto(command.extra)
    )


def _create_customer_from_proto(message: pb.CreateCustomerCommand) -> CreateCustomer | Refused:
    extra = _extra_from_proto(message.extra)
    if isinstance(extra, Refused):
        return extra
    return CreateCustomer(message.customer_id, message.name, extra)


def _update_customer_to_proto(command: UpdateCustomer) -> pb.UpdateCustomerCommand:
    return pb.UpdateCustomerCommand(
        customer_id=command.customer_id,
        name=command.name,
        extra=_extra_to_proto(command.extra),
        expected_version=command.expected_version,
    )


def _update_customer_from_proto(message: pb.UpdateCustomerCommand) -> UpdateCustomer | Refused:
    extra = _extra_from_proto(message.extra)
    if isinstance(extra, Refused):
        return extra
    return UpdateCustomer(
        message.customer_id,
        name=optional(message, "name"),
        extra=extra,
        expected_version=optional(message, "expected_version"),
    )


def _delete_customer_to_proto(command: DeleteCustomer) -> pb.DeleteCustomerCommand:
    return pb.DeleteCustomerCommand(
        customer_id=command.customer_id, cascade=command.cascade, expected_version=command.expected_version
    )


def _delete_customer_from_proto(message: pb.DeleteCustomerCommand) -> DeleteCustomer:
    return DeleteCustomer(
        message.customer_id, cascade=message.cascade, expected_version=optional(message, "expected_version")
    )


def _create_product_to_proto(command: CreateProduct) -> pb.CreateProductCommand:
    return pb.CreateProductCommand(
        product_id=command.product_id,
        name=command.name,
        description=command.description,
        price=command.price,
        quantity=command.quantity,
        extra=_extra_to_proto(command.extra),
    )


def _create_product_from_proto(message: pb.CreateProductCommand) -> CreateProduct | Refused:
    extra = _extra_from_proto(message.extra)
    if isinstance(extra, Refused):
        return extra
    return CreateProduct(
        message.product_id,
        message.name,
        price=message.price,
        quantity=message.quantity,
        description=message.description,
        extra=extra,
    )


def _update_product_to_proto(command: UpdateProduct) -> pb.UpdateProductCommand:
    return pb.UpdateProductCommand(
        product_id=command.product_id,
        name=command.name,
        description=command.description,
        price=command.price,
        quantity=command.quantity,
        extra=_extra_to_proto(command.extra),
        expected_version=command.expected_version,
    )


def _update_product_from_proto(message: pb.UpdateProductCommand) -> UpdateProduct | Refused:
    extra = _extra_from_proto(message.extra)
    if isinstance(extra, Refused):
        return extra
    return UpdateProduct(
        message.product_id,
        name=optional(message, "name"),
        description=optional(message, "description"),
        price=optional(message, "price"),
        quantity=optional(message, "quantity"),
        extra=extra,
        expected_version=optional(message, "expected_version"),
    )


def _delete_product_to_proto(command: DeleteProduct) -> pb.DeleteProductCommand:
    return pb.DeleteProductCommand(
        product_id=command.product_id, cascade=command.cascade, expected_version=command.expected_version
    )


def _delete_product_from_proto(message: pb.DeleteProductCommand) -> DeleteProduct:
    return DeleteProduct(
        message.product_id, cascade=message.cascade, expected_version=optional(message, "expected_version")
    )


def _adjust_stock_to_proto(command: AdjustStock) -> pb.AdjustStockCommand:
    return pb.AdjustStockCommand(
        product_id=command.product_id, delta=command.delta, expected_version=command.expected_version
    )


def _adjust_stock_from_proto(message: pb.AdjustStockCommand) -> AdjustStock:
    return AdjustStock(message.product_id, message.delta, optional(message, "expected_version"))


def _create_order_to_proto(command: CreateOrder) -> pb.CreateOrderCommand:
    return pb.CreateOrderCommand(
        customer_id=command.customer_id,
        order_id=command.order_id,
        created_at_ms=command.created_at_ms,
        items=_items_to_proto(command.items),
        extra=_extra_to_proto(command.extra),
    )


def _create_order_from_proto(message: pb.CreateOrderCommand) -> CreateOrder | Refused:
    items = _items_from_proto(message.items)
    if isinstance(items, Refused):
        return items
    extra = _extra_from_proto(message.extra)
    if isinstance(extra, Refused):
        return extra
    return CreateOrder(message.customer_id, message.order_id, message.created_at_ms, items, extra)


def _set_order_items_to_proto(command: SetOrderItems) -> pb.SetOrderItemsCommand:
    return pb.SetOrderItemsCommand(
        customer_id=command.customer_id,
        order_id=command.order_id,
        items=_items_to_proto(command.items),
        expected_version=command.expected_version,
        extra=_extra_to_proto(command.extra),
    )


def _set_order_items_from_proto(message: pb.SetOrderItemsCommand) -> SetOrderItems | Refused:
    items = _items_from_proto(message.items)
    if isinstance(items, Refused):
        return items
    extra = _extra_from_proto(message.extra)
    if isinstance(extra, Refused):
        return extra
    return SetOrderItems(message.customer_id, message.order_id, items, optional(message, "expected_version"), extra)


def _cancel_order_to_proto(command: CancelOrder) -> pb.CancelOrderCommand:
    return pb.CancelOrderCommand(
        customer_id=command.customer_id, order_id=command.order_id, expected_version=command.expected_version
    )


def _cancel_order_from_proto(message: pb.CancelOrderCommand) -> CancelOrder:
    return CancelOrder(message.customer_id, message.order_id, optional(message, "expected_version"))


_ToProto: TypeAlias = Callable[[Any], Message]
_FromProto: TypeAlias = Callable[[Any], Command | Refused]

_ROWS: Final[Sequence[tuple[type[Command], str, _ToProto, _FromProto]]] = (
    (CreateCustomer, "create_customer", _create_customer_to_proto, _create_customer_from_proto),
    (UpdateCustomer, "update_customer", _update_customer_to_proto, _update_customer_from_proto),
    (DeleteCustomer, "delete_customer", _delete_customer_to_proto, _delete_customer_from_proto),
    (CreateProduct, "create_product", _create_product_to_proto, _create_product_from_proto),
    (UpdateProduct, "update_product", _update_product_to_proto, _update_product_from_proto),
    (DeleteProduct, "delete_product", _delete_product_to_proto, _delete_product_from_proto),
    (AdjustStock, "adjust_stock", _adjust_stock_to_proto, _adjust_stock_from_proto),
    (CreateOrder, "create_order", _create_order_to_proto, _create_order_from_proto),
    (SetOrderItems, "set_order_items", _set_order_items_to_proto, _set_order_items_from_proto),
    (CancelOrder, "cancel_order", _cancel_order_to_proto, _cancel_order_from_proto),
)

COMMAND_FIELDS: Final[dict[type[Command], tuple[str, _ToProto]]] = {row[0]: (row[1], row[2]) for row in _ROWS}
"""For each command its field in `Request.command` and the function that writes it."""

COMMAND_READERS: Final[dict[str, _FromProto]] = {row[1]: row[3] for row in _ROWS}
"""For each field of `Request.command` the function that reads it."""
