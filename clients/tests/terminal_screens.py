"""The main screens as text, in both languages and at two sizes: what `test_terminal_windows` compares with.

Run this file to write them anew, after a screen was changed on purpose: python clients/tests/terminal_screens.py
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "core" / "tests")]

from terminal_shop import customer, portals_in_memory, staff

from quitanda.domain.commands import CreateOrder, ItemQuantity, PlaceOrder
from quitanda_clients.i18n.languages import Language

FOLDER = Path(__file__).parent / "screens"
SIZES = ((80, 24), (40, 10))
PROGRAMS = {"shop": customer, "office": staff}
KEYS = {
    "shop": (("products", ""), ("order", "2"), ("quantity", "enter"), ("orders", "escape 3")),
    "office": (("products", ""), ("orders", "2"), ("customers", "4"), ("new-customer", "n"), ("cluster", "escape 5")),
}
SEEN = {
    "products": "Caneta",
    "order": "Caneta",
    "quantity": "^S",
    "orders": "o1",
    "customers": "Ana",
    "new-customer": "^S",
    "cluster": "replica2: connection",
}
STATE = {Language.ENGLISH: "\nAs of ", Language.PORTUGUESE: "\nEm "}
MOMENT = re.compile(r"^(As of|Em) .*20[0-9]{2}.*$", re.MULTILINE)


async def screens(program, language, size) -> AsyncIterator[tuple[str, str]]:
    """Give the name and the text of each main screen of a program; the moment of the data is left out."""
    async with portals_in_memory() as portals:
        for order_id, items in (("o1", 2), ("o2", 1)):
            portals.does(CreateOrder("ana", order_id, 1_700_000_000_000, (ItemQuantity("caneta", items),)), "ana")
        portals.does(PlaceOrder("ana", "o2"), "ana")
        async with PROGRAMS[program](portals, language=language, size=size) as user:
            for name, keys in KEYS[program]:
                await user.press(*keys.split())
                state = "^S" if SEEN[name] == "^S" else STATE[language]
                await user.until(
                    lambda name=name, state=state: (
                        SEEN[name] in user.screen and state in user.screen and user.app.screen.heading() in user.screen
                    ),
                    name,
                )
                await user.pilot.pause()
                yield name, MOMENT.sub(r"\1 …", user.screen).rstrip() + "\n"


def file_of(program, name, language, size) -> Path:
    return FOLDER / f"{program}-{name}-{language.value}-{size[0]}x{size[1]}.txt"


async def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for program in PROGRAMS:
        for language in Language:
            for size in SIZES:
                async for name, text in screens(program, language, size):
                    file_of(program, name, language, size).write_text(text)


if __name__ == "__main__":
    asyncio.run(write())
