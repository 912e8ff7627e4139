"""A part of a long run: every n-th of what would be played, so that n runs with different parts play all of it."""

import argparse
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

Part: TypeAlias = tuple[int, int]
"""Which part (1 is the first), of how many."""

WHOLE: Part = (1, 1)

_Item = TypeVar("_Item")


def part_from(text: str) -> Part:
    """Read `2/4`, the second of four parts; ArgumentTypeError for anything else."""
    number, _, parts = text.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is not k/n with 1 <= k <= n")
    return int(number), int(parts)


def part_of(items: Sequence[_Item], part: Part) -> Sequence[_Item]:
    """Return every n-th item, from the k-th on; the parts differ in length by one at most."""
    number, parts = part
    return items[number - 1 :: parts]
