"""The chapter of the page: people at real browsers buy and sell, and the leader is killed meanwhile.

`person` and `page_cluster` are parts of the tests in a browser (`services/web/browser-tests`).
"""

import csv
import itertools
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

from page_cluster import WEB
from person import Person, begin

from quitanda.domain.commands import ItemQuantity
from quitanda_clients.i18n.languages import Language
from quitanda_testing.cluster.process_cluster import ProcessCluster
from video.chapters import PAGE, ChapterFailed
from video.exercise import REQUIREMENTS, Words
from video.stage import PAGE_SIZE, page

DATA: Final = Path(__file__).parents[1] / "deploy/local/data"
PLACED: Final = 3
"""So many orders of others wait to be fulfilled when the chapter begins."""
PRODUCT_ID, CUSTOMER_ID = "broa", "ana"
UNITS, ORDERED, CHANGED = 12, 2, 3
MOMENT_SECONDS: Final = 3.0
"""How long each picture is shown."""


class PageRecorder:
    """Takes a picture of a person's page for each moment of the chapter, as HTML of the film."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self._shown: set[str] = set()

    async def show(self, moment: str, person: Person, **facts: str) -> None:
        """Take a picture; `facts` are what the words of the moment leave open."""
        self._shown.add(moment)
        told = PAGE.moments[moment]
        words = told.happens and Words(told.happens.english.format(**facts), told.happens.portuguese.format(**facts))
        self.pictures.append(page(await person.page.screenshot(), REQUIREMENTS[told.requirement], words))

    def require_all(self) -> None:
        """Raise ChapterFailed where a moment of the chapter was not shown."""
        if missing := set(PAGE.moments) - self._shown:
            raise ChapterFailed(f"not shown: {', '.join(sorted(missing))}")


class Visitors:
    """People at browsers of their own, each from an address of her own."""

    def __init__(self, chromium: Any, cluster: ProcessCluster, size: tuple[int, int]) -> None:
        self._chromium, self._origin, self._size = chromium, f"http://{cluster.address(WEB)}", size
        self._numbers = itertools.count(1)
        self._stack = AsyncExitStack()
        self._people: list[Person] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def sit_down(self, language: Language) -> Person:
        """Let somebody begin who has not signed in."""
        person = await begin(self._chromium, self._origin, language, f"10.1.0.{next(self._numbers)}")
        self._stack.push_async_callback(person.page.context.close)
        await person.page.set_viewport_size({"width": self._size[0], "height": self._size[1]})
        await person.page.emulate_media(color_scheme="light")
        self._people.append(person)
        return person

    def require_no_complaints(self) -> None:
        """Raise ChapterFailed where a browser told of an error."""
        if complaints := [each for person in self._people for each in person.complaints]:
            raise ChapterFailed(f"a browser complained: {complaints}")


def _sample(name: str, every: int, count: int) -> list[dict[str, str]]:
    """Give some rows of the sample data, spread over the file."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(itertools.islice(csv.DictReader(file), 0, every * count, every))


async def fill(cluster: ProcessCluster) -> None:
    """Give the shop a few products of every kind, and customers who have ordered."""
    products = _sample("products.csv", every=83, count=12)
    customers = _sample("customers.csv", every=25, count=7)
    async with cluster.callers.admin_client() as office:
        for row in products:
            price = int(row["price"].replace(".", ""))
            name, units = row["name"], int(row["quantity"])
            await office.create_product(row["product_id"], name, price, units, description=row["description"])
        for number, row in enumerate(customers):
            await office.create_customer(row["customer_id"], row["name"])
            async with cluster.callers.shop_client(row["customer_id"]) as client:
                items = [ItemQuantity(product["product_id"], number + 1) for product in products[number : number + 3]]
                order = (await client.create_order(items)).document.order_id
                if number:
                    await client.place_order(order)
            if number > PLACED:
                await office.fulfil_order(order)


