import pytest

from quitanda.cluster_client.routing import LeaderTracker


@pytest.fixture
def leadership():
    return LeaderTracker(["a", "b", "c"], suspicion=1.0)


def test_everybody_is_asked_once_before_anybody_is_asked_again(leadership):
    tried = set()
    while (name := leadership.candidate(tried, 0.0)) is not None:
        assert name not in tried
        tried.add(name)
        leadership.failed(name)

    assert tried == {"a", "b", "c"}


def test_who_answered_as_leader_is_asked_first(leadership):
    assert leadership.answered("c")
    assert not leadership.answered("c")

    assert leadership.candidate(set(), 0.0) == "c"


def test_a_hint_replaces_only_the_knowledge_of_the_replica_that_gave_it(leadership):
    leadership.answered("a")
    leadership.redirected("b", "c")
    assert leadership.known == "a"
    leadership.redirected("a", "c")
    assert leadership.known == "c"


@pytest.mark.parametrize("hint", ["", "a", "stranger"])
def test_a_hint_that_leads_nowhere_leaves_the_leader_unknown(leadership, hint):
    leadership.answered("a")
    leadership.redirected("a", hint)

    assert leadership.known is None


def test_a_failure_of_another_replica_does_not_shake_the_leader(leadership):
    leadership.answered("a")
    leadership.failed("b")

    assert leadership.known == "a"


def test_a_silent_replica_is_avoided_for_a_while_even_where_others_name_it(leadership):
    leadership.silent("a", 10.0)
    leadership.redirected("b", "a")

    assert leadership.candidate({"b", "c"}, 10.5) is None
    assert leadership.candidate({"b", "c"}, 11.0) == "a"


def test_silent_replicas_are_asked_where_all_are_silent(leadership):
    for name in ("a", "b", "c"):
        leadership.silent(name, 10.0)

    assert leadership.candidate(set(), 10.0) in {"a", "b", "c"}


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_replicas_need_names_of_their_own(names):
    with pytest.raises(ValueError, match="names"):
        LeaderTracker(names, 1.0)
