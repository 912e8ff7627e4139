"""A portal sends a command that came later only when a replica has said that the cluster is at its level."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from quitanda.cluster_client.known_level import ASK_SECONDS_MAX, KnownLevel
from quitanda.domain.commands import CreateCustomer
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected, Unavailable
from quitanda.v1.admin_portal_pb2 import ReplicaStatus


@dataclass(frozen=True, slots=True)
class RateProduct:
    """A command that came with level 2, for an example."""

    since: ClassVar[int] = 2
    product_id: str


class Replicas:
    def __init__(self, *levels):
        self.levels = levels
        self.asked = 0

    async def statuses(self, timeout):
        assert 0 < timeout <= ASK_SECONDS_MAX
        self.asked += 1
        return [
            ReplicaStatus(name=f"replica{number}", reachable=level is not None, cluster_level=level or 0)
            for number, level in enumerate(self.levels)
        ]


async def test_a_command_of_the_first_level_asks_nobody():
    replicas = Replicas(0, 0, 0)

    assert await KnownLevel(replicas.statuses).check(CreateCustomer("ana", "Ana"), 1.0) is None
    assert replicas.asked == 0


async def test_a_later_command_is_refused_until_a_replica_says_that_the_cluster_is_at_its_level():
    replicas = Replicas(0, 1, 1)
    known = KnownLevel(replicas.statuses)

    refused = await known.check(RateProduct("pen"), 1.0)
    assert refused.reason is Reason.LEVEL_TOO_LOW
    assert dict(refused.details) == {"level": "1", "needed": "2"}

    replicas.levels = (0, 2, 1)
    assert await known.check(RateProduct("pen"), 1.0) is None
    replicas.levels = ()
    assert await known.check(RateProduct("pen"), 1.0) is None
    assert replicas.asked == 2


async def test_where_no_replica_answers_nobody_says_that_the_level_is_too_low():
    with pytest.raises(Unavailable):
        await KnownLevel(Replicas(None, None, None).statuses).check(RateProduct("pen"), 1.0)


async def test_a_silent_replica_takes_no_more_of_a_commands_time_than_its_share():
    refused = await KnownLevel(Replicas(1, None, None).statuses).check(RateProduct("pen"), 60 * ASK_SECONDS_MAX)

    assert refused.reason is Reason.LEVEL_TOO_LOW


async def test_one_replica_that_answers_is_enough_to_refuse():
    refused = await KnownLevel(Replicas(None, 1, None).statuses).check(RateProduct("pen"), 1.0)

    assert refused.reason is Reason.LEVEL_TOO_LOW


async def test_a_replica_of_a_version_that_knows_no_levels_is_named_when_the_level_is_to_be_raised(replicas):
    """The fakes do not offer the call, as replicas of version 0.1.0 do not."""
    replicas.lead(2)
    async with replicas.client() as client:
        await client.execute(replicas.create(), 5)

        with pytest.raises(Rejected) as rejected:
            await client.administration.raise_level(0, 5)

    assert rejected.value.refused.reason is Reason.LEVEL_NOT_SUPPORTED
    assert rejected.value.details == {"level": str(SUPPORTED_LEVEL), "replica": "replica2", "supported": "1"}
