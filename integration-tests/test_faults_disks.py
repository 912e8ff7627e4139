"""A replica's disk is full, or takes no writes any more: it stops by itself and says why, and the others go on."""

import json
import time

import pytest

from quitanda_local.errors import ProcessDied
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Fault
from quitanda_testing.cluster.fault_targets import REPLICAS, victim
from quitanda_testing.workload.traffic import traffic

pytestmark = pytest.mark.needs(Fault.BAD_DISK)

STOPPED_SECONDS = 15.0
"""The longest until a replica that cannot write any more has ended; it finds out when it writes."""

ELECTED_SECONDS = 8.0


@pytest.fixture(params=["full", "read-only"])
def break_disk(request, healthy_cluster):
    """Give what happens to the disk of a replica."""
    return {"full": healthy_cluster.fill_disk, "read-only": healthy_cluster.make_disk_read_only}[request.param]


@pytest.mark.parametrize("role", REPLICAS)
async def test_a_replica_whose_disk_fails_stops_by_itself_and_is_as_good_as_any_after_the_repair(
    healthy_cluster, break_disk, role
):
    async with traffic(healthy_cluster) as busy:
        replica = await victim(healthy_cluster, role)
        since = time.monotonic()
        await break_disk(replica)
        await stopped_by_itself(healthy_cluster, replica)
        await busy.goes_on()
        pause = busy.longest_pause(since)
        await healthy_cluster.repair_disk(replica)
        await healthy_cluster.restart(replica)
        leader = await healthy_cluster.wait_for_leader()
        await healthy_cluster.wait_for_revision((await healthy_cluster.status(leader)).revision, [replica])
        await busy.goes_on()

        assert pause < ELECTED_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()
    agreed = await healthy_cluster.wait_until_replicas_agree()

    assert (await healthy_cluster.digests())[replica] == agreed


async def stopped_by_itself(cluster, replica):
    """Wait until the replica has ended; it says that its disk failed, and what to do, and ends with code 3."""

    async def ended():
        return not cluster.running(replica)

    await wait_until(ended, f"{replica} to stop", STOPPED_SECONDS)
    with pytest.raises(ProcessDied, match="ended with exit code 3"):
        await cluster.wait_until_ready(replica)
    last_words = json.loads(cluster.log(replica)[-1])

    assert last_words["event"] == "replica_failed"
    assert last_words["error"].startswith("the database failed")
    assert "start the replica again as it is" in last_words["next_step"]
