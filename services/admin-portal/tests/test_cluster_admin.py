"""Caring for the cluster: hand over, back up, verify, over real gRPC."""

import grpc
import pytest

from quitanda import error_status, rpc_status
from quitanda.errors import Unavailable
from quitanda.v1 import admin_portal_pb2 as pb

PARTS = [
    pb.BackupPart(header=pb.BackupHeader(revision=7)),
    pb.BackupPart(chunk=pb.BackupChunk(pairs=b"x" * 300_000)),
    pb.BackupPart(trailer=pb.BackupTrailer(chunks=1)),
]


async def received(portal):
    """All parts of a backup, and what it failed with."""
    parts = []
    try:
        async for part in portal.stub.BackupCluster(pb.BackupClusterRequest(), timeout=10):
            parts.append(part)  # noqa: PERF401 - what came before a failure counts, too
    except grpc.aio.AioRpcError as error:
        return parts, error_status.describe(rpc_status.from_rpc_error(error))
    return parts, None


async def test_the_leadership_is_handed_over_to_whom_is_named(portal, cluster):
    response = await portal.call("TransferLeadership", pb.TransferLeadershipRequest(to="replica3"))

    assert (response.leader, response.term) == ("replica3", 7)
    assert cluster.administration.transfers == ["replica3"]


async def test_a_name_that_is_none_is_refused_here(portal, cluster):
    failure = await portal.call("TransferLeadership", pb.TransferLeadershipRequest(to="no name at all"))

    assert (failure.reason, failure.field) == ("INVALID_ARGUMENT", "to")
    assert cluster.administration.transfers == []


async def test_a_backup_passes_through_part_by_part(portal, cluster):
    cluster.administration.backup_parts = PARTS

    assert await received(portal) == (PARTS, None)
    assert cluster.administration.backup_closed


async def test_a_backup_that_cannot_begin_says_why(portal, cluster):
    cluster.fail_next(Unavailable("nobody leads"))

    parts, failure = await received(portal)

    assert parts == []
    assert failure.reason == "UNAVAILABLE"


async def test_a_backup_that_breaks_off_says_so_behind_what_it_had(portal, cluster):
    cluster.administration.backup_parts = PARTS[:2]
    cluster.administration.breaks_off = Unavailable("the leader is gone")

    parts, failure = await received(portal)

    assert parts == PARTS[:2]
    assert failure.reason == "UNAVAILABLE"


async def test_a_backup_is_counted_like_every_call(portal, cluster):
    cluster.administration.backup_parts = PARTS
    await received(portal)

    counted = {
        sample.labels["operation"]: sample.value
        for metric in portal.registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_count") and "operation" in sample.labels
    }
    assert counted["backup_cluster"] == 1


@pytest.mark.parametrize("leads", [True, False])
async def test_the_replicas_are_compared_at_the_present_revision_if_anybody_knows_it(portal, cluster, leads):
    cluster.administration.told = [pb.ReplicaVerification(name="replica1", reachable=True, keys=3)]
    if not leads:
        cluster.fail_next(Unavailable("nobody leads"))

    response = await portal.call("VerifyCluster", pb.VerifyClusterRequest())

    assert list(response.replicas) == cluster.administration.told
    assert cluster.administration.compared == [cluster.revision if leads else 0]
    assert response.revision == cluster.administration.compared[0]
