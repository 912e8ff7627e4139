"""A real broker that tests may stop and start again, and what publishes a feed on it."""

import asyncio
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiomqtt

from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import encode_feed
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda_local import broker as brokers
from quitanda_local.ports import free_ports

TEST_DEADLINE = 20.0

FEED_KEY = FeedKey.derive("a feed key of the tests")


async def eventually(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(TEST_DEADLINE):
            while not condition():  # noqa: ASYNC110 - what is waited for is another process's doing
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {TEST_DEADLINE} s for: {what}") from None


class Broker:
    """One broker process on one port."""

    host = "127.0.0.1"
    feed_key = FEED_KEY
    eventually = staticmethod(eventually)

    def __init__(self, directory) -> None:
        self.port = free_ports(1)[0]
        self._command = brokers.prepare(brokers.choose(None), self.port, directory)
        self._log = directory / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)  # noqa: ASYNC220 - short
        async with asyncio.timeout(TEST_DEADLINE):
            while not await self._accepts():  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(TEST_DEADLINE)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it live without doing anything."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def publish(self, *messages) -> None:
        """Publish messages of the feed as a leader does, or raw bytes as anybody can."""
        async with aiomqtt.Client(self.host, self.port, timeout=TEST_DEADLINE) as client:
            for message in messages:
                payload = message if isinstance(message, bytes) else FEED_KEY.seal(encode_feed(message))
                await client.publish(FEED_TOPIC, payload, qos=1)

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True
