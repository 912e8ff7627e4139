"""Ten thousand hostile inputs at the Raft ports of a leader and of a follower, while clients write."""

import json
import threading
from datetime import datetime
from pathlib import Path

import pytest
from hostile_inputs import Stranger, Tap
from replica_processes import HOST, Process, Topology
from replica_state import customer

from quitanda.domain.commands import Request
from quitanda.domain.outcomes import Done
from quitanda.runtime.addresses import Address, format_named_addresses
from quitanda.v1 import admin_portal_pb2
from quitanda_local import ports
from quitanda_replica.raft.connection import LINES_PER_PERIOD, PERIOD_SECONDS, UNAUTHENTICATED_MAX
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

INPUTS = 10_000
WRITES_MEANWHILE = 100
MEMORY_GROWTH_KIB_MAX = 30 * 1024
RECORDED_BYTES_MIN = 3_000
LINES_MAX = LINES_PER_PERIOD + 2
"""Of a period: one for each of the first, one for the number of the others, one for those that never greeted."""


class Cluster:
    """Three replicas as processes; replica3, which connects to the other two, reaches them through taps."""

    def __init__(self, directory):
        self.topology = Topology(directory, 3)
        tapped = dict(zip(("replica1", "replica2"), ports.free_ports(2), strict=True))
        self.taps = [Tap(port, (HOST, self.topology.raft[name].port)) for name, port in tapped.items()]
        through = self.topology.raft | {name: Address(HOST, port) for name, port in tapped.items()}
        changes = {"replica3": {"QUITANDA_RAFT_ADDRESSES": format_named_addresses(through)}}
        self.processes = {name: Process(self.topology, name, **changes.get(name, {})) for name in self.topology.names}

    def recorded(self):
        """What replica3 has said to whom it has said most."""
        return bytes(max((tap.recorded for tap in self.taps), key=len))

    def statuses(self):
        return {name: process.client.status_or_none() for name, process in self.processes.items()}

    def standing(self):
        """(leader, term) that all agree on, or None."""
        statuses = [status for status in self.statuses().values() if status is not None]
        common = {(status.leader, status.term) for status in statuses}
        return common.pop() if len(common) == 1 and len(statuses) == 3 and statuses[0].leader else None

    def agreed(self):
        """The digest and revision that all have, or None."""
        common = {(status.state_digest, status.revision) for status in self.statuses().values()}
        return common.pop() if len(common) == 1 else None

    def close(self):
        for process in self.processes.values():
            process.close()
        for tap in self.taps:
            tap.close()


class Writer(threading.Thread):
    """Writes without a pause, and keeps what was not acknowledged at the first try."""

    def __init__(self, client, name):
        super().__init__(name=name)
        self._client = client
        self._ending = threading.Event()
        self.acknowledged = 0
        self.failed = []

    def run(self):
        while not self._ending.is_set():
            name = f"{self.name}-{self.acknowledged + len(self.failed)}"
            answer = self._client.execute(Request("", name, customer(name)))
            if isinstance(answer, list) and isinstance(answer[0][0], Done):
                self.acknowledged += 1
            else:
                self.failed.append(answer)
            self._ending.wait(0.01)

    def end(self):
        self._ending.set()
        self.join()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    made.close()


def test_ten_thousand_hostile_inputs_at_the_raft_ports_are_refused_and_disturb_nobody(cluster, tmp_path):
    for process in cluster.processes.values():
        process.ready()
    leader, term = block_until(cluster.standing, "a leader that all know", 20)
    follower = next(name for name in cluster.processes if name != leader)
    writers = [Writer(cluster.processes[leader].client, f"w{number}") for number in range(2)]
    for writer in writers:
        writer.start()
    block_until(lambda: len(cluster.recorded()) > RECORDED_BYTES_MIN, "replica3 to say something", 20)
    recorded = cluster.recorded()
    before = {name: Footprint.of(process) for name, process in cluster.processes.items()}

    marker = tmp_path / "a pickle was loaded"
    strangers = [
        Stranger((HOST, cluster.topology.raft[name].port), recorded, marker, seed)
        for seed, name in enumerate((leader, follower))
    ]

    def served():
        return all(writer.failed or writer.acknowledged > WRITES_MEANWHILE for writer in writers)

    throwing = [threading.Thread(target=stranger.throw, args=(INPUTS // 2, served)) for stranger in strangers]
    peaks = throw(throwing, cluster)
    for writer in writers:
        writer.end()

    assert sum(stranger.thrown for stranger in strangers) >= INPUTS
    assert not marker.exists()
    assert [writer.failed for writer in writers] == [[], []]
    assert all(writer.acknowledged > WRITES_MEANWHILE for writer in writers)
    assert cluster.standing() == (leader, term)
    block_until(cluster.agreed, "one digest of all", 10)
    for name in (leader, follower):
        assert peaks[name].descriptors <= before[name].descriptors + UNAUTHENTICATED_MAX + 5
        assert peaks[name].memory_kib <= before[name].memory_kib + MEMORY_GROWTH_KIB_MAX
        told_at = lines_about_rejected_connections(cluster.processes[name])
        assert told_at
        assert most_within(PERIOD_SECONDS, told_at) <= 2 * LINES_MAX, "a stretch of that length touches two periods"
    for process in cluster.processes.values():
        assert process.terminate() == 0


def lines_about_rejected_connections(process):
    """When each was written, by the log's own clock."""
    return [
        datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
        for line in process.log().splitlines()
        if "connection_rejected" in line or "connections_rejected" in line
    ]


def most_within(seconds, times):
    """How many of the times lie within one stretch of so many seconds, at most."""
    return max(sum(begin <= time < begin + seconds for time in times) for begin in times)


class Footprint:
    """What a process holds, and the most of it that was seen."""

    def __init__(self, memory_kib, descriptors):
        self.memory_kib = memory_kib
        self.descriptors = descriptors

    @classmethod
    def of(cls, process):
        folder = Path("/proc") / str(process.pid)
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return cls(int(status["RssAnon"].split()[0]), len(list((folder / "fd").iterdir())))


def throw(throwing, cluster):
    """Let the strangers do their worst; return the peaks of each process."""
    peaks = {name: Footprint(0, 0) for name in cluster.processes}
    pause = threading.Event()
    for thread in throwing:
        thread.start()
    while any(thread.is_alive() for thread in throwing):
        for name, process in cluster.processes.items():
            now, peak = Footprint.of(process), peaks[name]
            peak.memory_kib = max(peak.memory_kib, now.memory_kib)
            peak.descriptors = max(peak.descriptors, now.descriptors)
        pause.wait(0.1)
    return peaks


def test_the_commands_of_the_librarys_own_administration_are_unknown_on_the_port(cluster):
    """`readonly`, `add`, `remove`, `transfer`: PySyncObj would obey whoever sends them."""
    for process in cluster.processes.values():
        process.ready()
    standing = block_until(cluster.standing, "a leader that all know", 20)
    stranger = Stranger((HOST, cluster.topology.raft[standing[0]].port), b"", None, 1)

    for _ in range(100):
        stranger._admin_messages()

    assert cluster.standing() == standing
    assert {len(status.peers) for status in cluster.statuses().values()} == {2}
    assert all(peer.connected for status in cluster.statuses().values() for peer in status.peers)
    assert admin_portal_pb2.REPLICA_ROLE_LEADER in {status.role for status in cluster.statuses().values()}