async def play(chromium: Any, cluster: ProcessCluster) -> list[str]:
    """Play the chapter; give its pictures as HTML. Raises ChapterFailed where it does not go as it is told."""
    recorder = PageRecorder()
    async with Visitors(chromium, cluster, PAGE_SIZE) as visitors:
        bia = await visitors.sit_down(Language.ENGLISH)
        secret = await _open_the_shop(bia, cluster, recorder)
        ana = await visitors.sit_down(Language.PORTUGUESE)
        await _begin_an_order(ana, secret, recorder)
        await _lose_the_leader(ana, bia, cluster, recorder)
        order = ana.path
        await ana.press("Place the order")
        await ana.see("placed")
        await recorder.show("placed", ana)
        await ana.open(f"/products/{PRODUCT_ID}")
        await ana.press("Begin an order with it", quantity=str(UNITS))
        await recorder.show("refused", ana)
        await bia.open(f"/office{order}")
        await bia.press("Fulfil: its units leave the shop")
        await bia.see("fulfilled")
        await recorder.show("fulfilled", bia)
        await _count(bia, cluster, recorder)
        visitors.require_no_complaints()
    recorder.require_all()
    return recorder.pictures


async def _open_the_shop(bia: Person, cluster: ProcessCluster, recorder: PageRecorder) -> str:
    """Staff add a product and register Ana; give her secret."""
    await bia.sign_in_as_staff(cluster.callers.administrator)
    await bia.follow(bia.page.get_by_role("button", name=bia.t("New product")))
    await bia.press(
        "Create", product_id=PRODUCT_ID, name="Broa de milho", price=bia.formats.amount(390), quantity=str(UNITS)
    )
    await bia.see("created")
    await recorder.show("staff", bia)
    await bia.follow(bia.tab("Customers"))
    await bia.follow(bia.page.get_by_role("button", name=bia.t("New customer")))
    await bia.press("Create", customer_id=CUSTOMER_ID, name="Ana Conceição")
    secret = str(await bia.page.locator("code.secret").inner_text())
    cluster.callers.learn(CUSTOMER_ID, secret)
    # the secret is that of a shop which is gone at the end, and need not be read in a film
    await bia.page.locator("code.secret").evaluate("e => e.textContent = e.textContent.slice(0, 20) + '…'")
    await recorder.show("registered", bia)
    return secret


async def _begin_an_order(ana: Person, secret: str, recorder: PageRecorder) -> None:
    await ana.open("/sign-in")
    await ana.field("customer_id").fill(CUSTOMER_ID)
    await ana.field("secret").fill(secret)
    await recorder.show("sign in", ana)
    await ana.sign_in_as_customer(CUSTOMER_ID, secret)
    await recorder.show("products", ana)
    await ana.open(f"/products/{PRODUCT_ID}")
    await ana.press("Begin an order with it", quantity=str(ORDERED))
    await ana.see("in-order")
    await recorder.show("order", ana)


async def _lose_the_leader(ana: Person, bia: Person, cluster: ProcessCluster, recorder: PageRecorder) -> None:
    """Kill the leader, and go on at once; it comes back afterwards."""
    leader = await cluster.wait_for_leader()
    await ana.page.get_by_role("row").get_by_role("textbox").fill(str(CHANGED))
    await recorder.show("leader killed", ana, leader=leader)
    await cluster.crash(leader)
    begun = time.monotonic()
    await ana.follow(ana.page.get_by_role("row").get_by_role("button"))
    await ana.see("in-order")
    await recorder.show("went on", ana, seconds=f"{time.monotonic() - begun:.1f}")
    successor = await cluster.wait_for_leader(excluding=[leader])
    await bia.open("/office/cluster")
    await recorder.show("cluster", bia, leader=successor)
    await cluster.restart(leader)


async def _count(bia: Person, cluster: ProcessCluster, recorder: PageRecorder) -> None:
    """Compare the stock with what was sold."""
    async with cluster.callers.admin_client() as office:
        left = (await office.get_product(PRODUCT_ID)).document.quantity
    if left != UNITS - CHANGED:
        raise ChapterFailed(f"of {UNITS} units {CHANGED} were sold, and {left} are left")
    await bia.open(f"/office/products/{PRODUCT_ID}")
    await recorder.show("stock", bia, before=str(UNITS), after=str(left))
