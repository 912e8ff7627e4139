"""A stream of events, as a browser holds it open."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 10.0


@dataclass
class Heard:
    kind: str
    id: str
    data: dict


class OpenStream:
    """What came on it. `paused` lets the browser read nothing, as far as the page can notice."""

    def __init__(self):
        self.status = 0
        self.headers = {}
        self.events = asyncio.Queue()
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.text = ""
        self._leaves = asyncio.Event()
        self._asked = False

    async def receive(self):
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self.began.set()
            return
        self.text += message.get("body", b"").decode()
        while "\n\n" in self.text and self.headers["content-type"].startswith("text/event-stream"):
            event, _, self.text = self.text.partition("\n\n")
            fields = dict(line.split(": ", 1) for line in event.splitlines())
            if "event" in fields:
                self.events.put_nowait(Heard(fields["event"], fields["id"], json.loads(fields["data"])))
        if not message.get("more_body", False):
            self.ended.set()

    async def next(self, *kinds) -> Heard:
        """Give the next event, of one of these kinds if any is named."""
        async with asyncio.timeout(SECONDS):
            while True:
                heard = await self.events.get()
                if not kinds or heard.kind in kinds:
                    return heard

    def leave(self):
        self._leaves.set()


@asynccontextmanager
async def open_stream(browser, path, **headers):
    """Let a browser open a stream; it goes at the end."""
    stream, parts = OpenStream(), urlsplit(path)
    sent = {"host": browser.host, "accept-language": browser.language} | headers
    sent["cookie"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": browser.scheme,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        "client": (browser.address, 50_000),
        "server": ("127.0.0.1", 7080),
    }
    task = asyncio.create_task(browser.app(scope, stream.receive, stream.send))
    try:
        async with asyncio.timeout(SECONDS):
            await stream.began.wait()
        yield stream
    finally:
        stream.reads.set()
        stream.leave()
        async with asyncio.timeout(SECONDS):
            await task
