"""The contract's suite itself: a server that is plainly right passes it, and it finds the mistake of each wrong one."""

import asyncio
from contextlib import contextmanager

import pytest
from replica_contract.service import ContractBroken, Target
from replica_contract.suite import CHECKS, run
from replica_contract.wrong_replicas import FOUND_BY
from running_broker import Broker

from quitanda.runtime.addresses import Address
from quitanda_local.ports import free_ports
from quitanda_testing.in_memory_replica import InMemoryReplica
from quitanda_testing.in_memory_service import InMemoryService

FEED_KEY = "the feed key of the contract's suite"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    running = Broker(tmp_path_factory.mktemp("broker"))
    asyncio.run(running.start())
    yield Address(running.host, running.port)
    running.stop()


@contextmanager
def served(kind, broker):
    address = Address("127.0.0.1", free_ports(1)[0])
    with InMemoryService(address, broker, FEED_KEY, kind):
        yield Target({"replica1": str(address)}, str(broker), FEED_KEY)


@pytest.fixture(scope="module")
def right(broker):
    with served(InMemoryReplica, broker) as target:
        yield target


@pytest.mark.parametrize("check", CHECKS)
def test_another_engine_under_the_same_contract_keeps(check, right):
    run(check, right)


@pytest.mark.parametrize("wrong", FOUND_BY, ids=lambda wrong: wrong.__name__)
def test_a_mistake_is_found(wrong, broker):
    with served(wrong, broker) as target, pytest.raises(ContractBroken):
        run(FOUND_BY[wrong], target)
