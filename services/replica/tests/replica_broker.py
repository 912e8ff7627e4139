"""A real MQTT broker in a process of its own, and somebody who listens to the feed."""

import socket
import subprocess
import threading

import replica_processes
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import decode_feed
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda.runtime.addresses import Address
from quitanda_local import broker, ports
from quitanda_testing.blocking_wait import block_until

FEED_KEY = FeedKey.derive(replica_processes.FEED_KEY)


def opened(payload):
    """Read a message as a portal does that has the key."""
    return decode_feed(FEED_KEY.open(payload))


class Broker:
    def __init__(self, directory, kind=None):
        self.address = Address("127.0.0.1", ports.free_ports(1)[0])
        self._command = broker.prepare(broker.choose(kind), self.address.port, directory)
        self._log = directory / "broker.log"
        self._process = None

    def start(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        block_until(self._accepts, "the broker accepts connections", 20)

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _accepts(self):
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.address.host, self.address.port)) == 0


class FeedListener:
    """Subscribes to the feed and keeps what it hears."""

    def __init__(self, address):
        self.messages = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listener")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(FEED_TOPIC)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _d, message: self.messages.append(opened(message.payload))
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert self._subscribed.wait(10), "the listener subscribed"

    @property
    def changes(self):
        return [message for message in self.messages if message.changes != ()]

    @property
    def heartbeats(self):
        return [message for message in self.messages if message.changes == ()]

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
