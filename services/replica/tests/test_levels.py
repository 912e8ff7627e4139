"""Levels in what a replica keeps: how a state tells its level, and that nothing above the supported one is taken."""

from dataclasses import replace
from hashlib import blake2b

import pytest
from replayed_log import log
from replica_state import ReplicaState, customer, entry, product

from quitanda.codec.protobuf import request_to_proto
from quitanda.domain.commands import CreateProduct, RaiseLevel, Request
from quitanda.domain.levels import SUPPORTED_LEVEL, LevelNotSupported
from quitanda.domain.outcomes import Done, Problem, Reason, invalid
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.raft.codec import encode_pairs
from quitanda_replica.raft.snapshot_receiver import ChunkStaging
from quitanda_replica.state import keys
from quitanda_replica.state.counters import Counters, decode_counters, encode_counters
from quitanda_replica.state.dedup_window import WindowBounds

NEWER = SUPPORTED_LEVEL + 1

RECORDED = [
    (500, "77e034ca2038d3a1086540dad947f237c0b899c53b1d233adf3505be33b383f7", "b4ea5f876cfb96923f18a3163ff836d1"),
    (1000, "f69fd70fe6e527e52f1817e05fad616decfb3b01eb8bf271e8a2cad4ac36a352", "70e8528a3f1fa43549dd6354727f830e"),
    (1500, "670040e98feb8ac3e5b11fe93cebf04d94de99bf82eba9c79b642166afa5a7b6", "84c3df00503c7571287b3edb74cfae49"),
    (2000, "8fb254db11e25b0e4c277685ad084c01b7aa666560c054e2b7c9f4fc1bf1e682", "ee842674b503c53e89bd0372897d826e"),
    (2500, "61d8de0e7f7e0bf62c28bddb98cafb324603b5ed55ffea39b0e534a7d0d91a2e", "32a3ce3929fd6b774d189555ac6dbca4"),
    (3000, "1731e93ebf50a45d1f39621121f780db2bae83dd8a4ba3f743df77ace984413e", "742c1e0ee0e0ef7f1a5ba874338daccf"),
]
"""Behind so many entries of the replayed log, as commit c3cf4f7 left them: the digests of state and answers."""

RECORDED_REMEMBERED = 500
RECORDED_BEHIND_AN_UNKNOWN_FIELD = "a2134f429ccb10b6a1876d0a5c4c0f3b8701a2f192476d35bd69040b6cd1930f"


def unknown_field(number, content):
    """The bytes of a protobuf field that no version knows yet."""
    tag = number << 3 | 2
    return bytes([tag & 127 | 128, tag >> 7, len(content)]) + content


def kept_digest(state):
    return state.store.get(keys.DIGEST).hex()


def raise_to(state, level):
    for following in range(state.counters().level + 1, level + 1):
        state.do(RaiseLevel(following))


def chunk(number, *pairs, last=False):
    return {
        "type": "snapshot_chunk",
        "term": 3,
        "transfer": 1,
        "number": number,
        "last": last,
        "index": 90,
        "index_term": 3,
        "cluster": "",
        "pairs": encode_pairs(list(pairs)),
    }


def at_newer_level(state):
    """Write what a later version would: the state's counters at a level that this version does not know."""
    raise_to(state, SUPPORTED_LEVEL)
    counters = state.counters()
    counters.level = NEWER
    return encode_counters(counters)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """A state at level 1 behind the whole replayed log, and what was recorded on the way."""
    state = ReplicaState(tmp_path_factory.mktemp("replayed") / "data", window=WindowBounds(RECORDED_REMEMBERED))
    answers, found = blake2b(digest_size=16), []
    for number, request in enumerate(log(), start=1):
        response = pb.ExecuteResponse.FromString(state.applier.apply(number, entry(request)))
        answers.update(b"".join(response.outcomes))
        state.store.commit()
        state.applier.committed(number)
        if number % 500 == 0:
            found.append((number, kept_digest(state), answers.hexdigest()))
    state.index = number
    yield state, found
    state.close()


class TestLevelOneIsWhatTheCodeOfBeforeDid:
    def test_a_log_leaves_the_state_and_the_answers_that_were_recorded(self, replayed):
        state, found = replayed

        assert found == RECORDED
        assert state.counters().level == 1

    @pytest.mark.parametrize("number", [14, 200])
    def test_a_command_that_no_version_knows_yet_is_refused_and_leaves_the_state_as_it_was(self, replayed, number):
        """Commit c3cf4f7 answered INVALID_ARGUMENT (malformed), and remembered and changed nothing."""
        state, _ = replayed
        before = state.contents()
        request = pb.Request(scope="", request_id="later").SerializeToString() + unknown_field(number, b"\x0a\x03pen")

        ((outcome, _),) = state.apply_payload(pb.LogEntry(requests=[request]).SerializeToString())

        assert outcome == invalid("request", Problem.MALFORMED)
        assert state.contents() == before

    def test_a_field_that_no_version_knows_yet_is_ignored(self, replayed):
        state, _ = replayed
        state.index = 3003  # where it stood in the recorded log
        message = request_to_proto(Request("", "later-2", CreateProduct("zz", "N", 1, 2)))
        command = message.create_product.SerializeToString() + unknown_field(15, b"colour")
        message.create_product.ParseFromString(command)

        ((outcome, _),) = state.apply_payload(pb.LogEntry(requests=[message.SerializeToString()]).SerializeToString())

        assert isinstance(outcome, Done)
        assert kept_digest(state) == RECORDED_BEHIND_AN_UNKNOWN_FIELD


