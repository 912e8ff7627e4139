"""Raft's messages as bytes: msgpack, so that what a peer sends is data and never code.

PySyncObj itself would unpickle them. Every field that the receiving side reads is checked here, so a message
that passes can be handled without surprise; anything else is `MalformedMessage` and costs the sender its connection.
"""

from typing import Any, Final

import msgpack

Message = dict[str, Any]
"""`type` and the fields that FIELDS lists for it. An entry is [command, index, term]."""


class MalformedMessage(Exception):
    """The bytes are not a message that a replica of this version sends."""


FIELDS: Final[dict[str, dict[str, type]]] = {
    # PySyncObj's own; its names are kept.
    "append_entries": {"term": int, "commit_index": int, "prevLogIdx": int, "prevLogTerm": int, "entries": list},
    "next_node_idx": {"term": int, "next_node_idx": int, "reset": bool, "success": bool, "voting": bool},
    "request_vote": {"term": int, "last_log_index": int, "last_log_term": int},
    "response_vote": {"term": int, "voting": bool},
    "timeout_now": {"term": int},
    # Ours.
    "read_probe": {"term": int, "round": int},
    "read_echo": {"term": int, "round": int},
    "snapshot_chunk": {
        "term": int,
        "transfer": int,
        "number": int,
        "last": bool,
        "index": int,
        "index_term": int,
        "cluster": str,
        "pairs": bytes,
    },
    "snapshot_taken": {"term": int, "transfer": int, "number": int},
    "canvass_question": {"round": int, "term": int, "last_log_index": int, "last_log_term": int},
    "canvass_answer": {"round": int, "willing": bool},
    "rejoin_question": {"round": int},
    "rejoin_answer": {
        "round": int,
        "term": int,
        "last_index": int,
        "voting": bool,
        "origin": str,
        "cluster": str,
        "disk": str,
    },
    "cluster_record": {"cluster": str, "origin": str, "term": int, "disks": dict},
}


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
    if message["type"] == "append_entries":
        _check_entries(message["entries"], message["prevLogIdx"])
    if message["type"] == "cluster_record":
        _check_record(message)
    return message


def encode_pairs(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """Return keys and values of a snapshot's chunk as bytes."""
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
