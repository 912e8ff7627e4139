"""The server of `in_memory_replica` on a port, with the feed's messages at a broker.

As a process (`python -m quitanda_testing.in_memory_service`) it stands where a cluster's one replica would, with the
same settings.
"""

import os
import secrets
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda.runtime.addresses import Address, parse_address
from quitanda.runtime.grpc_options import HEALTH_SERVICES, server_options
from quitanda.v1.replica_pb2_grpc import add_ReplicaServicer_to_server
from quitanda_testing.in_memory_replica import InMemoryReplica

HEARTBEAT_SECONDS: Final = 0.25
_THREADS: Final = 32


class InMemoryService:
    """An InMemoryReplica on a port of this machine, with its heartbeats and its connection to the broker."""

    def __init__(
        self, address: Address, broker: Address, feed_key: str, kind: type[InMemoryReplica] = InMemoryReplica
    ) -> None:
        """Prepare everything; `kind` is the class of the replica. Nothing runs before `with`."""
        self.address = address
        self._broker = broker
        self._mqtt = Client(CallbackAPIVersion.VERSION2, client_id=f"in-memory-{secrets.token_hex(4)}")
        self.replica = kind("replica1", FeedKey.derive(feed_key), lambda sealed: self._mqtt.publish(FEED_TOPIC, sealed))
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), options=server_options())
        add_ReplicaServicer_to_server(self.replica, self._server)
        healthy = health.HealthServicer()
        for service in HEALTH_SERVICES:
            healthy.set(service, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(healthy, self._server)
        self._server.add_insecure_port(str(address))
        self._ending = threading.Event()
        self._heartbeats = threading.Thread(target=self._beat)

    def __enter__(self) -> Self:
        self._mqtt.connect(self._broker.host, self._broker.port)
        self._mqtt.loop_start()
        self._server.start()
        self._heartbeats.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._heartbeats.join()
        self._server.stop(None).wait()
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def _beat(self) -> None:
        while not self._ending.wait(HEARTBEAT_SECONDS):
            self.replica.heartbeat()


def main() -> None:
    """Serve until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    listen, broker = (parse_address(os.environ[f"QUITANDA_{name}"]) for name in ("LISTEN", "MQTT"))
    with InMemoryService(listen, broker, os.environ["QUITANDA_FEED_KEY"]):
        ended.wait()


if __name__ == "__main__":
    main()
