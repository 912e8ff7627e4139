"""Links between replicas that can be cut and joined."""

import asyncio
from types import SimpleNamespace

import pytest

from quitanda_local.ports import free_ports
from quitanda_local.process import Process, Spawner
from quitanda_local.topology import Service, ServiceRole
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.partitions import Partitions, links_between, links_to

NAMES = ("replica1", "replica2", "replica3")


@pytest.fixture
async def relayed(tmp_path):
    """Three servers that answer each line with their name, and the relay between them."""
    ports = free_ports(3)
    servers = []
    heard = {name: [] for name in NAMES}
    answering_tasks = []

    def answering(name):
        async def answer(reader, writer):
            answering_tasks.append(asyncio.current_task())
            while line := await reader.readline():
                heard[name].append(line.decode().strip())
                writer.write(f"{name} heard {line.decode()}".encode())
            writer.close()

        return answer

    for name, port in zip(NAMES, ports, strict=True):
        servers.append(await asyncio.start_server(answering(name), "127.0.0.1", port))
    spawner = Spawner()
    replicas = [Service(name, ServiceRole.REPLICA, 1, port) for name, port in zip(NAMES, ports, strict=True)]
    partitions = Partitions(replicas, Process("relay", tmp_path / "relay.log", spawner), tmp_path / "relay.json")
    await partitions.start()
    lines = []

    async def line(sender, receiver):
        reader, writer = await asyncio.open_connection("127.0.0.1", partitions.ports[sender, receiver])
        lines.append(writer)
        return SimpleNamespace(reader=reader, writer=writer)

    async def wait_until_heard(name, text):
        async def arrived():
            return text in heard[name]

        await wait_until(arrived, f"{name} to hear {text}", 5)

    yield SimpleNamespace(partitions=partitions, line=line, heard=heard, wait_until_heard=wait_until_heard)
    for writer in lines:
        writer.close()
    assert await partitions.stop()
    spawner.close()
    # a connection that the loop's end finds open is a warning in whichever test comes next
    await asyncio.wait_for(asyncio.gather(*answering_tasks, return_exceptions=True), 5)
    for server in servers:
        server.close()


async def answer(line, text, seconds):
    line.writer.write(f"{text}\n".encode())
    async with asyncio.timeout(seconds):
        return (await line.reader.readline()).decode().strip()


async def test_a_cut_link_is_silent_and_brings_everything_once_it_is_joined(relayed):
    line = await relayed.line("replica1", "replica2")

    assert await answer(line, "one", 5) == "replica2 heard one"

    await relayed.partitions.separate(["replica1"])
    with pytest.raises(TimeoutError):
        await answer(line, "two", 0.2)
    fresh = await relayed.line("replica2", "replica1")
    with pytest.raises(TimeoutError):
        await answer(fresh, "three", 0.2)
    await relayed.partitions.heal()

    async with asyncio.timeout(5):
        assert await line.reader.readline() == b"replica2 heard two\n"
        assert await fresh.reader.readline() == b"replica1 heard three\n"


async def test_those_on_the_same_side_still_hear_each_other(relayed):
    await relayed.partitions.separate(["replica1"])
    line = await relayed.line("replica2", "replica3")

    assert await answer(line, "hello", 5) == "replica3 heard hello"


async def test_who_is_deaf_one_way_is_still_heard_and_hears_everything_once_joined(relayed):
    line = await relayed.line("replica1", "replica2")
    assert await answer(line, "one", 5) == "replica2 heard one"

    await relayed.partitions.block_from(["replica2"], "replica1")
    with pytest.raises(TimeoutError):
        await answer(line, "two", 0.2)
    await relayed.wait_until_heard("replica2", "two")
    await relayed.partitions.block_from(["replica1"], "replica2")
    with pytest.raises(TimeoutError):
        await answer(line, "three", 0.2)

    assert relayed.heard["replica2"] == ["one", "two"]

    await relayed.partitions.heal()
    async with asyncio.timeout(5):
        assert await line.reader.readline() == b"replica2 heard two\n"
        assert await line.reader.readline() == b"replica2 heard three\n"


def test_a_partition_cuts_the_links_between_the_two_sides_only():
    assert links_between(NAMES, ["replica1"]) == {
        "replica1>replica2",
        "replica2>replica1",
        "replica1>replica3",
        "replica3>replica1",
    }
    assert links_between(NAMES, ["replica1", "replica2"]) == links_between(NAMES, ["replica3"])
    assert links_between(NAMES, []) == set()
    with pytest.raises(KeyError, match="replica9"):
        links_between(NAMES, ["replica9"])


def test_a_listener_that_is_deaf_to_some_loses_the_ways_from_those_only():
    assert links_to(NAMES, "replica1", ["replica2"]) == {"replica2>replica1"}
    assert links_to(NAMES, "replica1", ["replica2", "replica3"]) == {"replica2>replica1", "replica3>replica1"}
    with pytest.raises(KeyError, match="replica9"):
        links_to(NAMES, "replica9", ["replica2"])


def test_replicas_reach_each_other_through_the_relay_and_listen_at_their_own_ports(tmp_path):
    replicas = [
        Service(name, ServiceRole.REPLICA, 1, port) for name, port in zip(NAMES, (7021, 7022, 7023), strict=True)
    ]
    partitions = Partitions(replicas, Process("relay", tmp_path / "relay.log", None), tmp_path / "relay.json")
    through = partitions.ports

    assert partitions.addresses_seen_by("replica1") == (
        f"replica1=127.0.0.1:7021,replica2=127.0.0.1:{through['replica1', 'replica2']},"
        f"replica3=127.0.0.1:{through['replica1', 'replica3']}"
    )
    assert len({7021, 7022, 7023, *through.values()}) == 9
