"""The cache against a true history: whatever the feed, the reads and time do to it, it never answers wrongly."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from quitanda.cache.coherence import Answer, CoherentCache
from quitanda.cache.position import Step
from quitanda.domain.model import Customer, Kind
from quitanda.topics import FeedChange, FeedMessage

BOUND = 1.0
KEYS = [(Kind.CUSTOMER, name) for name in ("ana", "bia", "caio", "davi")]
keys = st.sampled_from(KEYS)


class CacheUnderAnyWeather(RuleBasedStateMachine):
    """Entries are committed and acknowledged at once; the feed and the reads come when they like, or never."""

    messages = Bundle("messages")
    reads = Bundle("reads")

    def __init__(self):
        super().__init__()
        self.now = 100.0
        self.cache = CoherentCache(max_entries=3, staleness=BOUND)
        self.states = [dict.fromkeys(KEYS)]
        self.committed_at = [0.0]
        self.last_version = 0
        self.last_changed = 0
        self.term = 1
        self.session = 0

    @property
    def revision(self):
        return len(self.states) - 1

    def commit(self, state):
        self.states.append(state)
        self.committed_at.append(self.now)

    # The cluster

    @rule(
        target=messages,
        commands=st.lists(st.tuples(keys, st.booleans()), min_size=1, max_size=4),
        tells=st.integers(0, 5),
    )
    def an_entry_is_committed(self, commands, tells):
        state = dict(self.states[-1])
        left = []
        for key, deletes in commands:
            self.last_version += 1
            state[key] = None if deletes else Customer(key[1], "x", (), self.last_version)
            left.append((key, state[key]))
        self.commit(state)
        previous, self.last_changed = self.last_changed, self.revision
        if tells < len(left):
            # The outcome of any one of the commands may come to this portal.
            self.cache.learn(*left[tells], self.revision)
        changes = tuple(self.change(key, document) for key, document in left)
        return FeedMessage(self.term, self.revision, previous, changes)

    @rule(target=messages)
    def an_entry_too_large_to_announce_is_committed(self):
        self.last_version += 1
        state = dict(self.states[-1])
        state[KEYS[0]] = Customer("ana", "large", (), self.last_version)
        self.commit(state)
        previous, self.last_changed = self.last_changed, self.revision
        return FeedMessage(self.term, self.revision, previous, None)

    @rule()
    def an_entry_that_changes_nothing_is_committed(self):
        self.commit(self.states[-1])

    @rule(target=messages)
    def the_leader_makes_a_heartbeat(self):
        return FeedMessage(self.term, self.revision, self.last_changed, ())

    @rule()
    def another_leader_is_elected(self):
        self.term += 1

    @rule(back=st.integers(0, 3), key=keys)
    def a_repeated_request_gets_its_old_outcome(self, back, key):
        revision = max(0, self.revision - back)
        if revision and self.states[revision][key] != self.states[revision - 1][key]:
            self.cache.learn(key, self.states[revision][key], revision)

    @staticmethod
    def change(key, document):
        return FeedChange.delete(*key) if document is None else FeedChange.put(key[0], document)

    # The broker: late, never (by not being chosen), twice (`messages` keeps it), out of order

    @rule(message=messages)
    def a_message_arrives(self, message):
        self.cache.receive(message, self.now)

    @rule(message=consumes(messages))
    def a_message_arrives_for_the_last_time(self, message):
        self.cache.receive(message, self.now)

    @rule()
    def something_unreadable_arrives(self):
        self.cache.lose_position()

    # Time and reads

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.4, 0.7, 1.1]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(target=reads, wanted=st.lists(keys, max_size=3, unique=True))
    def a_linearizable_read_starts(self, wanted):
        return self.cache.begin(wanted, self.now), self.revision

    @rule(read=consumes(reads), share=st.floats(0, 1))
    def its_answer_comes_from_some_snapshot_since_then(self, read, share):
        fill, started = read
        revision = started + round(share * (self.revision - started))
        truth = self.states[revision]
        assert not self.cache.contradicts(fill, revision)
        documents = []
        for key, entry in zip(fill.keys, fill.held, strict=True):
            current = 0 if truth[key] is None else truth[key].version
            unchanged = entry is not None and entry.version == current
            documents.append(entry.document if unchanged else truth[key])
        assert documents == [truth[key] for key in fill.keys]
        self.cache.complete(fill, documents, revision)

    @rule(wanted=st.lists(keys, min_size=1, max_size=3, unique=True), ahead=st.integers(0, 2))
    def a_cached_read_tells_the_truth_of_a_recent_snapshot(self, wanted, ahead):
        least = self.session + ahead
        answer = self.cache.serve(wanted, least, self.now)
        if not isinstance(answer, Answer):
            return
        self.session = answer.revision
        assert least <= answer.revision <= self.revision
        assert answer.documents == tuple(self.states[answer.revision][key] for key in wanted)
        old_enough = [r for r, at in enumerate(self.committed_at) if at < self.now - BOUND]
        assert answer.revision >= max(old_enough, default=0)

    @invariant()
    def it_is_bounded(self):
        assert len(self.cache) <= 3


CacheUnderAnyWeather.TestCase.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestCacheUnderAnyWeather = CacheUnderAnyWeather.TestCase


class CacheInFairWeather(RuleBasedStateMachine):
    """With a feed that is prompt and a proof that is recent, what is held is always served."""

    def __init__(self):
        super().__init__()
        self.cache = CoherentCache(max_entries=10, staleness=BOUND)
        self.now = 100.0
        self.revision = 0
        self.state = dict.fromkeys(KEYS)
        self.held = set()
        assert self.cache.receive(FeedMessage(1, 0, 0, ()), self.now) is Step.GAP

    @rule(key=keys)
    def a_change_is_announced(self, key):
        previous, self.revision = self.revision, self.revision + 1
        self.state[key] = Customer(key[1], "x", (), self.revision)
        change = FeedChange.put(key[0], self.state[key])
        step = self.cache.receive(FeedMessage(1, self.revision, previous, (change,)), self.now)

        assert step is Step.NEXT

    @rule(key=keys)
    def a_document_is_read(self, key):
        self.now += 0.001
        fill = self.cache.begin([key], self.now)
        self.cache.complete(fill, [self.state[key]], self.revision)
        self.held.add(key)

    @rule(seconds=st.floats(0.001, 5))
    def time_passes_with_heartbeats_and_probes(self, seconds):
        self.now += seconds
        self.cache.receive(FeedMessage(1, self.revision, self.revision, ()), self.now)
        self.cache.complete(self.cache.begin((), self.now), (), self.revision)

    @rule(wanted=st.lists(keys, max_size=4, unique=True))
    def what_is_held_is_served(self, wanted):
        if self.held and self.held.issuperset(wanted):
            answer = self.cache.serve(wanted, self.revision, self.now)

            assert answer == Answer(self.revision, tuple(self.state[key] for key in wanted))


CacheInFairWeather.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestCacheInFairWeather = CacheInFairWeather.TestCase
