"""docs/ERRORS.md lists what there is: every reason with its code, every problem of a field, and no other."""

import re
from pathlib import Path

from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason, Refused
from quitanda.error_status import describe
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, Unavailable

PAGE = (Path(__file__).parents[2] / "docs" / "ERRORS.md").read_text(encoding="utf-8")
EDGES = (Unavailable, NotLeader, Overloaded, InternalError, OutcomeUnknown)
_ROW = re.compile(r"^\| `(?P<reason>[A-Z_]+)` \| `(?P<code>[A-Z_]+)` \| (?P<rest>.*)$", re.MULTILINE)
_PROBLEMS = re.compile(r"^\| (?P<names>`[a-z0-9_]+`(?:, `[a-z0-9_]+`)*) \|", re.MULTILINE)


def rows(heading, until):
    """Give reason, code and the rest of every row between two lines of the page."""
    return [match.groups() for match in _ROW.finditer(PAGE.split(heading)[1].split(until)[0])]


def test_every_refusal_stands_there_once_with_its_code():
    told = sorted((reason, code) for reason, code, _ in rows("## Reasons", "Errors of the edges."))

    assert told == sorted((reason.value, describe(Refused(reason)).code.value) for reason in Reason)


def test_every_error_of_the_edges_stands_there_once_with_its_code_and_whether_it_is_definite():
    told = sorted(
        (reason, code, rest.split(" | ")[0].strip("*") == "yes")
        for reason, code, rest in rows("Errors of the edges.", "### Reasons of the command line")
    )

    assert told == sorted((kind.reason, describe(kind()).code.value, kind.definite) for kind in EDGES)


def test_every_problem_of_a_field_stands_there_once():
    table = PAGE.split("### Problems of a field")[1].split("### Problems of a token")[0]
    told = [name.strip("`") for match in _PROBLEMS.finditer(table) for name in match["names"].split(", ")]

    assert sorted(told) == sorted(problem.value for problem in Problem)


def test_every_problem_of_a_token_stands_there_once():
    table = PAGE.split("### Problems of a token")[1]
    told = [name.strip("`") for match in _PROBLEMS.finditer(table) for name in match["names"].split(", ")]

    assert sorted(told) == sorted(problem.value for problem in AuthenticationProblem)