class TestStoredLevel:
    def test_a_state_at_level_one_says_nothing_of_levels(self):
        numbers = Counters(*range(1, 9))

        assert encode_counters(numbers) == b"\x01" + b"".join(number.to_bytes(8, "big") for number in range(1, 9))
        assert decode_counters(encode_counters(numbers)) == numbers

    def test_a_state_at_a_higher_level_says_which_behind_the_format(self):
        numbers = replace(Counters(*range(1, 9)), level=2)

        assert encode_counters(numbers)[:3] == b"\x02\x00\x02"
        assert decode_counters(encode_counters(numbers)) == numbers

    def test_from_level_three_on_the_credentials_and_the_history_are_counted_behind_the_rest(self):
        numbers = replace(Counters(*range(1, 12)), level=3)

        assert encode_counters(numbers) == b"\x03\x00\x03" + b"".join(
            number.to_bytes(8, "big") for number in range(1, 12)
        )
        assert decode_counters(encode_counters(numbers)) == numbers

    def test_a_version_that_knows_no_levels_cannot_read_it(self):
        """Commit c3cf4f7 demands 65 bytes of which the first is 1, and stops where it finds anything else."""
        stored = encode_counters(Counters(level=2))

        assert (len(stored), stored[0]) != (65, 1)

    @pytest.mark.parametrize("form", [2, 3, 255])
    def test_a_level_that_is_not_supported_is_told_whatever_the_format(self, form):
        stored = bytes([form]) + NEWER.to_bytes(2, "big") + b"whatever a later version writes"

        with pytest.raises(LevelNotSupported, match=f"the state is at level {NEWER}"):
            decode_counters(stored)

    @pytest.mark.parametrize("stored", [b"", b"\x00" * 65, b"\x01" * 64, b"\x02\x00\x02", b"\x03\x00\x02" + bytes(64)])
    def test_what_is_of_no_format_is_damage(self, stored):
        with pytest.raises(ValueError, match="no format"):
            decode_counters(stored)

    @pytest.mark.parametrize("level", [2, 3])
    def test_raising_changes_the_level_and_nothing_else_and_is_in_the_digest(self, state, level):
        state.do(customer(), product())
        raise_to(state, level - 1)
        before, counters = state.contents(), state.counters()

        ((outcome, _),) = state.do(RaiseLevel(level))

        assert outcome == Done(None)
        counters.level = level
        assert state.counters() == counters
        after = state.contents()
        assert {key for key in after if after[key] != before.get(key)} == {keys.COUNTERS, keys.DIGEST}
        state.digest()

    def test_no_portal_hears_of_it(self, state):
        state.do(customer())
        announced = len(state.sink.entries)

        state.do(RaiseLevel(2))
        state.do(product())

        assert len(state.sink.entries) == announced + 1
        assert state.sink.entries[-1].previous_revision == 1  # the chain of changes has no gap

    def test_a_refused_raise_changes_nothing(self, state):
        before = state.contents()

        ((outcome, _),) = state.do(RaiseLevel(3))

        assert outcome.reason is Reason.LEVEL_TOO_LOW
        assert state.contents() == before


class TestNewerLevelIsNotTaken:
    def test_an_entry_of_the_log_that_raises_beyond_it_is_not_applied(self, state):
        raise_to(state, SUPPORTED_LEVEL)
        before = state.contents()
        payload = entry(Request("", "p", product()), Request("", "raise", RaiseLevel(NEWER)))

        with pytest.raises(LevelNotSupported, match="an entry of the log"):
            state.applier.apply(state.index + 1, payload)

        state.reopen()
        assert state.contents() == before

    def test_a_state_is_not_decided_on(self, state):
        state.store.put(keys.COUNTERS, at_newer_level(state))
        state.store.commit()

        with pytest.raises(LevelNotSupported, match="the state"):
            state.apply(Request("", "c", customer()))
        with pytest.raises(LevelNotSupported):
            state.applier.started(state.index)

    def test_a_snapshot_is_not_kept(self, state):
        newer = at_newer_level(state)

        staging = ChunkStaging(state.store, state.applier.check_snapshot)
        before = dict(state.store.scan(b""))

        staging.stage_chunk(chunk(0, (b"Scana", b"x")), applied_index=1)
        with pytest.raises(LevelNotSupported, match="a snapshot"):
            staging.stage_chunk(chunk(1, (keys.COUNTERS, newer)), applied_index=1)
        assert not staging.complete
        state.reopen()
        assert dict(state.store.scan(b"")) == before

    def test_a_snapshot_at_the_supported_level_is_kept(self, state):
        raise_to(state, SUPPORTED_LEVEL)
        staging = ChunkStaging(state.store, state.applier.check_snapshot)

        pair = keys.COUNTERS, state.store.get(keys.COUNTERS)
        assert staging.stage_chunk(chunk(0, pair, last=True), applied_index=1)["number"] == 0
        assert staging.complete
