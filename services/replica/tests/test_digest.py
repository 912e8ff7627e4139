"""The digest of a whole state is computed in chunks, and no key is missed between two of them."""

import pytest

from quitanda_replica.state import digest, keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import Store

CHUNK_KEYS = 1000


def fill(store, documents):
    """Stage documents and the digest that they have, as one after the other would have given it; return the digest."""
    kept = 0
    for number in range(documents):
        key, value = b"So%06d" % number, b"%d" % number
        kept = digest.replaced(kept, key, None, value)
        store.put(key, value)
    store.put(keys.DIGEST, digest.encode_digest(kept))
    store.put(b"Tafter", b"is not part of the state")
    store.commit()
    return digest.shown(kept)


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path)
    yield store
    store.close()


@pytest.mark.parametrize("documents", [0, 1, CHUNK_KEYS - 1, CHUNK_KEYS, CHUNK_KEYS + 1, 2 * CHUNK_KEYS - 1])
def test_every_key_counts_wherever_a_chunk_ends(store, documents):
    kept = fill(store, documents)
    with store.snapshot() as state:
        assert digest.verify(state) == kept
        found = digest.computed(state)
    assert found.keys == documents + 1
    assert found.kept == kept


@pytest.mark.parametrize("lost", [0, CHUNK_KEYS - 2, CHUNK_KEYS - 1, CHUNK_KEYS, 2 * CHUNK_KEYS - 1])
def test_a_lost_key_is_noticed_wherever_it_stood(store, lost):
    fill(store, 2 * CHUNK_KEYS)
    store.delete(b"So%06d" % lost)
    store.commit()
    with store.snapshot() as state, pytest.raises(StateCorrupt, match="does not match its digest"):
        digest.verify(state)


def test_the_walk_ends_where_its_caller_has_no_more_time(store):
    fill(store, 3 * CHUNK_KEYS)

    def no_more_time():
        raise TimeoutError

    with store.snapshot() as state, pytest.raises(TimeoutError):
        digest.computed(state, no_more_time)
