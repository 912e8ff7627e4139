"""The cluster's id in whole replicas: where it comes from, and what becomes of data from before there were ids."""

import pytest
from replica_processes import Cluster
from replica_state import customer

from quitanda.domain.commands import Request
from quitanda_replica.raft.cluster_identity import CLUSTER_KEY, DISK_KEY
from quitanda_replica.state.store import Store
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    assert cluster.fatal == []
    cluster.close()


def write(cluster, customer_id):
    def done():
        return isinstance(cluster.leading().execute(Request("test", customer_id, customer(customer_id))), list)

    block_until(done, "the write is acknowledged")


def ids(cluster):
    return {status.cluster for status in cluster.statuses()}


def forget_id(folder):
    """Make the folder what a version without ids left behind."""
    store = Store.open(folder)
    for key in (CLUSTER_KEY, DISK_KEY):
        store.delete(key)
    store.commit()
    store.close()


def stop_all(cluster):
    for name in list(cluster.running):
        cluster.stop(name)


def test_all_replicas_of_a_new_cluster_have_one_id_and_keep_it(cluster):
    cluster.start()
    write(cluster, "ana")
    (first,) = block_until(lambda: ids(cluster) if len(ids(cluster)) == 1 else None, "one id")
    stop_all(cluster)

    cluster.start()
    write(cluster, "rui")

    assert len(first) == 32
    assert ids(cluster) == {first}


def test_data_of_before_there_were_ids_get_one_without_anybodys_hand_and_keep_everything(cluster):
    cluster.start()
    write(cluster, "ana")
    (first,) = block_until(lambda: ids(cluster) if len(ids(cluster)) == 1 else None, "one id")
    cluster.agreed()
    stop_all(cluster)
    for name in cluster.topology.names:
        forget_id(cluster.topology.directory / name)

    cluster.start("replica2", "replica3")
    write(cluster, "rui")
    assert ids(cluster) == {""}
    cluster.start("replica1")
    (second,) = block_until(
        lambda: ids(cluster) if len(ids(cluster)) == 1 and "" not in ids(cluster) else None, "an id"
    )
    write(cluster, "eva")

    assert second != first
    assert {status.customers for status in cluster.agreed()} == {3}


def test_a_disk_of_before_there_were_ids_that_was_not_there_when_the_id_was_given_is_refused(cluster):
    cluster.start()
    write(cluster, "ana")
    cluster.agreed()
    stop_all(cluster)
    folder = cluster.topology.directory / "replica3"
    forget_id(folder)

    cluster.start()
    write(cluster, "rui")
    block_until(
        lambda: any(peer.refused for peer in cluster.clients["replica3"].status().peers), "the old disk is refused"
    )

    refused = [peer for peer in cluster.clients["replica1"].status().peers if peer.name == "replica3"]
    assert "without an id" in refused[0].refused
    assert cluster.clients["replica3"].status().customers == 1
    assert not cluster.clients["replica3"].health("readiness")


def test_a_replica_with_another_list_of_replicas_is_refused(cluster):
    cluster.start()
    write(cluster, "ana")
    cluster.agreed()
    cluster.stop("replica3")
    fewer = cluster.topology.names.pop(0)
    settings = cluster.topology.settings("replica3")
    without = {name: address for name, address in settings.replicas.items() if name != fewer}
    raft = {name: address for name, address in settings.raft_addresses.items() if name != fewer}
    changed = settings.model_copy(update={"replicas": without, "raft_addresses": raft})
    cluster.topology.names.insert(0, fewer)
    cluster.topology.settings = lambda _: changed

    cluster.start("replica3")

    block_until(lambda: cluster.clients["replica3"].status().peers[0].refused, "it is refused")
    told = cluster.clients["replica3"].status().peers[0].refused
    assert "list of replicas" in told
    assert not cluster.clients["replica3"].health("readiness")
