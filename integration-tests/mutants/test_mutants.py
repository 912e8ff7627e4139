"""The list fits the code, and the campaign tells the truth: what is caught, by what, and what is not."""

import ast
import re
import threading
from collections import Counter
from dataclasses import replace

import pytest

from mutants.campaign import Campaign, exit_code
from mutants.listed import ALL
from mutants.mutant import RAFT, RAFT_TESTS, Mutant, Outdated
from mutants.tree import ROOT, Tree, text_of
from mutants.trial import Interrupted, Trials, Unplayable

pytestmark = pytest.mark.processes_only(reason="nothing in it is a cluster")

WINDOW = f"{RAFT}/transport.py"
WINDOW_TESTS = f"{RAFT_TESTS}/test_transport.py::test_an_acknowledgement_makes_room_for_the_messages_that_it_covers"
COMMENT = Mutant(
    "another-comment",
    "Nothing: no test can notice a comment.",
    WINDOW,
    '"""The last index of each."""',
    '"""The last index of each one."""',
    (WINDOW_TESTS,),
)
NO_BOUND = Mutant(
    "no-bound",
    "The window has a bound.",
    WINDOW,
    "return len(self._in_flight) < MESSAGES_IN_FLIGHT",
    "return len(self._in_flight) < MESSAGES_IN_FLIGHT + 1",
    (WINDOW_TESTS,),
)
AT_IMPORT = replace(NO_BOUND, name="at-import", new="return len(", tests=(WINDOW_TESTS,))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Tree(tmp_path_factory.mktemp("copy"))


def test_every_mutant_fits_the_code_once_and_changes_what_it_does():
    for mutant in ALL:
        text = text_of(mutant)
        mutated = ast.parse(mutant.applied(text))

        assert ast.dump(mutated) != ast.dump(ast.parse(text)), mutant.name


def test_every_mutant_has_a_name_of_its_own_and_a_mistake_of_its_own():
    assert [name for name, number in Counter(mutant.name for mutant in ALL).items() if number > 1] == []
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in ALL}) == len(ALL) >= 40


def test_the_tests_that_are_listed_are_there():
    missing = []
    for test in {test for mutant in ALL for test in mutant.tests}:
        file, *names = test.split("::")
        text = (ROOT / file).read_text()
        missing += [test for name in names if not re.search(rf"^ *(async def|def|class) {name}\b", text, re.MULTILINE)]

    assert missing == []


@pytest.mark.parametrize("old", ["not in the file", "self._in_flight"], ids=["gone", "more than once"])
def test_a_mutant_that_does_not_fit_the_code_any_more_stops_the_campaign(old):
    with pytest.raises(Outdated, match=r"no-bound: .* times in .*transport\.py"):
        Campaign([replace(NO_BOUND, old=old)], lambda _line: None).play()


@pytest.mark.timeout(400)  # some ten seconds on a machine that has nothing else to do
def test_a_campaign_tells_which_test_catches_a_mistake_and_that_none_catches_another():
    told = []
    mutants = [
        COMMENT,
        NO_BOUND,
        replace(NO_BOUND, name="elsewhere", tests=(f"{RAFT_TESTS}/test_connection.py",)),
    ]

    results = Campaign(mutants, told.append, wider=[[WINDOW_TESTS]]).play()

    assert [(result.mutant.name, result.caught_by, result.wider) for result in results] == [
        ("another-comment", "", True),
        ("no-bound", WINDOW_TESTS, False),
        ("elsewhere", WINDOW_TESTS, True),
    ]
    assert any("another-comment" in line and "NOT CAUGHT" in line for line in told)
    assert (exit_code(results), exit_code(results[1:])) == (1, 0)


def test_a_run_of_tests_names_the_first_that_fails_and_the_copy_is_whole_again_afterwards(tree):
    with tree.mutated(NO_BOUND):
        assert Trials().run(tree, [WINDOW_TESTS]).failed == WINDOW_TESTS
    with tree.mutated(AT_IMPORT):
        assert Trials().run(tree, [WINDOW_TESTS]).failed == "the import of the code"
    assert (tree.root / WINDOW).read_text() == text_of(NO_BOUND)
    assert Trials().run(tree, [WINDOW_TESTS]).failed == ""


def test_tests_that_are_not_there_are_no_proof_of_anything(tree):
    with pytest.raises(Unplayable):
        Trials().run(tree, [f"{WINDOW_TESTS}_of_yesterday"])


def test_a_campaign_that_is_interrupted_ends_its_runs_and_begins_no_others(tree):
    trials = Trials()
    ended = threading.Timer(0.2, trials.end)
    ended.start()

    with pytest.raises(Interrupted):
        trials.run(tree, [RAFT_TESTS])
    with pytest.raises(Interrupted):
        trials.run(tree, [WINDOW_TESTS])
