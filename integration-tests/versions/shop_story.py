"""What a shop does before its data become a fixture: every command, done and refused, with every kind of field.

Requests are those of the public contract, as JSON objects; `$NAME` in `order_id` stands for the order that the
request of that name created.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from versions.contract_calls import ContractCalls, Exchange, Json

PAGE_SIZE: Final = 3
BULK_REQUESTS: Final = 1_800
BULK_DESCRIPTION: Final = "é" * 2_000
BULK_FIELD: Final = f'"{"a" * 16_000}"'
"""With the longest description, 20,000 bytes for each request: more than 32 MiB together, which no log keeps."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request; its name is the request id, too."""

    name: str
    method: str
    request: Json


def _admin(name: str, method: str, /, **request: object) -> Step:
    return Step(name, f"AdminPortal.{method}", {"request_id": name, **request})


def _shop(name: str, method: str, customer_id: str, /, **request: object) -> Step:
    return Step(name, f"ClientPortal.{method}", {"request_id": name, "customer_id": customer_id, **request})


def _item(product_id: str, quantity: int, **extra: str) -> Json:
    return {"product_id": product_id, "quantity": quantity, **({"extra": extra} if extra else {})}


OPENING: Final = (
    _admin(
        "c-ana", "CreateCustomer", customer_id="ana", name="Ana Conceição", extra={"cidade": '"Évora"', "idade": "42"}
    ),
    _admin("c-rui", "CreateCustomer", customer_id="rui", name="Rui"),
    _admin("c-eva", "CreateCustomer", customer_id="eva", name="Eva"),
    _admin("c-ivo", "CreateCustomer", customer_id="ivo", name="Ivo", extra={"nota": '{"a": [1, 2.50, null, true]}'}),
    _admin("c-leo", "CreateCustomer", customer_id="leo", name="Leo"),
    _admin("c-ana-again", "CreateCustomer", customer_id="ana", name="Outra Ana"),
    _admin("u-ana", "UpdateCustomer", customer_id="ana", name="Ana da Conceição", extra={"idade": "null"}),
    _admin("u-nobody", "UpdateCustomer", customer_id="nobody", name="Nobody"),
    _admin("u-rui-stale", "UpdateCustomer", customer_id="rui", name="Rui II", expected_version=999_999),
    _admin("p-caneta", "CreateProduct", product_id="caneta", name="Caneta", price_minor_units=250, quantity=40),
    _admin(
        "p-lapis",
        "CreateProduct",
        product_id="lapis",
        name="Lápis",
        description="2B",
        price_minor_units=100,
        quantity=9,
        extra={"cor": '"azul"'},
    ),
    _admin("p-caderno", "CreateProduct", product_id="caderno", name="Caderno", price_minor_units=12_345, quantity=5),
    _admin("p-borracha", "CreateProduct", product_id="borracha", name="Borracha", price_minor_units=99, quantity=70),
    _admin("p-tinta", "CreateProduct", product_id="tinta", name="Tinta", price_minor_units=1, quantity=1_000_000),
    _admin("p-mapa", "CreateProduct", product_id="mapa", name="Mapa", price_minor_units=1_000_000_000, quantity=3),
    _admin("p-caneta-again", "CreateProduct", product_id="caneta", name="Caneta", price_minor_units=1, quantity=1),
    _admin(
        "u-caneta",
        "UpdateProduct",
        product_id="caneta",
        price_minor_units=275,
        description="Azul",
        extra={"marca": '"Quitanda"'},
    ),
    _admin("a-lapis", "AdjustStock", product_id="lapis", delta=3),
    _admin("a-lapis-below", "AdjustStock", product_id="lapis", delta=-1_000),
    _shop(
        "o-ana",
        "CreateOrder",
        "ana",
        items=[_item("caneta", 3), _item("lapis", 2, gravura='"Ana"')],
        extra={"nota": '"sem pressa"'},
    ),
    _shop("o-ana-empty", "CreateOrder", "ana"),
    _shop("o-rui", "CreateOrder", "rui", items=[_item("caderno", 2), _item("borracha", 7), _item("tinta", 10_000)]),
    _shop("o-eva", "CreateOrder", "eva", items=[_item("mapa", 1)]),
    _shop("o-ivo", "CreateOrder", "ivo", items=[_item("caneta", 5), _item("borracha", 1)]),
    _shop("o-leo", "CreateOrder", "leo", items=[_item("tinta", 1)]),
    _shop("o-too-many", "CreateOrder", "leo", items=[_item("caderno", 4)]),
    _shop("o-no-product", "CreateOrder", "leo", items=[_item("nothing", 1)]),
    _shop(
        "s-ana", "SetOrderItem", "ana", order_id="$o-ana", product_id="caderno", quantity=1, extra={"capa": '"dura"'}
    ),
    _shop(
        "s-ana-many",
        "SetOrderItems",
        "ana",
        order_id="$o-ana-empty",
        items=[_item("lapis", 1), _item("tinta", 2)],
        extra={"nota": "17.25"},
    ),
    _shop("s-ana-zero", "SetOrderItem", "ana", order_id="$o-ana", product_id="caneta", quantity=0),
    _shop("s-not-hers", "SetOrderItem", "eva", order_id="$o-ana", product_id="caneta", quantity=1),
    _shop("x-leo", "CancelOrder", "leo", order_id="$o-leo"),
    _shop("x-leo-again", "CancelOrder", "leo", order_id="$o-leo", expected_version=1),
    _admin("d-ivo-refused", "DeleteCustomer", customer_id="ivo"),
    _admin("d-ivo", "DeleteCustomer", customer_id="ivo", cascade=True),
    _admin("d-borracha-refused", "DeleteProduct", product_id="borracha"),
    _admin("d-borracha", "DeleteProduct", product_id="borracha", cascade=True),
    _admin(
        "p-lapis", "CreateProduct", product_id="lapis", name="An id that is in use", price_minor_units=1, quantity=1
    ),
)
"""Every command. The last request comes under an id that stands for another one."""

