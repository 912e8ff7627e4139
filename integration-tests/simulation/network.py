"""The simulated network: one connection for each pair of replicas, as TCP would give it.

Within a connection messages keep their order. A path that is cut holds them back, as TCP does, until it is mended or
one side gives the connection up; what was under way is lost then, and some of it may arrive once more at the
beginning of the next connection.
"""

import itertools
from collections import deque
from random import Random
from typing import Any

from quitanda_replica.raft.codec import MalformedMessage
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.tcp import REJECTED_RETRY_SECONDS

CONNECTED, MESSAGE, CLOSED = "connected", "message", "closed"
CONNECT_SECONDS_MAX = RaftOptions.connect_timeout_seconds
RETRY_SECONDS = RaftOptions.connect_retry_seconds
SILENCE_SECONDS = RaftOptions.connection_timeout_seconds
SILENCE_CHECK_SECONDS = 0.5
REPEATED_MAX = 6
NEVER = float("inf")


class Path:
    """What is under way from one replica to another, in the order of its arrival."""

    def __init__(self, fabric, source, target):
        self.source = source
        self.target = target
        self.cut_since: float | None = None
        self.recent: deque = deque(maxlen=REPEATED_MAX)
        """Messages that were sent last, in the present connection."""
        self._fabric = fabric
        self._under_way: deque = deque()
        self._held: deque = deque()
        self._last_arrival = 0.0

    def put(self, item, arrival):
        """Put `item` behind what is under way; it arrives at `arrival` at the earliest."""
        if self.cut_since is not None:
            self._held.append(item)
            return
        self._last_arrival = max(arrival, self._last_arrival)
        self._under_way.append((self._last_arrival, item))
        self._fabric.hosts[self.target].wake(self._last_arrival)

    def take(self, now):
        """Yield what has arrived by `now`, with its time."""
        while self._under_way and self._under_way[0][0] <= now:
            yield self._under_way.popleft()

    @property
    def next_arrival(self):
        """When the next item arrives."""
        return self._under_way[0][0] if self._under_way else NEVER

    def clear(self):
        """Lose everything."""
        self._under_way.clear()
        self._held.clear()
        self._last_arrival = 0.0

    def lose_tail(self, chance: Random):
        """Lose what is under way from some message on."""
        keep = chance.randint(0, len(self._under_way))
        while len(self._under_way) > keep:
            self._under_way.pop()
        self._held.clear()

    def cut(self, now):
        """Hold back from now on what has not arrived yet."""
        if self.cut_since is not None:
            return
        self.cut_since = now
        late = [item for arrival, item in self._under_way if arrival > now]
        self._under_way = deque((arrival, item) for arrival, item in self._under_way if arrival <= now)
        self._held = deque(late)

    def mend(self, now):
        """Let what was held back go on."""
        if self.cut_since is None:
            return
        self.cut_since = None
        held, self._held = self._held, deque()
        for item in held:
            self.put(item, now + self._fabric.delay())


