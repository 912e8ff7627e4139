"""Raft's messages as bytes: msgpack, so that what a peer sends is data and never code.

PySyncObj itself would unpickle them. This module checks every field that the receiving side reads, so the handlers can
rely on a message that passes. Anything else is `MalformedMessage` and costs the sender its connection.
"""

from typing import Any, Final

import msgpack

Message = dict[str, Any]
"""`type` and the fields that FIELDS lists for it. An entry is [command, index, term]."""


class MalformedMessage(Exception):
    """The bytes are not a message that a replica of this version sends."""


APPEND_ENTRIES: Final = "append_entries"
APPEND_REPLY: Final = "next_node_idx"
VOTE_REQUEST: Final = "request_vote"
VOTE: Final = "response_vote"
TIMEOUT_NOW: Final = "timeout_now"
PREVOTE_REQUEST: Final = "canvass_question"
PREVOTE_RESPONSE: Final = "canvass_answer"
READ_PROBE: Final = "read_probe"
READ_ECHO: Final = "read_echo"
SNAPSHOT_CHUNK: Final = "snapshot_chunk"
SNAPSHOT_ACKNOWLEDGEMENT: Final = "snapshot_taken"
LEARNER_QUERY: Final = "rejoin_question"
LEARNER_REPLY: Final = "rejoin_answer"
CLUSTER_RECORD: Final = "cluster_record"

FIELDS: Final[dict[str, dict[str, type]]] = {
    # PySyncObj's own messages and names.
    APPEND_ENTRIES: {"term": int, "commit_index": int, "prevLogIdx": int, "prevLogTerm": int, "entries": list},
    APPEND_REPLY: {"term": int, "next_node_idx": int, "reset": bool, "success": bool, "voting": bool},
    VOTE_REQUEST: {"term": int, "last_log_index": int, "last_log_term": int},
    VOTE: {"term": int, "voting": bool},
    TIMEOUT_NOW: {"term": int},
    # Ours.
    READ_PROBE: {"term": int, "round": int},
    READ_ECHO: {"term": int, "round": int},
    SNAPSHOT_CHUNK: {
        "term": int,
        "transfer": int,
        "number": int,
        "last": bool,
        "index": int,
        "index_term": int,
        "cluster": str,
        "pairs": bytes,
    },
    SNAPSHOT_ACKNOWLEDGEMENT: {"term": int, "transfer": int, "number": int},
    PREVOTE_REQUEST: {"round": int, "term": int, "last_log_index": int, "last_log_term": int},
    PREVOTE_RESPONSE: {"round": int, "willing": bool},
    LEARNER_QUERY: {"round": int},
    LEARNER_REPLY: {
        "round": int,
        "term": int,
        "last_index": int,
        "voting": bool,
        "origin": str,
        "cluster": str,
        "disk": str,
    },
    CLUSTER_RECORD: {"cluster": str, "origin": str, "term": int, "disks": dict},
}
"""The fields of each type of message. The types' values are what is sent, and stay: replicas of several versions talk
to each other during an upgrade."""


def encode(message: Message) -> bytes:
    """Return the bytes of a message."""
    return msgpack.packb(message)


def decode(data: bytes) -> Message:
    """Return the message in `data`. Raises MalformedMessage."""
    try:
        message = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise MalformedMessage(f"not msgpack: {type(error).__name__}") from error
    if not isinstance(message, dict):
        raise MalformedMessage("not a map")
    _check_fields(message)
    if message["type"] == APPEND_ENTRIES:
        _check_entries(message["entries"], message["prevLogIdx"])
    if message["type"] == CLUSTER_RECORD:
        _check_record(message)
    return message


def encode_pairs(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """Return the keys and values of a snapshot's chunk as bytes."""
    return msgpack.packb(pairs)


def decode_pairs(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return what `encode_pairs` was given. Raises MalformedMessage."""
    try:
        pairs = msgpack.unpackb(data, use_list=False)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise MalformedMessage(f"snapshot chunk is not msgpack: {type(error).__name__}") from error
    if not isinstance(pairs, tuple) or not all(
        isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, bytes) for part in pair) for pair in pairs
    ):
        raise MalformedMessage("snapshot chunk does not hold pairs of bytes")
    return list(pairs)


def _check_fields(message: Message) -> None:
    fields = FIELDS.get(kind) if isinstance(kind := message.get("type"), str) else None
    if fields is None:
        raise MalformedMessage(f"type {str(kind)[:40]!r} is not known")
    for name, expected in fields.items():
        if type(message.get(name)) is not expected:
            raise MalformedMessage(f"{kind}.{name} must be {expected.__name__}")
        if expected is int and not 0 <= message[name] < 1 << 63:
            raise MalformedMessage(f"{kind}.{name} is out of range")


def _check_entries(entries: list[Any], previous: int) -> None:
    """Entries carry a command of at least one byte, and their indexes follow on `previous`."""
    for offset, entry in enumerate(entries, start=1):
        if not (isinstance(entry, list) and [type(part) for part in entry] == [bytes, int, int] and entry[0]):
            raise MalformedMessage("append_entries.entries must hold [command, index, term]")
        if entry[1] != previous + offset:
            raise MalformedMessage("append_entries.entries must have contiguous indexes")


def _check_record(message: Message) -> None:
    """Demand a cluster, and disks by the replicas' names."""
    disks = message["disks"]
    if not message["cluster"] or not all(type(part) is str for pair in disks.items() for part in pair):
        raise MalformedMessage("cluster_record must name a cluster, and disks by their replicas")
