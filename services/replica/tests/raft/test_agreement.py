"""The arguments that agreement rests on, one by one: each test fails if the argument does not hold."""

import pytest
from test_raft_loop import FOLLOWING, SNAPSHOT, Played, reply_as_new

from quitanda.errors import NotLeader, OutcomeUnknown, Unavailable
from quitanda_replica.raft import Role
from quitanda_replica.raft.cluster_identity import load_record
from quitanda_replica.state.store import Store, StoreFailed


@pytest.fixture
def replica(store):
    return Played(store)


FIVE = {f"replica{number}": f"127.0.0.1:{number}" for number in range(1, 6)}


def elect(replica, *voters):
    """Let the replica start an election, and win with the votes of `voters`; nothing of its term is committed yet."""
    replica.events.clear()
    replica.step_until(lambda: replica.sent("request_vote"))
    for voter in voters:
        replica.vote(voter)
    replica.step_until(lambda: replica.status.role is Role.LEADER)


def depose(replica, by="replica3"):
    """Let another replica lead the next term."""
    end, higher = replica.status.last_log_index, replica.status.term + 1
    append = {"prevLogIdx": end, "prevLogTerm": replica.status.term, "entries": [[b"\x01", end + 1, higher]]}
    replica.network.bring(by, "append_entries", term=higher, commit_index=replica.status.commit_index, **append)
    replica.step()
    assert replica.status.role is Role.FOLLOWER


class FailingStore:
    """A store whose disk fails from the moment on that the test says."""

    def __init__(self, store):
        self._store = store
        self.broken = False

    def commit(self):
        if self.broken:
            raise StoreFailed("the disk is broken")
        self._store.commit()

    def __getattr__(self, name):
        return getattr(self._store, name)


class Committed:
    """What is durable of a store."""

    def __init__(self, store):
        self._store = store

    def get(self, key):
        with self._store.snapshot() as snapshot:
            return snapshot.get(key)


class Disk:
    """A store whose process is killed: what was not committed is gone."""

    def __init__(self, folder):
        self._folder = folder
        self._store = None

    def start(self):
        self.kill()
        self._store = Store.open(self._folder)
        return Played(self._store)

    def kill(self):
        if self._store is not None:
            self._store.close()


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "disk")
    yield made
    made.kill()


class TestCommitting:
    def test_an_entry_of_an_earlier_term_is_not_committed_by_counting_who_holds_it(self, replica):
        # figure 8 of the paper: a replica with a newer last entry could still win, and replace it
        replica.network.connect("replica2", "replica3")
        replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=[[b"\x00old", 2, 1]])
        replica.step()
        elect(replica, "replica3")

        replica.acknowledge("replica3", next_node_idx=3)
        for _ in range(3):
            replica.step()
        assert (replica.status.commit_index, replica.machine.applied) == (1, [])

        replica.acknowledge("replica3")
        replica.step_until(lambda: replica.status.commit_index == replica.status.last_log_index)
        assert replica.machine.applied == [2]

    def test_a_snapshot_of_an_entry_that_the_log_holds_with_another_term_makes_nothing_of_the_log_committed(
        self, replica
    ):
        replica.network.connect("replica2", "replica3")
        entries = [[b"\x00x", index, 1] for index in range(2, 6)]
        replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=entries)
        replica.step()

        later = {"term": 2, "commit_index": 9, "prevLogIdx": 9, "prevLogTerm": 2, "entries": []}
        replica.network.bring("replica3", "append_entries", **later)
        replica.network.bring("replica3", "snapshot_chunk", **(SNAPSHOT | {"term": 2, "index": 3, "index_term": 2}))
        replica.step_until(lambda: replica.status.applied_index >= 3)

        assert replica.machine.applied == []
        assert replica.store.scan(b"S") == [(b"Snew", b"1")]
        assert (replica.status.first_log_index, replica.status.last_log_index) == (3, 3)

    def test_a_snapshot_of_an_entry_that_the_log_holds_does_not_commit_what_follows_on_it(self, replica):
        replica.network.connect("replica2")
        entries = [[b"\x00x", index, 1] for index in range(2, 6)]
        replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=entries)
        replica.network.bring("replica2", "snapshot_chunk", **(SNAPSHOT | {"index": 3}))
        for _ in range(3):
            replica.step()

        assert (replica.status.commit_index, replica.machine.applied) == (3, [2, 3])

    def test_acknowledgements_of_a_minority_commit_nothing(self, store):
        replica = Played(store, addresses=FIVE)
        replica.network.connect("replica2", "replica3")
        elect(replica, "replica2", "replica3")

        for _ in range(2):
            replica.acknowledge("replica2")
            replica.step()
        assert replica.status.commit_index == 1

        replica.acknowledge("replica3")
        replica.step_until(lambda: replica.status.commit_index == 2)


