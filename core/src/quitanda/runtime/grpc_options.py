"""The options of every gRPC server and channel that matter, each set explicitly, in one place."""

from typing import Final

OWN_SERVICE: Final = ""
"""The health service that stands for the whole server."""

READINESS: Final = "readiness"
"""SERVING where requests can be answered now."""

LIVENESS: Final = "liveness"
"""SERVING where the process is alive; it need not be ready."""

FEED: Final = "feed"
"""On portals: SERVING where the change feed was heard within the staleness bound. Without it, a portal is as ready."""

HEALTH_SERVICES: Final = (OWN_SERVICE, READINESS, LIVENESS)

PORTAL_RECEIVE_BYTES_MAX: Final = 1024 * 1024
"""One request of a client; far above what the rules allow in one."""

REFUSED_BYTES_FACTOR: Final = 4
"""A request of up to so many times its bound is received, to be refused by name; the library cuts off larger ones."""

REPLICA_RECEIVE_BYTES_MAX: Final = 64 * 1024 * 1024
"""One batch between a portal and a replica, and one page of large documents on the way back."""

WINDOW_BYTES: Final = 64 * 1024
"""What a caller may send of a call that the server has not begun to receive; most requests are smaller."""

CONCURRENT_RPCS_MAX: Final = 20_000
"""Calls that the library takes at a time; it refuses more without a reason of ours. A portal's limiter comes far before
(`admission`): this bounds the memory of calls that nobody has looked at yet."""

CONNECTION_AGE_SECONDS: Final = 600.0
"""How old a connection with TLS may become; then the certificates are looked at again."""

CHANNEL_AGE_SECONDS: Final = 0.8 * CONNECTION_AGE_SECONDS
"""When a caller replaces a channel with TLS by itself. The server ends a connection up to a tenth sooner or later than
it is told; a call that begins when it does so is lost, which the library tells as an unknown outcome."""

CALL_SECONDS_MAX: Final = 3_600.0
"""How long calls may go on over a connection that takes no more of them: as long as a backup, the longest call."""

_HANDSHAKE_MS_MAX: Final = 2_000
"""For an attempt to connect with TLS: the handshake waits for the processor of both sides."""

HANDSHAKE_SECONDS_MAX: Final = 10.0
"""After this a server closes a connection that has not finished its handshake (TLS and HTTP/2)."""

_METADATA_BYTES_MAX: Final = 16 * 1024
_PING_EVERY_MS: Final = 10_000
_PING_TIMEOUT_MS: Final = 5_000
_PING_MIN_INTERVAL_MS: Final = 5_000

Options = tuple[tuple[str, int | str], ...]


def server_options(receive_bytes_max: int = PORTAL_RECEIVE_BYTES_MAX) -> Options:
    """Give the options of a server that takes messages of at most `receive_bytes_max` bytes."""
    return (
        ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_SECONDS_MAX * 1000)),
        ("grpc.max_receive_message_length", receive_bytes_max),
        # Answers may hold a page of the largest documents.
        ("grpc.max_send_message_length", REPLICA_RECEIVE_BYTES_MAX),
        ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
        # Of calls that nobody has looked at yet, the library cancels some beyond a number (1,000 unless told). Their
        # callers cannot tell that from a call that was lost, so it must not happen before we refuse.
        ("grpc.server.max_pending_requests", CONCURRENT_RPCS_MAX),
        ("grpc.server.max_pending_requests_hard_limit", CONCURRENT_RPCS_MAX),
        # Two processes on one port would share the calls silently; a second start must fail instead.
        ("grpc.so_reuseport", 0),
        # Find dead clients, and let clients that ask for the same find a dead server.
        ("grpc.keepalive_time_ms", _PING_EVERY_MS),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_MIN_INTERVAL_MS),
        ("grpc.http2.max_pings_without_data", 0),
    )


def small_window_options() -> Options:
    """Give the options of a server that takes no more of a message than `WINDOW_BYTES` before somebody wants it.

    Otherwise the library takes as much as the connection can carry in a round trip, up to the whole message.
    """
    return (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", WINDOW_BYTES))


def connection_bound_options(connections_max: int) -> Options:
    """Give the options of a server that has at most so many connections; it closes further ones at once."""
    return (("grpc.max_allowed_incoming_connections", connections_max),)


def connection_age_options(seconds: float) -> Options:
    """Give the options of a server that ends connections which are `seconds` old, so that callers connect anew.

    A connection that was made with a certificate whose CA is no longer trusted lasts no longer than this. The server
    tells the caller first, and the caller's next calls go over a new connection.
    """
    return (
        ("grpc.max_connection_age_ms", round(seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(CALL_SECONDS_MAX * 1000)),
    )


def certificate_options(name: str) -> Options:
    """Give the options of a channel whose server's certificate must have this name; the address's host if empty."""
    return (("grpc.ssl_target_name_override", name),) if name else ()


def channel_options(receive_bytes_max: int = REPLICA_RECEIVE_BYTES_MAX) -> Options:
    """Give the options of a channel to one of our servers."""
    return (
        ("grpc.max_receive_message_length", receive_bytes_max),
        ("grpc.max_send_message_length", REPLICA_RECEIVE_BYTES_MAX),
        ("grpc.keepalive_time_ms", _PING_EVERY_MS),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # A server that was away is tried again soon.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        # One that comes back with another address is found there as soon; the default is half a minute.
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        # Whether a call is repeated is decided by us, never behind our back.
        ("grpc.enable_retries", 0),
        # Addresses are direct; a proxy of the environment is none of our business.
        ("grpc.enable_http_proxy", 0),
    )


def secure_channel_options(certificate_name: str = "") -> Options:
    """Give the options of a channel with TLS to one of our servers, whose certificate must have this name.

    Without one it must have the address's host.
    """
    # Despite its name this bounds the time that one attempt to connect may take.
    longer = {**dict(channel_options()), "grpc.min_reconnect_backoff_ms": _HANDSHAKE_MS_MAX}
    return (*longer.items(), *certificate_options(certificate_name))
