"""The real network: one TCP connection for each pair of replicas, made by the one with the larger name.

Everything is bounded: strangers at the door, the time they have to prove themselves, frames, unsent bytes. Silence is
judged only after reading, so a process that was stopped for a while does not blame the others for it.
"""

import errno
import logging
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from quitanda.runtime.addresses import Address
from quitanda.runtime.listen_errors import cannot_listen
from quitanda_replica.cluster_keys import KeyLabel, derive_key
from quitanda_replica.raft.codec import MalformedMessage, Message, decode, encode
from quitanda_replica.raft.connection import Connection
from quitanda_replica.raft.network import Receiver
from quitanda_replica.raft.options import MIB, RaftOptions
from quitanda_replica.raft.rejected_connection_log import RejectedConnectionLog
from quitanda_replica.raft.resolver import Resolver, SocketAddress, format_address, split_address
from quitanda_replica.raft.secure_channel import ChannelRefused, PeerRefused, SecureChannel
from quitanda_replica.raft.unauthenticated_connections import UnauthenticatedConnections

STRANGER_SECONDS: Final = 0.002
"""How long a poll hears those that have not proved themselves, and how long it accepts; whoever is left over has his
turn in the next poll. So a crowd makes a round longer by this twice at most."""
CALLERS_MAX: Final = 1024
"""Connections that the system keeps until they are accepted; beyond them callers wait a second to try again."""
UNSENT_BYTES_MAX: Final = 128 * MIB
"""A peer that lets more than this pile up is cut off; it will be sent what it lacks when it is back."""
RECEIVE_BYTES: Final = 256 * 1024
READS_PER_POLL: Final = 4
"""Of each connection: what a round takes in it must also apply and make durable before it hears anybody again."""
PINGS_PER_TIMEOUT: Final = 4
REFUSED_RETRY_SECONDS: Final = 2.0
"""Between attempts where the other side does not prove itself; a wrong secret must not flood the logs."""
ACCEPT_PAUSE_SECONDS: Final = 0.5
"""Rest after the system refused to accept a connection, for example because no descriptors are left."""

_log = logging.getLogger(__name__)


