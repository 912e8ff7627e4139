"""What is done to containers from outside does what it says: filters, narrow links, full and broken disks."""

import uuid

import pytest

from quitanda_local.waiting import wait_until
from quitanda_testing.containers.disks import Disks, DisksUnavailable
from quitanda_testing.containers.docker_run import TOOLS, DockerRun
from quitanda_testing.containers.network_faults import Damage, NetworkFaults, script

PORT = 9000
MANY = 200

needs_docker = pytest.mark.containers_only

LISTEN = f"""
import socket
from http.server import HTTPServer, SimpleHTTPRequestHandler
from threading import Thread
Thread(target=HTTPServer(("", {PORT}), SimpleHTTPRequestHandler).serve_forever, daemon=True).start()
datagrams = socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind(("", {PORT}))
while True:
    print(datagrams.recv(1000).decode(), flush=True)
"""
"""Serves files over TCP, and prints what comes over UDP."""

SAY = f"""
import socket, sys
to, times, text = sys.argv[1:]
for number in range(int(times)):
    socket.socket(type=socket.SOCK_DGRAM).sendto(f"{{text}}/{{number}}".encode(), (to, {PORT}))
"""

FETCH = f"""
import sys, time, urllib.request
begun = time.monotonic()
server, path, timeout = sys.argv[1:]
size = 0
try:
    size = len(urllib.request.urlopen(f"http://{{server}}:{PORT}/{{path}}", timeout=float(timeout)).read())
    print("read", time.monotonic() - begun, size)
except OSError as error:
    print(type(getattr(error, "reason", error)).__name__, time.monotonic() - begun, size)
"""

WRITE = """
import os, sys
try:
    with open("/data/" + sys.argv[1], "ab") as file:
        file.write(b"x" * int(sys.argv[2]))
        file.flush()
        os.fsync(file.fileno())
    print("written")
except OSError as error:
    print(error.errno and os.strerror(error.errno))
"""


@pytest.fixture(scope="module")
def run():
    """What everything here belongs to, and goes with."""
    run = DockerRun()
    yield run
    run.close()


class Peers:
    """Containers `one`, `two` and `three` in a network of their own."""

    def __init__(self, run):
        engine, prefix = run.client, run.name("peers")
        self.network = engine.networks.create(prefix, labels=run.labels)
        self.faults = NetworkFaults(engine, TOOLS, run.labels)
        self.containers = {
            name: engine.containers.run(
                TOOLS,
                ["python3", "-uc", LISTEN],
                name=f"{prefix}-{name}",
                detach=True,
                init=True,
                network=prefix,
                labels=run.labels,
            )
            for name in ("one", "two", "three")
        }
        self.one, self.two, self.three = (container.name for container in self.containers.values())

    def close(self):
        for container in self.containers.values():
            container.remove(force=True)
        self.network.remove()

    def execute(self, speaker, program, *arguments):
        container = next(c for c in self.containers.values() if c.name == speaker)
        return container.exec_run(["python3", "-c", program, *map(str, arguments)]).output.decode().strip()

    def heard(self, listener, text):
        container = next(c for c in self.containers.values() if c.name == listener)
        return sum(line.startswith(f"{text}/") for line in container.logs().decode().splitlines())

    async def hears(self, listener, speaker):
        """Say something that must arrive where anything does, then tell whether it came to this listener."""
        text = uuid.uuid4().hex
        self.execute(speaker, SAY, listener, 1, text)
        self.execute(listener, SAY, "127.0.0.1", 1, text)

        async def own_words():
            return self.heard(listener, text)

        return await wait_until(own_words, f"{listener} to hear itself", 5) == 2

    def fetch(self, reader, server, path="", timeout=1.0):
        """Give what came of it, seconds, and bytes."""
        outcome, seconds, size = self.execute(reader, FETCH, server, path, timeout).split()
        return outcome, float(seconds), int(size)


@pytest.fixture(scope="module")
def running_peers(run):
    peers = Peers(run)
    yield peers
    peers.close()


@pytest.fixture
def peers(running_peers):
    yield running_peers
    running_peers.faults.heal()


@needs_docker
async def test_whole_links_carry_everything(peers):
    assert await peers.hears(peers.one, peers.two)
    assert peers.fetch(peers.one, peers.two)[0] == "read"


@needs_docker
async def test_a_deaf_container_is_heard_and_hears_those_who_were_not_named(peers):
    peers.faults.deafen(peers.one, peers.two)

    assert not await peers.hears(peers.one, peers.two)
    assert await peers.hears(peers.two, peers.one)
    assert await peers.hears(peers.one, peers.three)

    peers.faults.reconcile(peers.one)

    assert await peers.hears(peers.one, peers.two)


@needs_docker
async def test_separated_containers_do_not_hear_each_other(peers):
    peers.faults.separate(peers.one, peers.two)

    assert not await peers.hears(peers.one, peers.two)
    assert not await peers.hears(peers.two, peers.one)
    assert await peers.hears(peers.three, peers.one)
    assert peers.fetch(peers.two, peers.one)[0] == "TimeoutError"


