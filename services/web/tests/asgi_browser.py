"""A browser for tests: it speaks ASGI to the page, keeps cookies, and fills in forms as they stand in the page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import MappingProxyType
from urllib.parse import unquote, urlencode, urlsplit

HOST = "127.0.0.1:7080"
REDIRECTS_MAX = 20


@dataclass
class ParsedForm:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms: list[ParsedForm] = []
        self.texts: list[str] = []
        self.names: list[str] = []  # the texts that are the same in each language
        self.language = ""
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.outside: list[str] = []
        self._area = ""
        self._select = ""
        self._silent = self._is_name = False

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self._silent = tag in {"script", "style"}
        self._is_name = given.get("translate") == "no"
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "html":
            self.language = given.get("lang", "")
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.texts += [given[name] for name in ("aria-label", "placeholder", "title") if name in given]
        self.outside += [name for name in given if name.startswith("on") or name == "style"]
        self.outside += [given[name] for name in ("src", "href") if "//" in given.get(name, "")]
        if tag == "form":
            self.forms.append(ParsedForm(given.get("action", ""), given.get("method", "get")))
        elif tag == "label":
            self.labelled.append(given.get("for", ""))
        elif self.forms and tag == "input" and "name" in given:
            if given.get("type") != "checkbox" or "checked" in given:
                self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._area = given["name"]
            self.forms[-1].fields[self._area] = ""
        elif tag == "select":
            self._select = given["name"]
            self.forms[-1].fields[self._select] = ""
        elif tag == "option" and "selected" in given:
            self.forms[-1].fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag):
        if tag == "textarea":
            self._area = ""
        self._silent = self._is_name = False

    def handle_data(self, data):
        if self._area:
            self.forms[-1].fields[self._area] += data.removeprefix("\n")
        elif data.strip() and not self._silent:
            self.texts.append(" ".join(data.split()))
            self.names += self.texts[-1:] if self._is_name else []


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    path: str = ""

    def __post_init__(self):
        self.page = _Parser()
        if self.header("content-type").startswith("text/html"):
            self.page.feed(self.body.decode())

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def text(self) -> str:
        return " ".join(self.page.texts)

    @property
    def location(self) -> str:
        return self.header("location")

    def form(self, action: str) -> ParsedForm:
        return next(form for form in self.page.forms if form.action == action)


class AsgiBrowser:
    def __init__(self, app, *, language="en", address="192.0.2.7", host=HOST, scheme="http"):
        self.app = app
        self.language = language
        self.address = address
        self.host = host
        self.scheme = scheme
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._send("GET", path, b"", headers)

    async def open(self, path: str) -> Answer:
        """Get a page, wherever it leads."""
        answer = await self.get(path)
        while answer.status == 303:
            answer = await self.get(answer.location)
        return answer

    async def post(self, path: str, fields, **headers: str) -> Answer:
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        sent = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"} | headers
        return await self._send("POST", path, body, sent)

    async def send(self, answer: Answer, action: str, **typed: str) -> Answer:
        """Send a form of a page as it stands there, with what is typed; the answer may lead elsewhere."""
        form = answer.form(action)
        if form.method == "get":
            return await self.open(f"{action}?{urlencode(form.fields | typed)}")
        return await self.post(action, form.fields | typed)

    async def fill(self, answer: Answer, action: str, **typed: str) -> Answer:
        """Send a form, and see the page that it leads to."""
        sent = await self.send(answer, action, **typed)
        return await self.open(sent.location) if sent.status == 303 else sent

    async def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request; where it is to be sent again elsewhere, do so, as browsers do, at most twenty times."""
        for _ in range(REDIRECTS_MAX):
            answer = await self.send_once(method, path, body, headers)
            if answer.status != 307:
                return answer
            path = answer.location
        raise AssertionError(f"too many redirects: {path}")

    async def send_once(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
    ) -> Answer:
        """Send a request; the answer may lead elsewhere."""
        parts = urlsplit(path)
        sent = {"host": self.host, "accept-language": self.language} | headers
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent["content-length"] = sent.get("content-length", str(len(body)))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": (self.address, 50_000),
            "server": ("127.0.0.1", 7080),
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        told: list[dict] = []

        async def receive():
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message):
            told.append(message)

        await self.app(scope, receive, send)
        start = next(message for message in told if message["type"] == "http.response.start")
        got = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
        content = b"".join(message.get("body", b"") for message in told if message["type"] == "http.response.body")
        self._keep(value for name, value in got if name == "set-cookie")
        return Answer(start["status"], got, content, path)

    def _keep(self, cookies) -> None:
        for cookie in cookies:
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0].strip('"')
            if value and "Max-Age=0" not in cookie:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