class TcpNetwork:
    """`network.Network` over TCP; see there for what the methods mean."""

    def __init__(self, options: RaftOptions, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._channel_key = derive_key(options.secret, KeyLabel.RAFT_CHANNEL)
        self._resolver = Resolver(options.addresses[peer] for peer in self._peers_to_connect(options))
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._accept_at: float | None = None
        """When accepting goes on, while it rests."""
        self._wake_in, self._wake_out = socket.socketpair()
        self._receiver: Receiver | None = None
        self._connections: dict[str, Connection] = {}
        """Established, by peer."""
        self._attempts: dict[str, Connection] = {}
        """On the way to be established, by the peer that is meant."""
        self._door = selectors.DefaultSelector()
        """Watches the listener and the strangers; the other selector watches it, as it does the replicas."""
        self._strangers: UnauthenticatedConnections[Connection] = UnauthenticatedConnections()
        """Accepted and not established yet."""
        self._refusals = RejectedConnectionLog(clock)
        self._broken: dict[Connection, str] = {}
        """Found broken by a `send`, with the reason; dropped in `poll`, the only place where the receiver is told."""
        self._attempt_at: dict[str, float] = dict.fromkeys(self._peers_to_connect(options), 0.0)

    def open(self, receiver: Receiver) -> None:
        """Listen, and look for the peers to connect to. Raises OSError."""
        self._receiver = receiver
        for sock in (self._wake_in, self._wake_out):
            sock.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wake)
        self._selector.register(self._door, selectors.EVENT_READ, self._hear_strangers)
        self._listener = _listen(self._options)
        self._accept_again()
        self._resolver.start()

    def poll(self, timeout: float) -> None:
        """Read and write what can be, then do what time has made due."""
        self._drop_broken()
        for key, events in self._selector.select(timeout):
            key.data(events)
        now = self._clock()
        if self._accept_at is not None and now >= self._accept_at:
            self._accept_again()
        self._close_silent(now)
        self._refusals.sweep()
        self._ping(now)
        self._connect_missing(now)

    def send(self, peer: str, message: Message) -> None:
        """Send to an established peer, or forget the message."""
        connection = self._connections.get(peer)
        if connection is None or connection in self._broken:
            return
        try:
            self._send(connection, encode(message))
        except OSError as error:
            self._broken[connection] = str(error)

    def wake(self) -> None:
        """End the wait in `poll`; any thread."""
        try:
            self._wake_out.send(b"w")
        except OSError:
            return  # full: it will wake up anyway; closed: nobody waits any more

    def close(self) -> None:
        """Close every socket."""
        self._receiver = None
        self._resolver.close()
        for connection in [*self._connections.values(), *self._attempts.values(), *self._strangers]:
            self._drop(connection, "this replica stops")
        for sock in (self._listener, self._wake_in, self._wake_out):
            if sock is not None:
                sock.close()
        self._door.close()
        self._selector.close()

    # --- connections come and go

    @staticmethod
    def _peers_to_connect(options: RaftOptions) -> list[str]:
        return [peer for peer in options.peers if peer < options.name]

    def _hear_strangers(self, _events: int) -> None:
        """Hear those that wait, then let others in, for a moment each."""
        knocked = False
        until = self._clock() + STRANGER_SECONDS
        for key, events in self._door.select(0):
            if key.fileobj is self._listener:
                knocked = True
            elif self._clock() < until:
                key.data(events)
        if knocked:
            self._accept()

    def _accept(self) -> None:
        if self._listener is None:
            return
        until = self._clock() + STRANGER_SECONDS
        try:
            while self._clock() < until:
                self._admit_stranger(*self._listener.accept())
        except OSError as error:
            # Out of descriptors, or the caller has gone already: neither may close the door for others.
            if error.errno not in {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}:
                _log.warning("a connection could not be accepted: %s", error)
                self._door.unregister(self._listener)
                self._accept_at = self._clock() + ACCEPT_PAUSE_SECONDS

    def _admit_stranger(self, sock: socket.socket, caller: tuple[object, ...]) -> None:
        if self._receiver is None:
            raise AssertionError("the network is not open")
        accepts = [peer for peer in self._options.peers if peer > self._options.name]
        channel = SecureChannel(self._channel_key, self._options.name, self._receiver, accepts=accepts)
        deadline = self._clock() + self._options.connect_timeout_seconds
        connection = Connection(sock, channel, self._door, deadline, format_address(caller))
        self._let_go(self._strangers.add(connection, str(caller[0])))
        self._register(connection)
        # a replica has greeted already: it does not wait for a turn among those that say nothing
        self._handle(connection, selectors.EVENT_READ)

    def _let_go(self, crowded_out: Connection | None) -> None:
        if crowded_out is not None:
            self._refuse(crowded_out, "too many have not proved who they are, and it had the longest time for that")

    def _accept_again(self) -> None:
        if self._listener is not None:
            self._door.register(self._listener, selectors.EVENT_READ)
        self._accept_at = None

    def _connect_missing(self, now: float) -> None:
        for peer, attempt_at in self._attempt_at.items():
            if peer in self._connections or peer in self._attempts or now < attempt_at:
                continue
            self._attempt_at[peer] = now + self._options.connect_retry_seconds
            address = self._resolver.lookup(self._options.addresses[peer])
            if address is not None:
                self._connect(peer, address, now)

    def _connect(self, peer: str, address: SocketAddress, now: float) -> None:
        if self._receiver is None:
            raise AssertionError("the network is not open")
        family, target = address
        sock = socket.socket(family, socket.SOCK_STREAM)
        channel = SecureChannel(self._channel_key, self._options.name, self._receiver, connects_to=peer)
        connection = Connection(sock, channel, self._selector, now + self._options.connect_timeout_seconds)
        sock.setblocking(False)
        if sock.connect_ex(target) not in {0, errno.EINPROGRESS}:
            sock.close()
            return
        connection.connecting = True
        self._attempts[peer] = connection
        self._register(connection)

    def _register(self, connection: Connection) -> None:
        connection.socket.setblocking(False)
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for data in connection.channel.take_outgoing():
            connection.queue(data)
        connection.watch(partial(self._handle, connection))

    def _establish(self, connection: Connection) -> None:
        peer = connection.channel.peer
        self._strangers.discard(connection)
        if self._attempts.get(peer) is connection:
            del self._attempts[peer]
        else:
            connection.watch_elsewhere(self._selector)
        if (superseded := self._connections.get(peer)) is not None:
            self._drop(superseded, "the peer has connected again")
        self._connections[peer] = connection
        if self._receiver is not None:
            self._receiver.connected(peer)

    def _drop(self, connection: Connection, reason: str) -> None:
        if connection.socket.fileno() < 0:
            return
        connection.selector.unregister(connection.socket)
        connection.socket.close()
        self._strangers.discard(connection)
        peer = connection.channel.peer
        if self._attempts.get(peer) is connection:
            del self._attempts[peer]
        if self._connections.get(peer) is connection:
            del self._connections[peer]
            _log.info("the connection with %s has ended: %s", peer, reason)
            if self._receiver is not None:
                self._receiver.disconnected(peer)

    def _refuse(self, connection: Connection, reason: str) -> None:
        """Close a connection that is not a replica's, or that a replica must not go on with."""
        if connection.channel.greeted:
            self._refusals.note(connection.caller or connection.channel.peer, reason)
        else:
            self._refusals.count(connection.caller or connection.channel.peer)
        self._drop(connection, reason)

    def _part_from(self, connection: Connection, reason: str) -> None:
        """Close a connection with a replica of another cluster, but let it hear why: it sees so by our greeting."""
        for outgoing in connection.channel.take_outgoing():
            connection.queue(outgoing)
        with suppress(OSError):
            connection.flush()
        self._drop(connection, reason)
        self._rest(connection)

    def _rest(self, connection: Connection) -> None:
        """Do not connect again at once."""
        if (peer := connection.channel.peer) in self._attempt_at:
            self._attempt_at[peer] = self._clock() + REFUSED_RETRY_SECONDS

    def _close_silent(self, now: float) -> None:
        for connection in [*self._connections.values(), *self._attempts.values()]:
            if now > connection.deadline:
                self._drop(connection, "nothing was heard for too long")
        for stranger in list(self._strangers):
            if now > stranger.deadline:
                self._refuse(stranger, "it did not say in time who it is")

    def _drop_broken(self) -> None:
        broken, self._broken = self._broken, {}
        for connection, reason in broken.items():
            self._drop(connection, reason)

    def _ping(self, now: float) -> None:
        """Say something on connections that may be idle: followers have nothing to tell each other."""
        for connection in list(self._connections.values()):
            if now >= connection.ping_at:
                connection.ping_at = now + self._options.connection_timeout_seconds / PINGS_PER_TIMEOUT
                try:
                    self._send(connection, b"")
                except OSError as error:
                    self._drop(connection, str(error))

    # --- bytes

    def _handle(self, connection: Connection, events: int) -> None:
        if connection.socket.fileno() < 0:
            return  # closed by an earlier event of the same poll
        try:
            if connection.connecting:
                connection.connecting = False
                if failure := connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._drop(connection, errno.errorcode.get(failure, str(failure)))
                    return
            if events & selectors.EVENT_READ:
                self._read(connection)
        except PeerRefused as refusal:
            self._part_from(connection, str(refusal))
        except (ChannelRefused, MalformedMessage) as refusal:
            self._refuse(connection, str(refusal))
            self._rest(connection)
        except OSError as error:
            self._drop(connection, str(error))
        self._flush(connection)

    def _read(self, connection: Connection) -> None:
        for _ in range(READS_PER_POLL):
            try:
                data = connection.socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._drop(connection, "closed by the other side")
                return
            self._take(connection, data)
            if connection.socket.fileno() < 0 or len(data) < RECEIVE_BYTES:
                return

    def _take(self, connection: Connection, data: bytes) -> None:
        known = connection.channel.established
        messages = connection.channel.receive(data)
        if connection.channel.greeted:
            self._let_go(self._strangers.greeted(connection))
        for outgoing in connection.channel.take_outgoing():
            connection.queue(outgoing)
        if connection.channel.established:
            connection.deadline = self._clock() + self._options.connection_timeout_seconds
            if not known:
                self._establish(connection)
        for message in messages:
            gone = self._connections.get(connection.channel.peer) is not connection
            if message and not gone and self._receiver is not None:  # an empty one is a ping
                self._receiver.received(connection.channel.peer, decode(message))

    def _send(self, connection: Connection, data: bytes) -> None:
        """Send, or keep what the socket does not take yet. Raises OSError."""
        connection.queue(connection.channel.seal(data))
        if connection.unsent_bytes > UNSENT_BYTES_MAX:
            raise OSError("too much waits to be sent to it")
        connection.flush()
        connection.watch_needed()

    def _flush(self, connection: Connection) -> None:
        if connection.socket.fileno() < 0 or connection.connecting:
            return
        try:
            connection.flush()
        except OSError as error:
            self._drop(connection, str(error))
            return
        connection.watch_needed()

    def _drain_wake(self, _events: int) -> None:
        try:
            while self._wake_in.recv(4096):
                pass
        except BlockingIOError:
            return


def _listen(options: RaftOptions) -> socket.socket:
    """Listen where the options say; the own address may be a name that other machines resolve, then everywhere."""
    host, port = split_address(options.listen or options.addresses[options.name])
    if not options.listen:
        try:
            socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
        except OSError:
            host = "0.0.0.0"  # noqa: S104 - in a container, where the name belongs to its only interface
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(CALLERS_MAX)
    except OSError as error:
        listener.close()
        raise cannot_listen(Address(host, port), error) from error
    return listener
