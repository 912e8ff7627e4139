"""Replicas that run whole: in this process, or in processes of their own."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.addresses import Address, format_named_addresses
from quitanda.runtime.grpc_options import channel_options
from quitanda.runtime.settings import ReplicaSettings, load
from quitanda.v1 import admin_portal_pb2
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_local import ports
from quitanda_replica.composition import ReplicaProcess
from quitanda_testing.blocking_wait import block_until

SECRET = "a secret of the tests, long enough"
FEED_KEY = "a feed key of the tests"
HOST = "127.0.0.1"
CALL_SECONDS = 5.0
START_SECONDS = 60.0
FAILURES = (grpc.RpcError,)


class Topology:
    """Names, ports and folders of a cluster, and what its settings have that differs from those of other tests."""

    def __init__(self, directory, number, mqtt=None, **changes):
        self.directory = directory
        self._changes = changes
        self.names = [f"replica{position + 1}" for position in range(number)]
        free = ports.free_ports(2 * number)
        self.grpc = dict(zip(self.names, (Address(HOST, port) for port in free[:number]), strict=True))
        self.raft = dict(zip(self.names, (Address(HOST, port) for port in free[number:]), strict=True))
        self.mqtt = mqtt

    def settings(self, name):
        values = {
            "name": name,
            "replicas": self.grpc,
            "listen": self.grpc[name],
            "raft_addresses": self.raft,
            "data_dir": self.directory / name,
            "cluster_secret": SECRET,
            "bootstrap": True,
            "mqtt": self.mqtt,
            "feed_key": FEED_KEY,
            "metrics_listen": Address(HOST, 0),
            "feed_heartbeat_seconds": 0.05,
            "raft_election_timeout_min_seconds": 0.4,
            "raft_election_timeout_max_seconds": 0.8,
        }
        return load(ReplicaSettings, **(values | self._changes))

    def environment(self, name):
        return {
            "PATH": os.environ["PATH"],
            "QUITANDA_NAME": name,
            "QUITANDA_REPLICAS": format_named_addresses(self.grpc),
            "QUITANDA_RAFT_ADDRESSES": format_named_addresses(self.raft),
            "QUITANDA_DATA_DIR": str(self.directory / name),
            "QUITANDA_LISTEN": str(self.grpc[name]),
            "QUITANDA_CLUSTER_SECRET": SECRET,
            "QUITANDA_BOOTSTRAP": "true",
            "QUITANDA_LOG_FORMAT": "json",
        }


class Client:
    """Talks to one replica; gives refusals and errors as values."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(str(address), channel_options())
        self._stub = ReplicaStub(self.channel)

    def execute(self, *requests, timeout=CALL_SECONDS):
        """[(outcome, revision)], or the failure."""
        request = pb.ExecuteRequest(requests=[encode_request(request) for request in requests])
        answer = self.call(self._stub.Execute, request, timeout)
        return [decode_outcome(o) for o in answer.outcomes] if isinstance(answer, pb.ExecuteResponse) else answer

    def execute_raw(self, request, timeout=CALL_SECONDS):
        return self.call(self._stub.Execute, request, timeout)

    def read(self, *items, timeout=CALL_SECONDS):
        return self.call(self._stub.Read, pb.ReadRequest(reads=items), timeout)

    def transfer_leadership(self):
        return self.call(self._stub.TransferLeadership, admin_portal_pb2.TransferLeadershipRequest(), CALL_SECONDS)

    def status(self):
        """The status, once the replica answers: one that is busy may miss a call's time."""
        return block_until(self.status_or_none, "the replica answers", START_SECONDS)

    def status_or_none(self):
        """The status, or None where the replica does not answer in a call's time."""
        answer = self.call(self._stub.GetStatus, pb.GetStatusRequest(), CALL_SECONDS)
        return answer.status if isinstance(answer, pb.GetStatusResponse) else None

    def health(self, service):
        answer = self.call(
            health_pb2_grpc.HealthStub(self.channel).Check,
            health_pb2.HealthCheckRequest(service=service),
            CALL_SECONDS,
        )
        return getattr(answer, "status", None) == health_pb2.HealthCheckResponse.SERVING

    def call(self, method, request, timeout):
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            return from_rpc_error(error)

    def close(self):
        self.channel.close()


class Cluster:
    """Whole replicas in this process."""

    def __init__(self, directory, number=3, mqtt=None, **changes):
        self.topology = Topology(directory, number, mqtt, **changes)
        self.running = {}
        self.fatal = []
        self._closing = ExitStack()
        self.clients = {}

    def start(self, *names):
        for name in names or self.topology.names:
            process = ReplicaProcess(self.topology.settings(name), self.fatal.append)
            process.start()
            self.running[name] = process
            self.clients[name] = Client(self.topology.grpc[name])
        return self

    def stop(self, name, timeout=5.0):
        self.clients.pop(name).close()
        self.running.pop(name).stop(timeout)

    def close(self):
        for name in list(self.running):
            self.stop(name, 1.0)

    def statuses(self):
        return [status for client in self.clients.values() if (status := client.status_or_none()) is not None]

    def leader(self):
        """Name of the replica that leads and is ready to answer."""
        return block_until(self._leader, "a leader")

    def leading(self):
        return self.clients[self.leader()]

    def followers(self):
        leader = self.leader()
        return [name for name in self.running if name != leader]

    def agreed(self):
        """The status of each replica, once all have the same revision."""

        def same():
            statuses = self.statuses()
            return statuses if len({status.revision for status in statuses}) == 1 else None

        return block_until(same, "all replicas at one revision")

    def _leader(self):
        for status in self.statuses():
            if status.role == admin_portal_pb2.REPLICA_ROLE_LEADER:
                answer = self.clients[status.name].read(timeout=1.0)
                if isinstance(answer, pb.ReadResponse):
                    return status.name
        return None


class Process:
    """A replica in a process of its own."""

    def __init__(self, topology, name, *, starter=(), **changes):
        """`starter`: a command that starts the one that follows on it."""
        self._log = topology.directory / f"{name}-{len(list(topology.directory.glob('*.log')))}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*starter, sys.executable, "-m", "quitanda_replica"],
                env=topology.environment(name) | changes,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.client = Client(topology.grpc[name])

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        return self._log.read_text()

    def ready(self):
        block_until(lambda: self.client.health("readiness") or self._ended(), "the replica is ready", 20)
        assert not self._ended(), self.log()
        return self

    def terminate(self, number=signal.SIGTERM):
        self._process.send_signal(number)
        return self.exit_code()

    def exit_code(self):
        return self._process.wait(20)

    def close(self):
        self.client.close()
        if not self._ended():
            self._process.kill()
            self._process.wait(10)

    def _ended(self):
        return self._process.poll() is not None