class TestVoting:
    def test_a_vote_is_remembered_by_a_replica_that_is_killed_the_moment_the_vote_leaves(self, disk):
        voter = disk.start()
        voter.network.connect("replica2")
        entries = [[b"\x00x", 2, 1]]
        voter.network.bring("replica2", "append_entries", **FOLLOWING, entries=entries)  # a commit of its own
        voter.network.bring("replica2", "request_vote", term=3, last_log_index=2, last_log_term=1)
        voter.step()
        assert voter.sent("response_vote") == [("replica2", {"type": "response_vote", "term": 3, "voting": True})]

        voter = disk.start()
        voter.network.connect("replica3")
        voter.network.bring("replica3", "request_vote", term=3, last_log_index=9, last_log_term=2)
        voter.step()
        assert (voter.status.term, voter.sent("response_vote")) == (3, [])

        voter.network.bring("replica3", "request_vote", term=4, last_log_index=9, last_log_term=2)
        voter.step_until(lambda: voter.sent("response_vote"))

    def test_a_candidate_that_is_killed_does_not_vote_for_another_one_in_the_term_that_it_stood_in(self, disk):
        candidate = disk.start()
        candidate.network.connect("replica2", "replica3")
        candidate.step_until(lambda: candidate.sent("request_vote"))
        term = candidate.status.term

        again = disk.start()
        again.network.connect("replica3")
        again.network.bring("replica3", "request_vote", term=term, last_log_index=9, last_log_term=9)
        again.step()

        assert (again.status.term, again.sent("response_vote")) == (term, [])

    @pytest.mark.parametrize(("index", "term"), [(2, 1), (9, 0)], ids=["a shorter log", "an older last entry"])
    def test_nobody_votes_for_a_candidate_that_may_lack_what_was_acknowledged_here(self, replica, index, term):
        replica.network.connect("replica2", "replica3")
        entries = [[b"\x00x", 2, 1], [b"\x00x", 3, 1]]
        replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=entries)
        replica.network.bring("replica3", "request_vote", term=2, last_log_index=index, last_log_term=term)
        replica.step()

        assert (replica.status.term, replica.sent("response_vote")) == (2, [])

    def test_votes_of_an_earlier_term_do_not_make_a_leader(self, replica):
        replica.network.connect("replica2", "replica3")
        replica.step_until(lambda: replica.sent("request_vote"))
        replica.vote("replica2", term=replica.status.term - 1)
        replica.step()

        assert replica.status.role is Role.CANDIDATE


class TestReplacedDisk:
    def test_a_replaced_disk_has_voted_in_the_term_in_which_it_caught_up(self, store):
        replica = Played(store, voting=False)
        replica.network.connect("replica2", "replica3")
        replica.network.bring(
            "replica2", "append_entries", **(FOLLOWING | {"commit_index": 2}), entries=[[b"\x01", 2, 1]]
        )
        replica.step_until(lambda: replica.sent("rejoin_question"))
        question = replica.sent("rejoin_question")[-1][1]
        for peer in ("replica2", "replica3"):
            answer = {"round": question["round"], "term": 1, "last_index": 2, "voting": True, "origin": ""} | {
                "cluster": "",
                "disk": peer,
            }
            replica.network.bring(peer, "rejoin_answer", **answer)
        replica.step_until(lambda: replica.status.voting)

        replica.network.bring("replica3", "request_vote", term=1, last_log_index=9, last_log_term=1)
        replica.step()
        assert replica.sent("response_vote") == []

        replica.network.bring("replica3", "request_vote", term=2, last_log_index=9, last_log_term=1)
        replica.step_until(lambda: replica.sent("response_vote"))


class TestNewCluster:
    def test_the_id_of_a_new_cluster_leaves_only_when_it_is_durable(self, store):
        replica = Played(store, voting=False, bootstrap=True)
        replica.network.connect("replica2", "replica3")
        replica.step_until(lambda: replica.sent("rejoin_question"))
        for peer in ("replica2", "replica3"):
            reply_as_new(replica, peer)
        replica.events.clear()
        replica.step_until(lambda: replica.sent("cluster_record"))

        assert [kind for kind in replica.order() if kind in {"commit", "cluster_record"}][:2] == [
            "commit",
            "cluster_record",
        ]
        assert load_record(Committed(store)) is not None