class Fabric:
    """All paths, and the faults that happen to them."""

    def __init__(self, schedule, chance: Random, config, count):
        self.hosts = {}
        """By name; each is a `host.SimulatedHost`."""
        self.paths: dict[tuple[str, str], Path] = {}
        self.delays = config.delays
        self.repeat_chance = config.repeat_chance
        self._count = count
        self._schedule = schedule
        self._chance = chance
        self._connections = itertools.count(1)
        self._paths_into: dict[str, list[Path]] = {}
        self._latest: dict[frozenset[str], tuple[int, dict[str, int]]] = {}
        """The last connection of each pair, and who began it: the number of each side's start."""

    def join(self, host):
        """Add a replica."""
        for name in self.hosts:
            self.paths[name, host.name] = Path(self, name, host.name)
            self.paths[host.name, name] = Path(self, host.name, name)
        self.hosts[host.name] = host

    def reachable(self, one, other):
        """Return whether two different replicas can hear each other now."""
        return one != other and all(
            self.paths[source, target].cut_since is None for source, target in ((one, other), (other, one))
        )

    def delay(self):
        """Draw how long a message travels."""
        return self.delays.network(self._chance)

    def connect(self, connector, acceptor, now):
        """Begin a connection, if both sides can hear each other; both are told when it stands."""
        there, back = self.paths[connector, acceptor], self.paths[acceptor, connector]
        if not self.hosts[acceptor].runs or not self.reachable(connector, acceptor):
            return False
        connection = next(self._connections)
        begun_by = {name: self.hosts[name].incarnation for name in (connector, acceptor)}
        self._latest[frozenset(begun_by)] = connection, begun_by
        for path, stands_at in ((there, now + self.delay()), (back, now + self.delay() + self.delay())):
            path.clear()
            path.put((CONNECTED, connection, self.hosts[path.source].network.greeting_to(path.target)), stands_at)
            repeated = self._repeated(path)
            path.recent.clear()
            for data in repeated:
                self._count("repeated messages")
                path.put((MESSAGE, connection, data), stands_at)
        return True

    def transmit(self, source, target, connection, data, now):
        """Send one message."""
        path = self.paths[source, target]
        path.recent.append(data)
        path.put((MESSAGE, connection, data), now + self.delay())

    def reset(self, one, other):
        """End the connection of a pair; the ends of what is under way are lost."""
        now = self._schedule.now
        for source, target in ((one, other), (other, one)):
            path = self.paths[source, target]
            path.lose_tail(self._chance)
            path.put(self._end_of(one, other), now + self.delay())

    def vanish(self, name, *, silently):
        """End all connections of a replica that has died; where the machine lost its power, nobody is told."""
        now = self._schedule.now
        for peer in self._peers_of(name):
            out, back = self.paths[name, peer], self.paths[peer, name]
            out.lose_tail(self._chance)
            back.clear()
            out.recent.clear()
            back.recent.clear()
            if not silently:
                out.put(self._end_of(name, peer), now + self.delay())

    def refuse_half_open(self, name):
        """Let the replica, which has started again, refuse what is said in connections from before."""
        for peer in self._peers_of(name):
            self.paths[name, peer].put(self._end_of(name, peer), self._schedule.now + self.delay())

    def arrived(self, name, now):
        """Return what has arrived at a replica, in order: (time, sender, item)."""
        arrived = []
        for path in self._into(name):
            if path.next_arrival <= now:
                arrived += [(arrival, path.source, item) for arrival, item in path.take(now)]
        arrived.sort(key=lambda each: each[:2])
        return arrived

    def next_arrival(self, name):
        """Return when something arrives next at a replica."""
        return min(path.next_arrival for path in self._into(name))

    def _into(self, name):
        paths = self._paths_into.get(name)
        if paths is None:
            paths = self._paths_into[name] = [path for path in self.paths.values() if path.target == name]
        return paths

    def silent_since(self, listener, peer):
        """Return since when `listener` has not heard anything of `peer`, not even a ping; None if it has."""
        host = self.hosts[peer]
        _, begun_by = self._latest[frozenset((listener, peer))]
        gone = not host.up or host.incarnation != begun_by[peer]
        since = (self.paths[peer, listener].cut_since, host.paused_since, host.died_at if gone else None)
        return min((time for time in since if time is not None), default=None)

    def _peers_of(self, name):
        return [peer for peer in self.hosts if peer != name and frozenset((name, peer)) in self._latest]

    def _end_of(self, one, other):
        connection, _ = self._latest.get(frozenset((one, other)), (0, {}))
        return CLOSED, connection, None

    def _repeated(self, path):
        if self._chance.random() >= self.repeat_chance or not path.recent:
            return []
        return list(path.recent)[-self._chance.randint(1, len(path.recent)) :]


