"""The keys of the replicated state: what one kind of row is called, no other is."""

from itertools import combinations

from quitanda_replica.state import keys


def prefixes():
    """Every prefix that the module names, also those in its tables."""
    found = []
    for name, value in vars(keys).items():
        if name == "DIGEST_KEY":  # imported; here it is called DIGEST
            continue
        found += [value] if isinstance(value, bytes) else list(value.values()) if isinstance(value, dict) else []
    return [each for each in found if isinstance(each, bytes) and each != keys.STATE]


def test_no_two_kinds_of_rows_have_keys_that_begin_alike():
    known = prefixes()

    assert {keys.LOW_PRODUCTS, keys.SENDER_LEASE, keys.CLOSED_ORDERS, *keys.DOCUMENTS.values()} <= set(known)
    assert [pair for pair in combinations(known, 2) if pair[0].startswith(pair[1]) or pair[1].startswith(pair[0])] == []
