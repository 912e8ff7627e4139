"""The real network: one TCP connection for each pair of replicas. The one with the larger name connects.

Everything has a bound: unauthenticated connections, their time to authenticate, frames, unsent bytes. The network
closes a silent connection only after it has read, so a process that was stopped for a while does not take it for the
peer's silence.
"""

import errno
import logging
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from quitanda.runtime.addresses import Address
from quitanda_replica.cluster_keys import KeyLabel, derive_key
from quitanda_replica.raft.codec import MalformedMessage, Message, decode, encode
from quitanda_replica.raft.connection import (
    Connection,
    RejectedConnectionLog,
    UnauthenticatedConnections,
    open_listener,
)
from quitanda_replica.raft.network import Receiver
from quitanda_replica.raft.options import MIB, RaftOptions
from quitanda_replica.raft.resolver import Resolver, SocketAddress
from quitanda_replica.raft.secure_channel import ChannelRejected, PeerRejected, SecureChannel

UNAUTHENTICATED_SECONDS: Final = 0.002
"""How long one poll serves unauthenticated connections, and how long it accepts new ones. The next poll serves the
rest. So a crowd makes a step longer by at most twice this time."""
LISTEN_BACKLOG: Final = 1024
"""Connections that the system keeps until they are accepted. Beyond that number the others must try again."""
UNSENT_BYTES_MAX: Final = 128 * MIB
"""A connection with more unsent bytes is closed. The leader sends what is missing when the peer is back."""
RECEIVE_BYTES: Final = 256 * 1024
READS_PER_POLL: Final = 4
"""Of each connection. What a step receives it must also apply and make durable before it receives again."""
PINGS_PER_TIMEOUT: Final = 4
REJECTED_RETRY_SECONDS: Final = 2.0
"""Between attempts to connect with a peer that was rejected; a wrong secret must not flood the logs."""
ACCEPT_PAUSE_SECONDS: Final = 0.5
"""The pause after the system failed to accept a connection, for example because no descriptors are left."""

_log = logging.getLogger(__name__)


