"""A backup's file: what is written is read again, and nothing else is ever taken for a backup."""

import io
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.backup import (
    DIGEST_KEY,
    BackupDamaged,
    BackupReader,
    BackupWriter,
    Header,
    MalformedPairs,
    OneDisk,
    StateDigest,
    decode_pairs,
    encode_pairs,
)

PAIRS = [(b"Sc%d" % number, b"customer %d" % number) for number in range(10)]


def whole(pairs):
    """The pairs with their digest's own, as a state holds them; and the digest."""
    digest = StateDigest()
    for key, value in pairs:
        digest.add(key, value)
    return sorted([*pairs, (DIGEST_KEY, bytes.fromhex(digest.computed))]), digest.computed


def header(state_digest):
    return Header(
        revision=70,
        term=3,
        state_digest=state_digest,
        customers=10,
        products=0,
        orders=0,
        keys_expected=11,
        replica="replica1",
        taken_at="2026-11-23T07:00:00+00:00",
    )


def written(pairs=PAIRS, size=4):
    state, state_digest = whole(pairs)
    file = io.BytesIO()
    writer = BackupWriter(file, header(state_digest))
    parts = [state[start : start + size] for start in range(0, len(state), size)]
    for part in parts:
        writer.chunk(encode_pairs(part))
    contents = writer.finish(len(parts), len(state))
    return file.getvalue(), contents


def read(data):
    reader = BackupReader(io.BytesIO(data))
    return reader, [pair for chunk in reader.chunks() for pair in decode_pairs(chunk)]


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=50))))
def test_pairs_survive_the_way(pairs):
    assert list(decode_pairs(encode_pairs(pairs))) == pairs


@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), min_size=1), st.data())
def test_pairs_that_are_cut_off_are_refused_or_fewer(pairs, data):
    encoded = encode_pairs(pairs)
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]

    try:
        assert list(decode_pairs(cut)) == pairs[: len(list(decode_pairs(cut)))]
    except MalformedPairs:
        return


def test_what_is_written_is_read_again():
    data, contents = written()

    reader, pairs = read(data)

    assert pairs == whole(PAIRS)[0]
    assert reader.header == header(whole(PAIRS)[1])
    assert reader.contents == contents
    assert data.startswith(b"Quitanda backup 1\n")


def test_every_single_changed_byte_is_noticed():
    data, _ = written()

    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x01
        with pytest.raises(BackupDamaged):
            read(bytes(changed))


def test_every_cut_and_every_addition_is_noticed():
    data, _ = written()

    for length in range(len(data)):
        with pytest.raises(BackupDamaged):
            read(data[:length])
    with pytest.raises(BackupDamaged, match="behind the trailer"):
        read(data + b"x")


def test_chunks_in_another_order_are_noticed():
    data, _ = written(size=6)
    first, second = (encode_pairs(part) for part in (whole(PAIRS)[0][:6], whole(PAIRS)[0][6:]))
    swapped = data.replace(first, b"1" * len(first)).replace(second, first).replace(b"1" * len(first), second)

    with pytest.raises(BackupDamaged):
        read(swapped)


def test_a_writer_does_not_finish_what_is_not_whole():
    state, state_digest = whole(PAIRS)
    writer = BackupWriter(io.BytesIO(), header(state_digest))
    writer.chunk(encode_pairs(state[:5]))

    with pytest.raises(BackupDamaged, match="5 keys"):
        writer.finish(1, len(state))


def test_a_writer_does_not_finish_a_state_that_contradicts_its_digest():
    state, state_digest = whole(PAIRS)
    state[0] = (state[0][0], b"another")
    writer = BackupWriter(io.BytesIO(), header(state_digest))
    writer.chunk(encode_pairs(state))

    with pytest.raises(BackupDamaged, match="digest"):
        writer.finish(1, len(state))


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", "not a backup"), (b"PK\x03\x04", "not a backup"), (b"Quitanda backup 2\n...", "another format")],
)
def test_other_files_are_named_as_what_they_are(data, text):
    with pytest.raises(BackupDamaged, match=text):
        BackupReader(io.BytesIO(data))


def test_the_backup_of_an_empty_state_is_a_backup():
    file = io.BytesIO()
    BackupWriter(file, header("0" * 64)).finish(0, 0)

    assert read(file.getvalue())[1] == []


ONE_DISK = OneDisk(cluster="c" * 32, term=9, commit_index=80, last_log_index=91, counts=False)


@dataclass(frozen=True)
class OtherDisk:
    """What a header of another version might say of its disk."""

    term: str = "nine"


def test_a_backup_of_one_disk_says_so_and_what_it_may_lack():
    file = io.BytesIO()
    BackupWriter(file, replace(header("0" * 64), one_disk=ONE_DISK)).finish(0, 0)
    file.seek(0)

    found = BackupReader(file).header

    assert found.one_disk == ONE_DISK
    assert "the 21 entries of its own log behind revision 70 (10 known as committed)" in ONE_DISK.explain(70)
    assert "still catching up" in ONE_DISK.explain(70)


def test_a_header_that_says_something_else_of_its_disk_is_refused():
    file = io.BytesIO()
    BackupWriter(file, replace(header("0" * 64), one_disk=OtherDisk())).finish(0, 0)
    file.seek(0)

    with pytest.raises(BackupDamaged, match="disk"):
        BackupReader(file)


def test_the_header_of_an_ordinary_backup_has_no_more_fields_than_before():
    assert "one_disk" not in header("0" * 64).as_fields()
