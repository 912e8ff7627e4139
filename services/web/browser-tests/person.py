"""Somebody at a browser: what she sees and does, in her language, and what her browser told and fetched meanwhile."""

import re
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, Locator, Page, Request, expect

from quitanda_clients.i18n import labels
from quitanda_clients.i18n.catalogue import texts_of
from quitanda_clients.i18n.formats import Formats
from quitanda_clients.i18n.languages import Language

PATIENCE_MS = 30_000
"""Longer than the page waits for a portal, on a busy machine."""
TABS_MAX = 80
"""A page of these tests has fewer places where the keyboard can be."""
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d ")
"""What Chromium tells of a page that says that something was refused."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Person:
    """Finds everything as people do: by its text, in her language. The texts are given in English."""

    page: Page
    language: Language
    origin: str
    complaints: list[str] = field(default_factory=list)
    """What her browser told of errors, and of what the content security policy forbade."""
    outside: list[str] = field(default_factory=list)
    """What it asked of others than the page."""
    sent: list[str] = field(default_factory=list)
    """The forms that it sent, by their paths."""

    def __post_init__(self):
        self.formats = Formats(self.language, ZoneInfo("UTC"), "BRL")

    def told(self, text: str) -> None:
        if not REFUSED.match(text):
            self.complaints.append(text)

    def fetched(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.outside.append(request.url)
        if request.method == "POST":
            self.sent.append(request.url.removeprefix(self.origin))

    def t(self, text: str, **facts: str) -> str:
        """Say a text of the page in her language."""
        return texts_of(self.language).gettext(text) % facts if facts else texts_of(self.language).gettext(text)

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.origin).partition("?")[0]

    async def text(self) -> str:
        return await self.page.locator("body").inner_text()

    async def open(self, path: str) -> None:
        await self.page.goto(self.origin + path)

    def button(self, text: str) -> Locator:
        return self.page.get_by_role("button", name=self.t(text), exact=True)

    def link(self, text: str) -> Locator:
        return self.page.get_by_role("main").get_by_role("link", name=self.t(text), exact=True)

    def tab(self, text: str) -> Locator:
        """A link of the navigation."""
        return self.page.get_by_role("navigation").get_by_role("link", name=self.t(text), exact=True)

    def field(self, name: str) -> Locator:
        """A field by the label of the command's field."""
        return self.page.get_by_label(self.t(labels.field_label(name)), exact=True)

    @property
    def notice(self) -> Locator:
        return self.page.get_by_role("status")

    @property
    def problem(self) -> Locator:
        return self.page.get_by_role("alert")

    async def follow(self, link: Locator) -> None:
        async with self.page.expect_navigation():
            await link.click()

    async def press(self, button: str, **fields: str) -> None:
        """Fill in fields by their names, then send the form; return when the answer is there."""
        for name, value in fields.items():
            await self.field(name).fill(value)
        await self.follow(self.button(button))

    async def see(self, done: str) -> None:
        """Expect the page to say that this was done (a key of `labels.NOTICES`)."""
        await expect(self.notice).to_have_text(self.t(labels.NOTICES[done]))

    async def sign_in_as_customer(self, customer_id: str, token: str) -> None:
        await self.open("/sign-in")
        await self.press("Sign in as a customer", customer_id=customer_id, secret=token)
        await expect(self.tab("My orders")).to_be_visible()

    async def sign_in_as_staff(self, token: str) -> None:
        await self.open("/sign-in")
        await self.press("Sign in as staff", token=token)
        await expect(self.tab("Customers")).to_be_visible()

    async def tab_to(self, target: Locator) -> None:
        """Press the tabulator until the keyboard is there; it must be seen where it is."""
        for _ in range(TABS_MAX):
            await self.page.keyboard.press("Tab")
            if await target.evaluate("element => element === document.activeElement"):
                style = await target.evaluate("e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).boxShadow]")
                assert style != ["none", "none"], f"nothing shows that the keyboard is at {target}"
                return
        raise AssertionError(f"the keyboard never came to {target}")

    async def type_into(self, target: Locator, text: str) -> None:
        """Replace what a field holds, with the keyboard alone."""
        await self.tab_to(target)
        await self.page.keyboard.press("Control+a")
        await self.page.keyboard.type(text)

    async def enter(self, target: Locator) -> None:
        """Press a button or follow a link, with the keyboard alone."""
        await self.tab_to(target)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")


async def begin(browser: Browser, origin: str, language: Language, address: str, *, javascript: bool = True) -> Person:
    """Open a browser for somebody who calls from this address."""
    context = await browser.new_context(
        locale=language.value,
        java_script_enabled=javascript,
        extra_http_headers={"x-forwarded-for": address},
        reduced_motion="reduce",  # colours and places are then what they will be, and not on the way there
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    person = Person(page, language, origin)
    page.on("console", lambda message: person.told(message.text))
    page.on("pageerror", lambda error: person.told(str(error)))
    context.on("request", person.fetched)
    return person
