from hypothesis import given, settings
from hypothesis import strategies as st

from quitanda.domain.value_checks import check_id
from quitanda_clients.request_ids import derived_request_id, new_request_id

PARTS = st.lists(st.text() | st.integers(), max_size=4)


@settings(deadline=None)
@given(PARTS)
def test_the_same_parts_give_the_same_valid_id(parts):
    first, second = derived_request_id(*parts), derived_request_id(*parts)

    assert first == second
    assert check_id("request_id", first) is None


@settings(deadline=None)
@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_other_parts_give_another_id(one, other):
    assert (derived_request_id(*one) == derived_request_id(*other)) is (one == other)


def test_a_new_id_is_valid_and_never_the_same():
    ids = {new_request_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(check_id("request_id", request_id) is None for request_id in ids)
