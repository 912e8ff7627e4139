"""A long log of mixed commands, the same each time; run as a program, prints the digest of the state it leads to."""

from hashlib import blake2b
from random import Random

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    Request,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.machine import execute
from quitanda_testing.in_memory_state import InMemoryState

LENGTH = 3000


def log():
    random = Random(20261123)  # a fixed seed: the same log in every process
    for number in range(LENGTH):
        yield Request(
            random.choice(["", "c1"]),
            f"r{number if random.random() < 0.9 else random.randrange(number + 1)}",
            command(random, number),
        )


def command(random, number):  # noqa: PLR0911 - one answer for each command
    customer_id, product_id = f"c{random.randrange(3)}", f"p{random.randrange(12)}"
    order_id = f"{customer_id}-{random.randrange(6)}"  # so that most orders meet their owner
    items = tuple(
        ItemQuantity(f"p{random.randrange(12)}", random.randrange(6), some_extra(random))
        for _ in range(random.randrange(1, 6))
    )
    extra = some_extra(random)
    kind = random.randrange(40)
    if kind < 3:
        return CreateCustomer(customer_id, f"C{number}", extra)
    if kind < 5:
        return UpdateCustomer(customer_id, f"C{number}", extra)
    if kind < 6:
        return DeleteCustomer(customer_id, cascade=random.random() < 0.5)
    if kind < 9:
        return CreateProduct(product_id, f"P{number}", number, 500, "", extra)
    if kind < 12:
        return UpdateProduct(product_id, price=number, extra=extra)
    if kind < 13:
        return DeleteProduct(product_id, cascade=random.random() < 0.5)
    if kind < 16:
        return AdjustStock(product_id, random.randrange(-20, 40))
    if kind < 24:
        return CreateOrder(customer_id, order_id, number, items, extra)
    if kind < 38:
        return SetOrderItems(customer_id, order_id, items, extra=extra)
    return CancelOrder(customer_id, order_id)


def some_extra(random):
    return tuple((name, random.choice(["1", "null"])) for name in ("a", "b", "ç") if random.random() < 0.5)


def digest():
    state, running = InMemoryState(remembered_max=500), blake2b(digest_size=16)
    for revision, request in enumerate(log()):
        execution = execute(state, request, revision)
        state.apply(request, execution)
        running.update(repr(execution).encode())
    running.update(repr((list(state.documents()), list(state.memories()), state.last_version)).encode())
    return running.hexdigest()


if __name__ == "__main__":
    print(digest())  # noqa: T201 - the answer of this program
