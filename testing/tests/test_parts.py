"""A part of a long run: together the parts are the whole, and a wrong part is refused."""

import argparse

import pytest

from quitanda_testing.parts import WHOLE, part_from, part_of

ITEMS = list(range(10))


@pytest.mark.parametrize("parts", [1, 2, 3, 10, 11])
def test_the_parts_are_together_the_whole_and_each_item_is_in_one(parts):
    played = [item for number in range(1, parts + 1) for item in part_of(ITEMS, part_from(f"{number}/{parts}"))]

    assert sorted(played) == ITEMS
    assert part_of(ITEMS, WHOLE) == ITEMS


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "-1/2", "1/2/3", "1.0/2", "a/b", "²/4"])
def test_what_names_no_part_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        part_from(text)
