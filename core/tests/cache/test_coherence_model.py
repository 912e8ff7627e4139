"""The cache against a true history: whatever the feed, the reads and time do to it, it never answers wrongly."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quitanda.cache.coherence import CoherentCache, ReadResult
from quitanda.domain.model import Customer, Kind
from quitanda.mqtt.feed_message import FeedChange, FeedMessage

BOUND = 1.0
KEYS = [(Kind.CUSTOMER, name) for name in ("ana", "bia", "caio")]
QUESTIONS = [list(keys) for size in (1, 2) for keys in combinations(KEYS, size)]


class World:
    """A cluster, a broker, a clock and one portal's cache. Entries are acknowledged when they are committed."""

    def __init__(self):
        self.now = 100.0
        self.cache = CoherentCache(max_entries=2, staleness=BOUND)
        self.states = [dict.fromkeys(KEYS)]
        self.committed_at = [0.0]
        self.last_version = 0
        self.last_changed = 0
        self.term = 1
        self.session = 0
        self.sent = []
        self.reads = []
        self.hits = 0

    @property
    def revision(self):
        return len(self.states) - 1

    # The cluster

    def commit(self, commands, told, prompt, announced):
        """One entry; the outcome of the command number `told` comes to this portal."""
        state, left = dict(self.states[-1]), []
        for key, deletes in commands:
            self.last_version += 1
            state[key] = None if deletes else Customer(key[1], "x", (), self.last_version)
            left.append((key, state[key]))
        self.append(state)
        previous, self.last_changed = self.last_changed, self.revision
        if told < len(left):
            key, document = left[told]
            self.cache.record_write(key, document, self.revision)
        changes = tuple(change(key, document) for key, document in left) if announced else None
        self.send(FeedMessage(self.term, self.revision, previous, changes), prompt)

    def commit_nothing(self):
        self.append(self.states[-1])

    def append(self, state):
        self.states.append(state)
        self.committed_at.append(self.now)

    def heartbeat(self, prompt):
        self.send(FeedMessage(self.term, self.revision, self.last_changed, ()), prompt)

    def elect(self):
        self.term += 1

    def repeat(self, back, key):
        """A repeated request gets its old outcome."""
        revision = max(1, self.revision - back)
        if revision <= self.revision and self.states[revision][key] != self.states[revision - 1][key]:
            self.cache.record_write(key, self.states[revision][key], revision)

    # The broker: at once, late, twice, out of order, or never

    def send(self, message, prompt):
        self.sent.append(message)
        if prompt:
            self.cache.receive(message, self.now)

    def deliver(self, back):
        if self.sent:
            self.cache.receive(self.sent[-1 - back % len(self.sent)], self.now)

    def echo(self):
        """The broker gives out once more what it had at this position, as if the leader were heard."""
        position = self.cache.position
        if position is not None:
            self.cache.receive(FeedMessage(self.term, position, position, ()), self.now)

    def garble(self):
        self.cache.lose_position()

    # Time and reads

    def wait(self, seconds):
        self.now += seconds

    def begin(self, keys):
        self.reads.append((self.cache.begin(keys, self.now), self.revision))

    def end(self, back, share):
        """A read is answered from some snapshot since it began."""
        if self.reads:
            fill, started = self.reads.pop(-1 - back % len(self.reads))
            self.answer(fill, started + round(share * (self.revision - started)))

    def read(self, keys):
        self.now += 0.001
        self.answer(self.cache.begin(keys, self.now), self.revision)

    def answer(self, fill, revision):
        truth = self.states[revision]
        assert not self.cache.contradicts(fill, revision, self.term)
        documents = []
        for key, entry in zip(fill.keys, fill.held, strict=True):
            current = 0 if truth[key] is None else truth[key].version
            unchanged = entry is not None and entry.version == current
            documents.append(entry.document if unchanged else truth[key])
        assert documents == [truth[key] for key in fill.keys], "a linearizable answer is what its snapshot shows"
        assert not self.cache.refutes(fill, documents, revision), "an honest feed is never found to be false"
        self.cache.complete(fill, documents, revision)

    # Sequences that chance alone brings about too seldom

    def overtake(self, key):
        """An event overtakes the answer of a read."""
        self.begin([key])
        self.commit([(key, False)], told=9, prompt=True, announced=True)
        self.end(0, 0.0)

    def run_ahead(self, key, other):
        """A read is ahead of the feed, which still has to tell of another document."""
        self.commit([(other, False)], told=9, prompt=False, announced=True)
        self.read([key])

    def stall(self, key):
        """The broker holds back what is new and gives out what is old."""
        self.commit([(key, False)], told=9, prompt=False, announced=True)
        self.wait(BOUND + 0.1)
        self.echo()

    # What must hold at any time

    def check(self):
        assert len(self.cache) <= 2
        for keys in QUESTIONS:
            for least in {0, self.session}:
                answer = self.cache.serve(keys, least, self.now)
                if isinstance(answer, ReadResult):
                    self.hits += 1
                    self.check_answer(keys, least, answer)

    def check_answer(self, keys, least, answer):
        assert least <= answer.revision <= self.revision
        assert answer.documents == tuple(self.states[answer.revision][key] for key in keys)
        old_enough = [revision for revision, at in enumerate(self.committed_at) if at < self.now - BOUND]
        assert answer.revision >= max(old_enough, default=0), "older than the bound allows"
        if least == self.session:
            self.session = answer.revision


def change(key, document):
    return FeedChange.delete(*key) if document is None else FeedChange.put(document)


def step(name, *arguments, often=1):
    return [st.tuples(st.just(name), *arguments)] * often


one_key = st.sampled_from(KEYS)
some_keys = st.sampled_from([[], *QUESTIONS])
mostly = st.sampled_from([True, True, True, False])
commands = st.lists(st.tuples(one_key, st.booleans()), min_size=1, max_size=3)
steps = st.one_of(
    *step("commit", commands, st.integers(0, 5), mostly, mostly, often=5),
    *step("commit_nothing"),
    *step("heartbeat", mostly, often=3),
    *step("elect"),
    *step("repeat", st.integers(0, 3), one_key),
    *step("deliver", st.integers(0, 4), often=4),
    *step("garble"),
    *step("echo", often=3),
    *step("wait", st.sampled_from([0.01, 0.3, 0.9, 1.1]), often=4),
    *step("begin", some_keys, often=2),
    *step("end", st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0]), often=3),
    *step("read", some_keys, often=5),
    *step("overtake", one_key),
    *step("run_ahead", one_key, one_key),
    *step("stall", one_key),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=30, max_size=60))
def test_in_any_weather_memory_tells_the_truth_of_a_recent_snapshot(weather):
    world = World()
    world.heartbeat(prompt=True)
    world.read([])
    for name, *arguments in weather:
        getattr(world, name)(*arguments)
        world.check()


fair_steps = st.one_of(
    *step("commit", commands, st.just(9), st.just(True), st.just(True)),
    *step("wait", st.floats(0.001, 5)),
    *step("read", st.sampled_from([[key] for key in KEYS[:2]])),
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(fair_steps, max_size=40))
def test_in_fair_weather_what_is_held_is_served(weather):
    world = World()
    world.heartbeat(prompt=True)
    held = set()
    for name, *arguments in weather:
        getattr(world, name)(*arguments)
        world.heartbeat(prompt=True)
        world.read([])
        if name == "read":
            held.update(arguments[0])
        for key in held:
            assert world.cache.serve([key], world.revision, world.now) == ReadResult(
                world.revision, (world.states[-1][key],)
            )
