"""The fields of the rules' dataclasses, as everything that reads, writes and shows them is told of them."""

from quitanda.domain.commands import CreateProduct
from quitanda.domain.field_types import describe


def test_the_fields_of_a_dataclass_are_worked_out_once():
    assert describe(CreateProduct) is describe(CreateProduct)