CLOSING: Final = (
    _admin("c-zoe", "CreateCustomer", customer_id="zoe", name="Zoé", extra={"desde": "2026"}),
    _admin("c-gil", "CreateCustomer", customer_id="gil", name="Gil"),
    _admin("u-zoe", "UpdateCustomer", customer_id="zoe", extra={"desde": "null", "vip": "true"}),
    _admin(
        "p-giz", "CreateProduct", product_id="giz", name="Giz", price_minor_units=5, quantity=100, extra={"caixa": "12"}
    ),
    _admin("p-cola", "CreateProduct", product_id="cola", name="Cola", price_minor_units=310, quantity=6),
    _admin("u-giz", "UpdateProduct", product_id="giz", name="Giz branco", price_minor_units=7, quantity=90),
    _admin("u-giz-stale", "UpdateProduct", product_id="giz", price_minor_units=8, expected_version=1),
    _admin("a-caderno", "AdjustStock", product_id="caderno", delta=8),
    _admin("a-caderno-below", "AdjustStock", product_id="caderno", delta=-500),
    _shop(
        "o-zoe",
        "CreateOrder",
        "zoe",
        items=[_item("giz", 12, cor='"branco"'), _item("cola", 2)],
        extra={"presente": "true"},
    ),
    _shop("o-zoe-more", "CreateOrder", "zoe", items=[_item("caneta", 1)]),
    _shop("o-gil", "CreateOrder", "gil", items=[_item("cola", 1)]),
    _shop("o-gil-refused", "CreateOrder", "gil", items=[_item("cola", 100)]),
    _shop("s-zoe", "SetOrderItem", "zoe", order_id="$o-zoe", product_id="giz", quantity=20),
    _shop("s-zoe-refused", "SetOrderItem", "zoe", order_id="$o-zoe", product_id="giz", quantity=1_000),
    _shop("s-zoe-many", "SetOrderItems", "zoe", order_id="$o-zoe-more", items=[_item("caneta", 2), _item("lapis", 1)]),
    _shop("s-zoe-many-refused", "SetOrderItems", "zoe", order_id="$o-zoe", items=[_item("mapa", 3)]),
    _shop("x-zoe", "CancelOrder", "zoe", order_id="$o-zoe-more"),
    _admin("d-gil", "DeleteCustomer", customer_id="gil", cascade=True),
    _admin("d-cola", "DeleteProduct", product_id="cola", cascade=True),
    _admin("d-nothing", "DeleteProduct", product_id="nothing"),
)
"""Every command once more, for a log that goes on behind the place where it was cut."""


def bulk() -> Iterator[Step]:
    """Give refused requests that are long enough, together, for the log to be cut; the state hardly grows by them."""
    for number in range(BULK_REQUESTS):
        yield _admin(
            f"bulk-{number}",
            "CreateProduct",
            product_id="caneta",
            name="Caneta",
            description=BULK_DESCRIPTION,
            price_minor_units=250,
            quantity=40,
            extra={"enchimento": BULK_FIELD},
        )


async def play(calls: ContractCalls, steps: tuple[Step, ...], orders: dict[str, str]) -> list[Exchange]:
    """Do the steps one after the other; `orders` holds the ids of orders by the steps that created them."""
    played = []
    for step in steps:
        request = dict(step.request)
        if (order := request.get("order_id", "")).startswith("$"):
            request["order_id"] = orders[order[1:]]
        exchange = await calls.call(step.method, request)
        if step.method == "ClientPortal.CreateOrder" and exchange.answer is not None:
            orders[step.name] = exchange.answer["order"]["order_id"]
        played.append(exchange)
    return played


async def read_everything(calls: ContractCalls, orders: dict[str, str]) -> list[Exchange]:
    """Read each document that is or was there, and every list, page by page."""
    steps = (*OPENING, *CLOSING)
    customers = sorted({step.request["customer_id"] for step in steps if "customer_id" in step.request})
    products = sorted({step.request["product_id"] for step in steps if "product_id" in step.request})
    owners = {step.name: step.request["customer_id"] for step in steps if step.method == "ClientPortal.CreateOrder"}
    page = {"page_size": PAGE_SIZE}
    return [
        *[await calls.call("AdminPortal.GetCustomer", {"customer_id": customer}) for customer in customers],
        *[await calls.call("AdminPortal.GetProduct", {"product_id": product}) for product in products],
        *[
            await calls.call("ClientPortal.GetOrder", {"customer_id": owners[name], "order_id": order})
            for name, order in orders.items()
        ],
        *[
            await calls.all_pages("ClientPortal.ListOrders", {"customer_id": customer, **page}, "orders")
            for customer in customers
        ],
        await calls.all_pages("ClientPortal.ListProducts", {"customer_id": "ana", **page}, "products"),
        await calls.all_pages("AdminPortal.ListCustomers", page, "customers"),
        await calls.all_pages("AdminPortal.ListProducts", page, "products"),
    ]