@needs_docker
async def test_an_isolated_container_hears_nobody_until_it_is_joined(peers):
    peers.faults.isolate(peers.one)

    assert not await peers.hears(peers.one, peers.two)
    assert not await peers.hears(peers.three, peers.one)

    peers.faults.join(peers.one)

    assert await peers.hears(peers.one, peers.two)


@needs_docker
async def test_a_reset_connection_fails_at_once(peers):
    peers.faults.reset(peers.one, peers.two)

    outcome, seconds, _ = peers.fetch(peers.two, peers.one)

    assert outcome == "ConnectionRefusedError"
    assert seconds < 0.5


@needs_docker
async def test_a_share_of_the_packets_is_lost(peers):
    peers.faults.worsen(peers.one, loss=0.5)
    text = uuid.uuid4().hex
    peers.execute(peers.two, SAY, peers.one, MANY, text)
    peers.faults.heal(peers.one)
    await peers.hears(peers.one, peers.two)

    # ten standard deviations to each side of a half
    assert MANY * 0.15 < peers.heard(peers.one, text) < MANY * 0.85


@needs_docker
async def test_a_narrow_sender_takes_its_time(peers):
    megabit = 10**6 // 8
    peers.execute(peers.one, f"open('big', 'wb').write(bytes({megabit}))")
    peers.faults.worsen(peers.one, kilobits_per_second=1_000)
    _, slowly, size = peers.fetch(peers.two, peers.one, "big", 10)
    peers.faults.heal(peers.one)
    _, quickly, _ = peers.fetch(peers.two, peers.one, "big", 10)

    assert size == megabit
    # the first packets may use what was saved before
    assert slowly > 0.7
    assert quickly < slowly / 2


@needs_docker
async def test_what_was_broken_is_broken_again_in_the_next_life(peers):
    peers.faults.deafen(peers.one, peers.two)
    container = peers.containers["one"]
    container.restart(timeout=0)
    peers.faults.renew(peers.one)

    assert not await peers.hears(peers.one, peers.two)

    peers.faults.heal()

    assert await peers.hears(peers.one, peers.two)


async def test_the_rules_spare_the_loopback_and_name_each_address_of_a_peer():
    text = script(
        Damage(deaf_to=frozenset({"b"}), mute_to=frozenset({"c"})), {"b": ["10.0.0.2", "10.1.0.2"], "c": ["10.0.0.3"]}
    )

    assert text.index("-i lo -j ACCEPT") < text.index("-s 10.0.0.2 -j DROP") < text.index("-s 10.1.0.2 -j DROP")
    assert "-d 10.0.0.3 -j DROP" in text
    assert "qdisc del" in text


@pytest.fixture(scope="module")
def disk(run):
    """A disk, and what runs a program in a container that uses it."""
    disks = Disks(run.client, TOOLS, run.name("disks"), run.labels)
    try:
        disks.make("data", megabytes=32)
    except DisksUnavailable as reason:
        disks.remove()
        pytest.skip(f"no loop devices: {reason}")
    yield disks
    disks.remove()


@pytest.fixture
def user(run, disk):
    """A container that uses the disk."""
    container = run.client.containers.run(
        TOOLS,
        ["sleep", "infinity"],
        detach=True,
        init=True,
        user="10001",
        name=run.name("user"),
        labels=run.labels,
        network_mode="none",
        volumes={disk.volume("data"): {"bind": "/data", "mode": "rw"}},
    )
    yield container
    container.remove(force=True)


def write(user, name, size=1):
    return user.exec_run(["python3", "-c", WRITE, name, str(size)]).output.decode().strip()


@needs_docker
def test_a_new_disk_is_empty_and_belongs_to_the_services_user(user):
    assert user.exec_run(["ls", "-A", "/data"]).output == b""
    assert write(user, "kept") == "written"


@needs_docker
def test_a_full_disk_takes_nothing_until_it_is_repaired_and_keeps_what_it_had(disk, user):
    assert write(user, "before", 1_000) == "written"

    disk.fill("data")

    assert write(user, "more", 100_000) == "No space left on device"

    disk.repair("data")

    assert write(user, "more", 100_000) == "written"
    assert user.exec_run(["wc", "-c", "/data/before"]).output.startswith(b"1000 ")


KEEP_WRITING = """
import time
try:
    with open("/data/open", "ab", 0) as file:
        while not time.sleep(0.02):
            file.write(b"x")
except OSError as error:
    open("/tmp/last-words", "w").write(type(error).__name__)
"""


@needs_docker
async def test_a_disk_that_became_read_only_refuses_writes_to_open_files_too_until_it_is_repaired(disk, user):
    user.exec_run(["python3", "-c", KEEP_WRITING], detach=True)

    async def begun():
        return user.exec_run(["test", "-s", "/data/open"]).exit_code == 0

    async def ended():
        return user.exec_run(["cat", "/tmp/last-words"]).output == b"OSError"

    await wait_until(begun, "a first byte in the open file", 5)
    assert write(user, "early", 1_000) == "written"

    disk.make_read_only("data")

    await wait_until(ended, "a write to the open file to fail", 5)
    assert write(user, "after") == "Read-only file system"

    user.stop(timeout=0)
    disk.repair("data")
    user.start()

    assert write(user, "after") == "written"
    assert user.exec_run(["wc", "-c", "/data/early"]).output.startswith(b"1000 ")