class SimulatedNetwork:
    """`raft.network.Network` of one replica between a start and a crash."""

    def __init__(self, fabric: Fabric, host, encode, decode):
        self.connections: dict[str, int] = {}
        self._fabric = fabric
        self._host = host
        self._encode = encode
        self._decode = decode
        self._receiver: Any = None
        self._outbox: list[tuple[str, int, bytes, float]] = []
        """To whom, in which connection, what, and since when it is under way."""
        self._attempt_at: dict[str, float] = {}
        self._check_silence_at = 0.0

    def open(self, receiver):
        self._receiver = receiver
        self._attempt_at = {peer: 0.0 for peer in self._fabric.hosts if peer < self._host.name}

    def greeting_to(self, peer):
        """What a connection with `peer` begins with."""
        return self._receiver.greeting_to(peer)

    def poll(self, _timeout):
        for _, peer, item in self._fabric.arrived(self._host.name, self._host.now):
            self._take(peer, *item)
        now = self._host.now
        if now >= self._check_silence_at:
            self._check_silence_at = now + SILENCE_CHECK_SECONDS
            self._drop_silent(now)
        if self._attempt_at:
            self._connect_missing(now)

    def send(self, peer, message):
        self._host.note_sent(message)
        if (connection := self.connections.get(peer)) is not None:
            self._outbox.append((peer, connection, self._encode(message), self._host.now))

    def flush(self):
        """Let what was sent leave, in an order that does not depend on the order of sets of names."""
        if not self._outbox:
            return
        outbox, self._outbox = self._outbox, []
        outbox.sort(key=lambda each: each[0])
        for peer, connection, data, sent_at in outbox:
            self._host.step("send")
            if self.connections.get(peer) == connection:
                self._fabric.transmit(self._host.name, peer, connection, data, sent_at)

    def wake(self):
        self._host.wake(self._host.now)

    def close(self):
        self.flush()
        self.connections.clear()

    def _take(self, peer, kind, connection, data):
        if kind == CONNECTED:
            if reason := self._receiver.check_greeting(peer, data):
                self._refuse(peer, connection, reason)
                return
            if peer in self.connections:
                self._drop(peer)
            self.connections[peer] = connection
            self._attempt_at.pop(peer, None)
            self._receiver.connected(peer)
        elif self.connections.get(peer) != connection:
            return
        elif kind == CLOSED:
            self._drop(peer)
        else:
            message = self._decode(data)
            self._host.note_message(peer, message)
            try:
                self._receiver.received(peer, message)
            except MalformedMessage as reason:
                self._drop(peer)
                self._refuse(peer, connection, str(reason))

    def _refuse(self, peer, connection, reason):
        """End a connection at its beginning, or because of what was said in it; the other side will hear of it."""
        self._host.refuses(peer, reason)
        if peer < self._host.name:
            self._attempt_at[peer] = self._host.now + REJECTED_RETRY_SECONDS
        self._end_connection(peer, connection)

    def _drop(self, peer):
        connection = self.connections.pop(peer)
        if peer < self._host.name:
            self._attempt_at[peer] = self._host.now + RETRY_SECONDS
        self._end_connection(peer, connection)
        self._receiver.disconnected(peer)

    def _end_connection(self, peer, connection):
        self._fabric.paths[self._host.name, peer].put((CLOSED, connection, None), self._host.now + self._fabric.delay())

    def _drop_silent(self, now):
        for peer in list(self.connections):
            since = self._fabric.silent_since(self._host.name, peer)
            if since is not None and now - since > SILENCE_SECONDS:
                self._drop(peer)

    def _connect_missing(self, now):
        for peer, attempt_at in self._attempt_at.items():
            if now >= attempt_at:
                begun = self._fabric.connect(self._host.name, peer, now)
                self._attempt_at[peer] = now + (CONNECT_SECONDS_MAX if begun else RETRY_SECONDS)