class TcpNetwork:
    """`network.Network` over TCP; `network` says what the methods promise."""

    def __init__(self, options: RaftOptions, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        secrets = filter(None, (options.secret, options.accepted_secret))
        self._channel_keys = [derive_key(secret, KeyLabel.RAFT_CHANNEL) for secret in secrets]
        self._resolver = Resolver(options.addresses[peer] for peer in self._peers_to_connect(options))
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._accept_at: float | None = None
        """When accepting resumes after a pause."""
        self._wake_in, self._wake_out = socket.socketpair()
        self._receiver: Receiver | None = None
        self._connections: dict[str, Connection] = {}
        """The established connections, by peer."""
        self._attempts: dict[str, Connection] = {}
        """The connections that this replica has begun and that are not established yet, by peer."""
        self._unauthenticated_selector = selectors.DefaultSelector()
        """It watches the listener and the unauthenticated connections. The other selector watches it and the peers."""
        self._unauthenticated: UnauthenticatedConnections[Connection] = UnauthenticatedConnections()
        """The connections that are accepted and not established yet."""
        self._rejected_log = RejectedConnectionLog(clock)
        self._broken: dict[Connection, str] = {}
        """Connections that a `send` found broken, with the reason. `poll` drops them, as only it may call the
        receiver."""
        self._attempt_at: dict[str, float] = dict.fromkeys(self._peers_to_connect(options), 0.0)

    def open(self, receiver: Receiver) -> None:
        """Listen, and begin to resolve the peers' addresses. Raises OSError."""
        self._receiver = receiver
        for sock in (self._wake_in, self._wake_out):
            sock.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wake)
        self._selector.register(self._unauthenticated_selector, selectors.EVENT_READ, self._serve_unauthenticated)
        self._listener = open_listener(self._options, LISTEN_BACKLOG)
        self._resume_accepting()
        self._resolver.start()

    def poll(self, timeout: float) -> None:
        """Read and write what is possible, then do what is due."""
        self._drop_broken()
        for key, events in self._selector.select(timeout):
            key.data(events)
        now = self._clock()
        if self._accept_at is not None and now >= self._accept_at:
            self._resume_accepting()
        self._close_timed_out(now)
        self._rejected_log.end_period()
        self._ping(now)
        self._connect_missing(now)

    def send(self, peer: str, message: Message) -> None:
        """Send to a connected peer, or drop the message."""
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
            return  # full: `poll` will return anyway; closed: no thread polls any more

    def close(self) -> None:
        """Close every socket."""
        self._receiver = None
        self._resolver.close()
        for connection in [*self._connections.values(), *self._attempts.values(), *self._unauthenticated]:
            self._drop(connection, "this replica stops")
        for sock in (self._listener, self._wake_in, self._wake_out):
            if sock is not None:
                sock.close()
        self._unauthenticated_selector.close()
        self._selector.close()

    # --- opening and closing connections

    @staticmethod
    def _peers_to_connect(options: RaftOptions) -> list[str]:
        return [peer for peer in options.peers if peer < options.name]

    def _serve_unauthenticated(self, _events: int) -> None:
        """Read from unauthenticated connections, then accept others, for UNAUTHENTICATED_SECONDS each."""
        listener_ready = False
        until = self._clock() + UNAUTHENTICATED_SECONDS
        for key, events in self._unauthenticated_selector.select(0):
            if key.fileobj is self._listener:
                listener_ready = True
            elif self._clock() < until:
                key.data(events)
        if listener_ready:
            self._accept()

    def _accept(self) -> None:
        if self._listener is None:
            return
        until = self._clock() + UNAUTHENTICATED_SECONDS
        try:
            while self._clock() < until:
                self._accept_connection(*self._listener.accept())
        except OSError as error:
            # no descriptors left, or the other side has gone already: neither may end accepting for ever
            if error.errno not in {errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED}:
                _log.warning("accept_failed", extra={"error": str(error)})
                self._unauthenticated_selector.unregister(self._listener)
                self._accept_at = self._clock() + ACCEPT_PAUSE_SECONDS

    def _accept_connection(self, sock: socket.socket, remote: tuple[Any, ...]) -> None:
        if self._receiver is None:
            raise AssertionError("the network is not open")
        accepts = [peer for peer in self._options.peers if peer > self._options.name]
        channel = SecureChannel(
            self._channel_keys,
            self._options.name,
            self._receiver.greeting_to,
            self._receiver.check_greeting,
            accepts=accepts,
        )
        deadline = self._clock() + self._options.connect_timeout_seconds
        address = Address(str(remote[0]), int(remote[1]))
        connection = Connection(sock, channel, self._unauthenticated_selector, deadline, str(address))
        self._evict(self._unauthenticated.add(connection, address.host))
        self._register(connection)
        # a replica's preamble is here already: it need not wait for its turn behind connections that send nothing
        self._handle(connection, selectors.EVENT_READ)

    def _evict(self, evicted: Connection | None) -> None:
        if evicted is not None:
            self._reject(evicted, "too many connections are not authenticated, and it had the longest time for that")

    def _resume_accepting(self) -> None:
        if self._listener is not None:
            self._unauthenticated_selector.register(self._listener, selectors.EVENT_READ)
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
        channel = SecureChannel(
            self._channel_keys,
            self._options.name,
            self._receiver.greeting_to,
            self._receiver.check_greeting,
            connects_to=peer,
        )
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
        self._unauthenticated.discard(connection)
        if self._attempts.get(peer) is connection:
            del self._attempts[peer]
        else:
            connection.move_to(self._selector)
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
        self._unauthenticated.discard(connection)
        peer = connection.channel.peer
        if self._attempts.get(peer) is connection:
            del self._attempts[peer]
        if self._connections.get(peer) is connection:
            del self._connections[peer]
            _log.info("peer_disconnected", extra={"peer": peer, "reason": reason})
            if self._receiver is not None:
                self._receiver.disconnected(peer)

    def _reject(self, connection: Connection, reason: str) -> None:
        """Close a connection whose other side is no replica, or sent something malformed."""
        preamble_received = connection.channel.preamble_received
        self._rejected_log.note(connection.remote_name, reason, preamble_received=preamble_received)
        self._drop(connection, reason)

    def _reject_peer(self, connection: Connection, reason: str) -> None:
        """Close a connection with a replica of another cluster, but first send our greeting, which tells it why."""
        for outgoing in connection.channel.take_outgoing():
            connection.queue(outgoing)
        with suppress(OSError):
            connection.flush()
        self._drop(connection, reason)
        self._delay_reconnect(connection)

    def _delay_reconnect(self, connection: Connection) -> None:
        """Let some time pass before this replica connects again."""
        if (peer := connection.channel.peer) in self._attempt_at:
            self._attempt_at[peer] = self._clock() + REJECTED_RETRY_SECONDS

    def _close_timed_out(self, now: float) -> None:
        for connection in [*self._connections.values(), *self._attempts.values()]:
            if now > connection.deadline:
                self._drop(connection, "nothing arrived for too long")
            elif now > connection.frame_deadline:
                self._drop(connection, "bytes arrived, but no whole frame for too long")
        for unauthenticated in list(self._unauthenticated):
            if now > unauthenticated.deadline:
                self._reject(unauthenticated, "it did not authenticate in time")

    def _drop_broken(self) -> None:
        broken, self._broken = self._broken, {}
        for connection, reason in broken.items():
            self._drop(connection, reason)

    def _ping(self, now: float) -> None:
        """Send an empty frame on connections that may be idle: followers have nothing to tell each other."""
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
        except PeerRejected as rejection:
            self._reject_peer(connection, str(rejection))
        except (ChannelRejected, MalformedMessage) as rejection:
            self._reject(connection, str(rejection))
            self._delay_reconnect(connection)
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
        was_established = connection.channel.established
        messages = connection.channel.receive(data)
        if connection.channel.preamble_received:
            self._evict(self._unauthenticated.preamble_received(connection))
        for outgoing in connection.channel.take_outgoing():
            connection.queue(outgoing)
        if connection.channel.established:
            now = self._clock()
            connection.deadline = now + self._options.connection_timeout_seconds
            if messages or not was_established:
                frame_seconds = max(self._options.frame_timeout_seconds, self._options.connection_timeout_seconds)
                connection.frame_deadline = now + frame_seconds
            if not was_established:
                self._establish(connection)
        for message in messages:
            gone = self._connections.get(connection.channel.peer) is not connection
            if message and not gone and self._receiver is not None:  # an empty one is a ping
                self._receiver.received(connection.channel.peer, decode(message))

    def _send(self, connection: Connection, data: bytes) -> None:
        """Send, or queue what the socket does not accept yet. Raises OSError."""
        connection.queue(connection.channel.seal(data))
        if connection.unsent_bytes > UNSENT_BYTES_MAX:
            raise OSError("too many bytes wait to be sent to it")
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
