"""The main screens as text, in both languages and at two sizes, and the README's picture of the shop.

`test_terminal_windows` compares with them. Run this file to write them anew, after a screen was changed on purpose:
python clients/tests/terminal_screens.py
"""

import asyncio
import functools
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "core" / "tests")]

from terminal_shop import BEGUN_MS, customer, portals_in_memory, staff

from quitanda.domain.commands import CreateOrder, CreateProduct, FulfilOrder, ItemQuantity, PlaceOrder, ReturnOrder
from quitanda_clients.i18n.languages import Language
from quitanda_clients.terminal.rows import without_middle

FOLDER = Path(__file__).parent / "screens"
SIZES = ((80, 24), (40, 10))
PROGRAMS = {"shop": customer, "office": staff}
KEYS = {
    "shop": (
        *(("products", ""), ("product", "enter"), ("order", "escape 2"), ("quantity", "enter")),
        *(("place", "escape p"), ("cancel", "escape x"), ("orders", "escape 3"), ("placed-order", "down enter")),
        ("keys", "question_mark"),
    ),
    "office": (
        *(("products", ""), ("product", "enter"), ("edit-product", "e"), ("stock", "escape s")),
        *(("product-history", "escape h"), ("history-entry", "enter"), ("orders", "escape escape escape 2")),
        *(("order", "enter"), ("units", "enter"), ("deadline", "escape d"), ("cancel", "escape x")),
        *(("order-history", "escape h"), ("returned-order", "escape escape end enter"), ("returned-units", "enter")),
        *(("low-stock", "escape escape 3"), ("customers", "4"), ("customer", "enter"), ("new-customer", "escape n")),
        ("cluster", "escape 5"),
    ),
}
SEEN = {
    "products": "Caneta",
    "product": "Azul",
    "edit-product": "^S",
    "stock": "^S",
    "product-history": "ana",
    "history-entry": "\N{RIGHTWARDS ARROW}",
    "order": "Caneta",
    "units": "^S",
    "deadline": "^S",
    "quantity": "^S",
    "orders": "0a1",
    "placed-order": "Caneta",
    "order-history": "ana",
    "returned-order": "Lápis",
    "returned-units": "^S",
    "low-stock": "Caneta",
    "customers": "Ana",
    "customer": "Ana",
    "new-customer": "^S",
    "cluster": "replica2: connection",
}
FIRST, SECOND, THIRD = (f"018bcfe5-6800-7000-8000-0000000000{end}" for end in ("a1", "b2", "c3"))
"""Ids as portals make them for orders of one moment."""
WITHOUT_STATE = {"keys", "place", "cancel", "history-entry"}
"""They show nothing that is fetched."""
STATE = {Language.ENGLISH: "\nAs of ", Language.PORTUGUESE: "\nEm "}
MOMENT = re.compile(r"^(As of|Em) .*20[0-9]{2}.*$", re.MULTILINE)


PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "terminal-shop.svg"
PICTURE_SIZE = (96, 16)
PICTURED = (
    *(
        ("abacaxi", "Abacaxi pérola", 750, 12),
        ("banana", "Banana prata", 499, 80),
        ("cafe", "Café moído 500 g", 1890, 35),
    ),
    *(("goiabada", "Goiabada cascão", 1240, 0), ("mel", "Mel silvestre", 2600, 9)),
)
"""What the shop on the picture has beside its usual products: ids, names, prices, units."""


def order(portals, order_id, product_id, units, *moves):
    portals.does(CreateOrder("ana", order_id, BEGUN_MS, (ItemQuantity(product_id, units),)), "ana")
    for move in moves:
        portals.does(move, "ana" if isinstance(move, PlaceOrder) else "")


async def screens(program, language, size) -> AsyncIterator[tuple[str, str]]:
    """Give the name and the text of each main screen of a program; the moment of the data is left out."""
    async with portals_in_memory() as portals:
        back = ReturnOrder(FIRST, (ItemQuantity("lapis", 1),), restock=True)
        order(portals, FIRST, "lapis", 2, PlaceOrder("ana", FIRST), FulfilOrder(FIRST), back)
        order(portals, SECOND, "caneta", 1, PlaceOrder("ana", SECOND))
        order(portals, THIRD, "caneta", 2)
        for document, entries in portals.cluster.history.items():
            portals.cluster.history[document] = [replace(each, received_at_ms=BEGUN_MS) for each in entries]
        async with PROGRAMS[program](portals, language=language, size=size) as user:
            for name, keys in KEYS[program]:
                await user.press(*keys.split())
                await user.until(functools.partial(shows, user, name, language, size), name)
                await user.pilot.pause()
                yield name, MOMENT.sub(r"\1 …", user.screen).rstrip() + "\n"


def shows(user, name, language, size) -> bool:
    """Whether all of a screen is there: its title, what was fetched, and as of when."""
    seen = SEEN.get(name, "")
    fetched = seen != "^S" and name not in WITHOUT_STATE
    title = without_middle(user.app.screen.heading(), size[0])
    return seen in user.screen and title in user.screen and (not fetched or STATE[language] in user.screen)


def file_of(program, name, language, size) -> Path:
    return FOLDER / f"{program}-{name}-{language.value}-{size[0]}x{size[1]}.txt"


async def picture() -> str:
    """Give the picture of the shop, where a customer has just put something into her order."""
    async with portals_in_memory() as portals:
        for product_id, name, price, units in PICTURED:
            portals.does(CreateProduct(product_id, name, price=price, quantity=units))
        async with customer(portals, size=PICTURE_SIZE, waits=False) as user:
            await user.sees("Banana prata")
            await user.press("down", "plus")
            await user.sees("Your order is changed.", " 79")
            drawn = user.app.export_screenshot(title="quitanda-shop")
    drawn = re.sub(r"terminal-[0-9]+", "terminal-shop", drawn)
    return re.sub(
        r"As&#160;of&#160;[^<]*UTC", "As&#160;of&#160;Nov&#160;30,&#160;2026,&#160;3:27:26&#160;PM&#160;UTC", drawn
    )


async def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    PICTURE.write_text(await picture())
    for program in PROGRAMS:
        for language in Language:
            for size in SIZES:
                async for name, text in screens(program, language, size):
                    file_of(program, name, language, size).write_text(text)


if __name__ == "__main__":
    asyncio.run(write())
