import pytest

from quitanda.cache.lru import DocumentCache, Entry
from quitanda.domain.model import Customer, Kind

KEYS = [(Kind.CUSTOMER, f"c{number}") for number in range(5)]


def document(version):
    return Customer("c", "C", (), version)


def test_the_least_recently_used_entry_goes_first():
    cache = DocumentCache(2)
    cache.fill(KEYS[0], document(1), 1)
    cache.fill(KEYS[1], document(2), 2)
    cache.get(KEYS[0])
    cache.fill(KEYS[2], document(3), 3)

    assert [cache.get(key) is not None for key in KEYS[:3]] == [True, False, True]


def test_being_changed_by_others_is_not_being_used():
    cache = DocumentCache(2)
    cache.fill(KEYS[0], document(1), 1)
    cache.fill(KEYS[1], document(2), 2)
    cache.change(KEYS[0], document(3), 3)
    cache.fill(KEYS[2], document(4), 4)

    assert cache.get(KEYS[0]) is None


def test_entries_move_forward_only():
    cache = DocumentCache(2)
    cache.fill(KEYS[0], document(5), 5)
    cache.fill(KEYS[0], document(4), 4)
    cache.change(KEYS[0], document(3), 3)
    cache.hint(KEYS[0], document(2), 2)

    assert cache.get(KEYS[0]) == Entry(document(5), 5, confirmed=True)


def test_a_hint_is_confirmed_by_a_read_of_its_revision():
    cache = DocumentCache(2)
    cache.hint(KEYS[0], document(5), 5)
    cache.fill(KEYS[0], document(6), 5)

    assert cache.get(KEYS[0]) == Entry(document(6), 5, confirmed=True)


def test_an_absence_has_version_zero():
    assert Entry(None, 3, confirmed=True).version == 0


def test_a_cache_without_room_is_refused():
    with pytest.raises(ValueError, match="max_entries"):
        DocumentCache(0)


def test_a_document_that_is_confirmed_unchanged_keeps_its_digest_and_another_one_gets_its_own():
    cache, held = DocumentCache(2), document(5)
    cache.fill(KEYS[0], held, 5)
    digest = cache.get(KEYS[0]).digest
    cache.fill(KEYS[0], held, 6)
    unchanged = cache.get(KEYS[0]).digest
    cache.fill(KEYS[0], document(7), 7)

    assert unchanged is digest
    assert cache.get(KEYS[0]).digest == Entry(document(7), 7, confirmed=True).digest != digest
