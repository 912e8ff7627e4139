"""What one replica gives to another, or to a backup: every key of the replicated state, of every kind."""

from typing import Any

import pytest
from replica_fake_raft import FakeLeadership
from replica_state import ReplicaState, customer, order, product

from quitanda.backup import decode_pairs
from quitanda.domain.commands import Request
from quitanda.domain.model import Kind
from quitanda_replica.admin.backup_source import BackupSource
from quitanda_replica.raft.journal import APPLIED_KEY, LevelJournal, read_applied
from quitanda_replica.raft.snapshot_receiver import ChunkStaging, finish_interrupted_installation
from quitanda_replica.raft.snapshot_sender import SnapshotSender
from quitanda_replica.state import keys
from quitanda_replica.state.dedup_window import WindowBounds

KINDS = {
    keys.document(Kind.CUSTOMER, ""),
    keys.document(Kind.PRODUCT, ""),
    keys.document(Kind.ORDER, ""),
    keys.orders_of_customer("")[:2],
    keys.orders_with_product("")[:2],
    keys.remembered(b""),
    keys.sequence(0)[:2],
    keys.COUNTERS,
    keys.DIGEST,
}
"""How the keys of each kind begin (keys)."""
REPEATED = Request("ana", "repeated", order("o2", pen=2))
CHUNK_BYTES = 300


class Replica:
    """A state with the log that Raft keeps beside it."""

    def __init__(self, folder):
        self.state = ReplicaState(folder, window=WindowBounds(requests=5))
        self.store = self.state.store
        self._journal = LevelJournal(self.store)

    def applied(self):
        """Let the log end where the state is."""
        self._journal.restart_at(self.state.index, 3)
        for index in range(2, self.state.index + 1):
            self.store.put(b"L" + index.to_bytes(8, "big"), (3).to_bytes(8, "big") + b"\x00")
        self.store.put(APPLIED_KEY, self.state.index.to_bytes(8, "big"))
        self.store.commit()


@pytest.fixture
def source(tmp_path):
    """A replica whose state has every kind of key, and has forgotten the oldest requests."""
    made: Any = Replica(tmp_path / "source")
    made.state.do(*(customer(f"c{number}") for number in range(4)), customer(), product())
    made.state.apply(Request("ana", "first", order("o1", pen=1)))
    made.first_outcome = made.state.apply(REPEATED)
    made.applied()
    yield made
    made.state.close()


@pytest.fixture
def newcomer(tmp_path):
    """A replica that was away, and holds what is gone elsewhere."""
    made = Replica(tmp_path / "newcomer")
    made.state.do(customer("gone"), product("gone"))
    made.applied()
    yield made
    made.state.close()


def transfer(source, newcomer):
    sender = SnapshotSender(source.store, CHUNK_BYTES, lambda: 0.0)
    receiver = ChunkStaging(newcomer.store)
    sender.start("replica2", 3, "")
    while not receiver.complete:
        for _, message in list(sender.next_messages(3)):
            sender.on_acknowledgement("replica2", receiver.stage_chunk(message, applied_index=1))
    sender.close()
    newcomer.store.commit()
    finish_interrupted_installation(newcomer.store)
    newcomer.state.index = source.state.index


def test_a_snapshot_brings_every_kind_of_key_and_leaves_nothing_of_the_old_state(source, newcomer):
    transfer(source, newcomer)

    assert newcomer.state.contents() == source.state.contents()
    assert {key[:2] for key in newcomer.state.contents()} == KINDS
    assert newcomer.state.digest() == source.state.digest()
    assert read_applied(newcomer.store.get(APPLIED_KEY)) == source.state.index


def test_who_got_a_snapshot_answers_a_repeated_request_with_the_first_outcome_and_forgets_the_same_ones(
    source, newcomer
):
    transfer(source, newcomer)

    assert newcomer.state.apply(REPEATED) == source.first_outcome == source.state.apply(REPEATED)
    for replica in (source, newcomer):  # these push the oldest ones out of the memory
        replica.state.apply(*(Request("ana", f"later {number}", customer("ana")) for number in range(3)))
    assert newcomer.state.digest() == source.state.digest()
    assert newcomer.state.contents() == source.state.contents()


def test_a_backup_holds_every_kind_of_key(source):
    backups = BackupSource(
        "replica1", source.store, lambda state: read_applied(state.get(APPLIED_KEY)), FakeLeadership(), CHUNK_BYTES
    )

    parts = list(backups.parts(1.0))

    pairs = [pair for part in parts for pair in decode_pairs(part.chunk.pairs) if part.HasField("chunk")]
    assert dict(pairs) == source.state.contents()
    assert len(pairs) == len(dict(pairs)) == parts[0].header.keys_expected
    assert {key[:2] for key, _ in pairs} == KINDS
