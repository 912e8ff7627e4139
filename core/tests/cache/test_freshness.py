import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.cache.freshness import PROOFS_MAX, FreshnessProofs

steps = st.lists(st.tuples(st.floats(0, 0.3), st.integers(0, 3)), max_size=200)


def test_a_proof_covers_its_revision_and_above_for_the_bound():
    proofs = FreshnessProofs(1.0)
    proofs.add(10.0, 5)

    assert proofs.cover(5, 11.0)
    assert proofs.cover(6, 10.5)
    assert not proofs.cover(4, 10.5)
    assert not proofs.cover(5, 11.01)


def test_the_next_proof_is_due_after_a_third_of_the_bound():
    proofs = FreshnessProofs(0.9)
    assert proofs.due_in(10.0) == 0
    proofs.add(10.0, 5)

    assert proofs.due_in(10.1) == pytest.approx(0.2)
    assert proofs.due_in(11.0) == 0


def test_a_bound_of_nothing_is_refused():
    with pytest.raises(ValueError, match="bound"):
        FreshnessProofs(0)


@given(steps, st.integers(0, 300))
def test_what_is_kept_proves_nothing_that_was_not_proved(given_steps, revision):
    proofs, all_of_them, now, last = FreshnessProofs(1.0), [], 0.0, 0
    for pause, growth in given_steps:
        now += pause
        last += growth
        proofs.add(now, last)
        all_of_them.append((now, last))

    if proofs.cover(revision, now):
        assert any(p <= revision and now - s <= 1.0 for s, p in all_of_them)


@given(steps)
def test_few_proofs_are_kept_and_they_lose_little(given_steps):
    proofs, now, last = FreshnessProofs(1.0), 0.0, 0
    history = []
    for pause, growth in given_steps:
        now += pause
        last += growth
        proofs.add(now, last)
        history.append((now, last))

    assert len(proofs._proofs) <= PROOFS_MAX + 2
    for started, revision in history:
        # All but the last bit of the time that a proof could serve, it or a stronger one is there.
        if now - started <= 1.0 - 1.1 / PROOFS_MAX:
            assert proofs.cover(revision, now)
