"""Replicas as processes: how they end, what they say, and that killing them loses nothing."""

import json
import shutil
import signal

import pytest
from replica_processes import Process, Topology
from replica_state import customer

from quitanda.domain.commands import Request
from quitanda.v1 import admin_portal_pb2
from quitanda_replica.state import keys
from quitanda_replica.state.store import Store
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow


@pytest.fixture
def topology(tmp_path):
    return Topology(tmp_path, 1)


@pytest.fixture
def started():
    """Start replicas that are ended with the test."""
    processes = []

    def start(topology, name="replica1", **changes):
        processes.append(Process(topology, name, **changes))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


def events(process):
    """The log lines that are ours; gRPC writes some of its own."""
    return [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_replica_in_order_with_exit_code_0(topology, started, number):
    replica = started(topology).ready()

    assert replica.terminate(number) == 0
    told = [event["event"] for event in events(replica)]
    assert told.count("ready") == 1
    assert told[-1] == "stopped"


def test_a_signal_during_the_start_is_not_forgotten(topology, started):
    replica = started(topology)
    block_until(lambda: '"event"' in replica.log(), "the first line of the log")

    assert replica.terminate() == 0


def test_wrong_settings_end_with_exit_code_2_and_name_the_variable(topology, started):
    replica = started(topology, QUITANDA_CLUSTER_SECRET="short")

    assert replica.exit_code() == 2
    assert "QUITANDA_CLUSTER_SECRET" in replica.log()


def test_raft_times_that_contradict_each_other_end_with_exit_code_2_and_the_reason(topology, started):
    replica = started(topology, QUITANDA_RAFT_HEARTBEAT_SECONDS="0.24")

    assert replica.exit_code() == 2
    assert "QUITANDA_RAFT_HEARTBEAT_SECONDS must be below a third" in replica.log()


@pytest.mark.parametrize("longest", ["2.5", "60"])
def test_a_replica_starts_with_election_timeouts_of_any_length(topology, started, longest):
    # the bounds that nobody can set follow from it
    replica = started(topology, QUITANDA_RAFT_ELECTION_TIMEOUT_MAX_SECONDS=longest)

    replica.ready()


def test_a_second_start_on_the_same_data_ends_with_exit_code_1_and_says_so(topology, started, tmp_path):
    started(topology).ready()
    elsewhere = Topology(tmp_path, 1)
    second = started(elsewhere)

    assert second.exit_code() == 1
    assert "in use by another process" in events(second)[-1]["error"]


def test_a_port_in_use_ends_with_exit_code_1_and_names_the_address(topology, started, tmp_path):
    started(topology).ready()
    topology.directory = tmp_path / "other"
    topology.directory.mkdir()
    second = started(topology)

    assert second.exit_code() == 1
    assert str(topology.grpc["replica1"]) in events(second)[-1]["error"]


def test_a_damaged_state_ends_with_exit_code_3_and_serves_nothing(topology, started):
    replica = started(topology).ready()
    replica.client.execute(Request("", "c", customer()))
    replica.terminate()
    store = Store.open(topology.directory / "replica1")
    ((key, value),) = store.scan(keys.DOCUMENTS["customer"], None, 1)
    store.put(key, value.replace(b"Name", b"Mane"))
    store.commit()
    store.close()
    again = started(topology)

    assert again.exit_code() == 3
    # The state is checked beside the start, whose lines may stand behind this one.
    (failed,) = [event for event in events(again) if event["event"] == "replica_failed"]
    assert "does not match its digest" in failed["error"]
    assert "rebuilt from them (docs/OPERATIONS.md" in failed["next_step"]


def test_a_damaged_table_found_at_the_start_ends_the_log_with_what_to_do_and_nothing_behind_it(topology, started):
    replica = started(topology).ready()
    for number in range(50):
        replica.client.execute(Request("", f"c{number}", customer(f"c{number}")))
    replica.terminate()
    folder = topology.directory / "replica1"
    Store.open(folder).close()  # writes into a table what was in the write-ahead file
    for table in folder.glob("*.ldb"):
        content = bytearray(table.read_bytes())
        content[len(content) // 2] ^= 0xFF
        table.write_bytes(bytes(content))
    again = started(topology)

    assert again.exit_code() == 1
    last = events(again)[-1]
    assert last["event"] == "cannot_start"
    assert "the data folder is damaged: Corruption: " in last["error"]
    assert "rebuilt from them (docs/OPERATIONS.md" in last["next_step"]


def test_what_was_acknowledged_is_there_after_all_are_killed_at_once(tmp_path, started):
    topology = Topology(tmp_path, 3)
    replicas = {name: started(topology, name) for name in topology.names}
    client = leading(replicas)
    first = client.execute(Request("", "c", customer()))
    for replica in replicas.values():
        replica.terminate(signal.SIGKILL)
    replicas = {name: started(topology, name, QUITANDA_BOOTSTRAP="false") for name in topology.names}

    assert leading(replicas).execute(Request("", "c", customer())) == first


def remove(folder):
    shutil.rmtree(folder)


def move_away(folder):
    folder.rename(folder.with_name("moved"))


def replace(folder):
    move_away(folder)
    shutil.copytree(folder.with_name("moved"), folder)


def remove_a_file(folder):
    (folder / "CURRENT").unlink()


def replace_the_lock(folder):
    (folder / "LOCK").unlink()
    (folder / "LOCK").touch()


@pytest.mark.parametrize("lose", [remove, move_away, replace, remove_a_file, replace_the_lock])
def test_nothing_is_acknowledged_any_more_once_the_data_folder_is_lost(topology, started, lose):
    replica = started(topology).ready()
    replica.client.execute(Request("", "before", customer("before")))
    lose(topology.directory / "replica1")

    answer = replica.client.execute(Request("", "after", customer("after")))

    assert not isinstance(answer, list)
    assert replica.exit_code() == 3
    assert "data folder" in events(replica)[-1]["error"]
    assert "Never use an older copy" in events(replica)[-1]["next_step"]


@pytest.mark.parametrize("lose", [remove, move_away, replace, remove_a_file, replace_the_lock])
def test_a_lost_data_folder_is_noticed_where_nothing_is_written(topology, started, lose):
    replica = started(topology).ready()
    lose(topology.directory / "replica1")

    assert replica.exit_code() == 3
    assert "data folder" in events(replica)[-1]["error"]


def test_a_data_folder_that_was_moved_and_is_put_back_holds_everything(topology, started):
    replica = started(topology).ready()
    replica.client.execute(Request("", "before", customer("before")))
    move_away(topology.directory / "replica1")
    assert replica.exit_code() == 3
    (topology.directory / "moved").rename(topology.directory / "replica1")

    again = started(topology).ready()

    assert isinstance(again.client.execute(Request("", "before", customer("before"))), list)
    assert again.client.status().customers == 1


def leading(replicas):
    def leader():
        for replica in replicas.values():
            status = replica.client.status_or_none()
            if status is not None and status.role == admin_portal_pb2.REPLICA_ROLE_LEADER:
                return replica.client if hasattr(replica.client.read(timeout=1.0), "revision") else None
        return None

    return block_until(leader, "a leader", 20)
