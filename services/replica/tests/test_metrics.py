"""What a replica shows to Prometheus: its numbers are those of its parts, and counters are typed as counters."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from replica_broker import Broker
from replica_processes import Cluster
from replica_state import customer

from quitanda.domain.commands import Request
from quitanda_replica.distribution import Distribution
from quitanda_replica.metrics import Figure, Figures
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow


@pytest.fixture
def single(tmp_path):
    made = Cluster(tmp_path, 1).start()
    yield made
    made.close()
    assert made.fatal == []


@pytest.fixture
def three(tmp_path):
    made = Cluster(tmp_path).start()
    yield made
    made.close()
    assert made.fatal == []


def write(cluster, name="c"):
    ((outcome, _),) = cluster.leading().execute(Request("", name, customer(name)))
    return outcome


def value(cluster, name, sample, **labels):
    return cluster.running[name].registry.get_sample_value(sample, labels)


def test_metrics_tell_of_raft_commands_and_the_state(single):
    write(single)
    text = generate_latest(single.running["replica1"].registry).decode()

    assert 'quitanda_replica_commands_total{command="create_customer",reason="OK"} 1.0' in text
    assert "quitanda_raft_leader 1.0" in text
    assert "quitanda_raft_has_leader 1.0" in text
    assert "quitanda_raft_leader_changes_total 1.0" in text
    assert "quitanda_documents_customers 1.0" in text
    assert "quitanda_documents_closed_orders 0.0" in text
    assert "quitanda_remembered_requests 1.0" in text
    assert 'quitanda_build_info{level="' in text


def test_each_entry_is_timed_and_its_commands_are_counted(single):
    before = value(single, "replica1", "quitanda_apply_seconds_count")
    write(single)

    assert value(single, "replica1", "quitanda_apply_seconds_count") - before >= 1
    assert value(single, "replica1", "quitanda_apply_seconds_sum") > 0
    assert value(single, "replica1", "quitanda_commands_per_entry_bucket", le="1.0") >= 1


def test_each_batch_is_timed_and_its_sync_is_a_part_of_that(single):
    before = value(single, "replica1", "quitanda_disk_sync_seconds_count")
    write(single)

    assert value(single, "replica1", "quitanda_disk_sync_seconds_count") > before
    sync = value(single, "replica1", "quitanda_disk_sync_seconds_sum")
    assert 0 < sync <= value(single, "replica1", "quitanda_disk_batch_seconds_sum")


def test_the_disk_of_the_data_folder_is_shown(single):
    assert value(single, "replica1", "quitanda_data_folder_bytes") > 0
    assert value(single, "replica1", "quitanda_data_folder_free_bytes") > 0


def test_a_leader_shows_how_far_each_peer_is_and_how_long_it_takes(three):
    write(three)
    leader = three.leader()
    followers = three.followers()
    block_until(
        lambda: all(value(three, leader, "quitanda_raft_peer_lag_entries", peer=peer) == 0 for peer in followers),
        "no peer lacks an entry",
    )

    for peer in followers:
        assert value(three, leader, "quitanda_raft_peer_round_trip_seconds_count", peer=peer) >= 1
        assert value(three, leader, "quitanda_raft_peer_round_trip_seconds_sum", peer=peer) > 0
        assert value(three, peer, "quitanda_raft_has_leader") == 1
        assert value(three, peer, "quitanda_raft_peer_lag_entries", peer=leader) is None  # only a leader knows


def test_a_peer_that_is_away_is_shown_to_lack_what_is_written_meanwhile(three):
    write(three, "first")
    leader = three.leader()
    away = three.followers()[0]
    three.stop(away)
    write(three, "second")

    assert value(three, leader, "quitanda_raft_peer_lag_entries", peer=away) >= 1


def test_every_replica_counts_a_change_of_the_leader(three):
    leader = three.leader()
    block_until(
        lambda: all(value(three, name, "quitanda_raft_has_leader") == 1 for name in three.running), "all know a leader"
    )
    before = {name: value(three, name, "quitanda_raft_leader_changes_total") for name in three.running}
    three.leading().transfer_leadership()
    block_until(lambda: three.leader() != leader, "another leader")

    block_until(
        lambda: all(value(three, n, "quitanda_raft_leader_changes_total") > before[n] for n in before),
        "all count the change",
    )


def test_what_the_feed_counts_is_typed_as_a_counter(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    cluster = Cluster(tmp_path / "cluster", 1, broker.address).start()
    try:
        write(cluster)
        block_until(lambda: value(cluster, "replica1", "quitanda_feed_published_total") or None, "a feed message")
        text = generate_latest(cluster.running["replica1"].registry).decode()
    finally:
        cluster.close()
        broker.stop()

    for name in ("published", "lost", "dropped"):
        assert f"# TYPE quitanda_feed_{name}_total counter" in text
    assert "# TYPE quitanda_feed_connected gauge" in text


def test_a_distribution_counts_inclusive_upper_bounds_and_what_is_above_them():
    seconds = Distribution((1.0, 2.0))
    for observed in (0.5, 1.0, 1.5, 3.0):
        seconds.observe(observed)

    assert seconds.cumulated() == [2, 3, 4]
    assert seconds.sum == 6.0


def test_figures_are_read_when_somebody_asks():
    registry = CollectorRegistry()
    now = [1.0]
    read = lambda: now[0]  # noqa: E731
    Figures(registry, gauges=[Figure("g", "a gauge", read)], counters=[Figure("c", "a counter", read)])
    now[0] = 5.0

    assert registry.get_sample_value("g") == 5.0
    assert registry.get_sample_value("c_total") == 5.0