class TestAcknowledging:
    def test_what_was_acknowledged_is_there_when_the_replica_is_killed_the_moment_the_answer_leaves(self, disk):
        follower = disk.start()
        follower.network.connect("replica2")
        follower.network.bring("replica2", "append_entries", **FOLLOWING, entries=[[b"\x00x", 2, 1], [b"\x00y", 3, 1]])
        follower.step()
        ((_, reply),) = follower.sent("next_node_idx")

        again = disk.start()

        assert (reply["next_node_idx"], reply["success"]) == (4, True)
        assert again.status.last_log_index == 3

    def test_a_step_whose_commit_fails_tells_nobody_anything(self, store):
        failing = FailingStore(store)
        leader = Played(failing)
        leader.lead()
        writer = leader.loop.proposals.submit(b"x")
        leader.step()
        index = leader.status.last_log_index
        told = leader.machine.commits.copy()
        leader.events.clear()
        failing.broken = True
        leader.acknowledge("replica2")  # so that this step applies the command
        later = {"type": "rejoin_question", "round": 1}
        leader.network.bring("replica3", **({"kind": later.pop("type")} | later))

        with pytest.raises(StoreFailed):
            leader.step()

        assert leader.machine.applied[-1] == index  # it was staged, and no more
        assert not writer.done()
        assert leader.machine.commits == told
        assert {kind for kind in leader.order() if kind not in {"append_entries", "read_probe"}} == set()


class TestLeadershipTransfer:
    def test_a_transfer_that_fails_accepts_proposals_again(self, replica):
        replica.lead()
        replica.acknowledge("replica3")
        replica.step()
        replica.loop.set_transfer_target("replica3")
        replica.step()
        assert [peer for peer, _ in replica.sent("timeout_now")] == ["replica3"]
        with pytest.raises(Unavailable):
            replica.loop.proposals.submit(b"x")

        replica.loop.set_transfer_target(None)
        proposal = replica.loop.proposals.submit(b"x")
        replica.step()
        replica.acknowledge("replica2")
        replica.step_until(proposal.done)

    def test_a_leader_whose_successor_does_not_hear_it_leads_on_and_takes_commands(self, cluster):
        leader = cluster.start().leader()
        cluster.submit(b"before")
        deaf = next(name for name in cluster.addresses if name != leader.name)
        cluster.cut(deaf)  # the connection is still there, so the leader cannot know

        assert not leader.node.transfer_leadership(0.3, deaf)

        assert leader.node.status().role is Role.LEADER
        assert cluster.submit(b"after")
        cluster.heal()
        assert cluster.wait_equal() == [b"before", b"after"]

    def test_pending_proposals_are_finished_before_the_leadership_is_transferred(self, store):
        replica = Played(store, addresses=FIVE)
        replica.network.connect("replica2", "replica3")
        elect(replica, "replica2", "replica3")
        for peer in ("replica2", "replica3"):
            replica.acknowledge(peer)
        replica.step_until(lambda: replica.status.commit_index == 2)
        proposal = replica.loop.proposals.submit(b"x")
        replica.step()
        replica.loop.set_transfer_target("replica2")
        replica.acknowledge("replica2")  # it could lead, but the command is not confirmed by a majority
        replica.step()
        replica.step()
        assert replica.sent("timeout_now") == []

        replica.acknowledge("replica3")
        replica.step_until(lambda: replica.sent("timeout_now"))

        assert proposal.done()


class TestConfirmingReads:
    @pytest.fixture
    def reading(self, replica):
        """A leader with one reader, whose round has begun; give both and the probe."""
        replica.lead()
        reader = replica.loop.reads.request()
        replica.step_until(lambda: replica.sent("read_probe"))
        return replica, reader, replica.sent("read_probe")[-1][1]

    @pytest.mark.parametrize(
        "change",
        [{"term": -1}, {"term": 1}, {"round": -1}, {"round": 1}],
        ids=["an earlier term", "a later term", "an earlier round", "a later round"],
    )
    def test_an_echo_of_another_term_or_round_confirms_nobody(self, reading, change):
        replica, reader, probe = reading
        echo = {"term": probe["term"], "round": probe["round"]}
        ((field, difference),) = change.items()
        replica.network.bring("replica2", "read_echo", **(echo | {field: echo[field] + difference}))
        for _ in range(3):
            replica.step()
        assert not reader.done()

        replica.network.bring("replica2", "read_echo", **echo)
        replica.step()
        assert reader.result(0) == replica.status.last_log_index

    def test_who_asks_while_a_round_runs_is_not_confirmed_by_it_even_if_the_round_is_sent_again(self, reading):
        replica, reader, probe = reading
        late = replica.loop.reads.request()
        before = len(replica.sent("read_probe"))
        replica.step_until(lambda: len(replica.sent("read_probe")) > before)
        assert replica.sent("read_probe")[-1][1] == probe

        replica.network.bring("replica2", "read_echo", term=probe["term"], round=probe["round"])
        replica.step()
        assert reader.done()
        assert not late.done()

        replica.step_until(lambda: replica.sent("read_probe")[-1][1]["round"] > probe["round"])
        latest = replica.sent("read_probe")[-1][1]
        replica.network.bring("replica2", "read_echo", term=latest["term"], round=latest["round"])
        replica.step_until(late.done)

    @pytest.fixture
    def confirmed(self, store):
        """A leader that applies one entry in a step, and a reader whose index is committed and not applied yet."""
        failing = FailingStore(store)
        replica = Played(failing, pipeline_bytes_max=1)
        replica.network.connect("replica2", "replica3")
        entries = [[b"\x00x", index, 1] for index in range(2, 6)]
        replica.network.bring("replica2", "append_entries", **FOLLOWING, entries=entries)
        replica.step()
        elect(replica, "replica3")
        reader = replica.loop.reads.request()
        replica.acknowledge("replica3")
        replica.step_until(lambda: replica.sent("read_probe"))
        probe = replica.sent("read_probe")[-1][1]
        replica.network.bring("replica3", "read_echo", term=probe["term"], round=probe["round"])
        replica.step()
        assert replica.status.applied_index < replica.status.commit_index
        return replica, reader, failing

    def test_a_reader_goes_on_only_when_everything_committed_before_its_round_is_applied(self, confirmed):
        replica, reader, _ = confirmed
        assert not reader.done()

        replica.step_until(reader.done)

        assert reader.result(0) == replica.status.commit_index == replica.status.applied_index

    def test_a_reader_does_not_go_on_with_what_is_applied_and_not_durable(self, confirmed):
        replica, reader, failing = confirmed
        replica.step_until(lambda: replica.status.applied_index == replica.status.commit_index - 1)
        failing.broken = True

        with pytest.raises(StoreFailed):
            replica.step()

        assert not reader.done()

    def test_one_peer_that_echoes_twice_is_no_majority(self, store):
        replica = Played(store, addresses=FIVE)
        replica.network.connect("replica2", "replica3")
        elect(replica, "replica2", "replica3")
        for peer in ("replica2", "replica3"):
            replica.acknowledge(peer)
        replica.step_until(lambda: replica.status.commit_index == 2)
        reader = replica.loop.reads.request()
        replica.step_until(lambda: replica.sent("read_probe"))
        probe = replica.sent("read_probe")[-1][1]

        for _ in range(2):
            replica.network.bring("replica2", "read_echo", term=probe["term"], round=probe["round"])
        replica.step()
        assert not reader.done()

        replica.network.bring("replica3", "read_echo", term=probe["term"], round=probe["round"])
        replica.step()
        assert reader.done()

    def test_readers_do_not_outlive_the_term_in_which_they_asked(self, reading):
        replica, confirming, probe = reading
        asking = replica.loop.reads.request()

        depose(replica)
        for reader in (confirming, asking):
            with pytest.raises(NotLeader):
                reader.result(0)

        elect(replica, "replica2")
        replica.acknowledge("replica2")
        replica.step_until(lambda: replica.status.commit_index == replica.status.last_log_index)
        later = replica.loop.reads.request()
        replica.step()
        replica.network.bring("replica2", "read_echo", term=replica.status.term, round=probe["round"])
        replica.network.bring("replica2", "read_echo", term=probe["term"], round=probe["round"] + 1)
        replica.step()
        assert not later.done()

    def test_commands_do_not_outlive_the_term_in_which_they_were_begun(self, replica):
        replica.lead()
        begun = replica.loop.proposals.submit(b"x")
        replica.step()

        depose(replica)

        assert begun.done()  # its deadline is not waited for
        with pytest.raises(OutcomeUnknown, match="leadership ended"):
            begun.result(0)
