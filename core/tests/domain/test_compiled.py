"""Records whose `__init__` is compiled are the dataclasses that they would be without it."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature
from types import SimpleNamespace

import pytest

from quitanda.domain.commands import CreateOrder, ItemQuantity
from quitanda.domain.compiled import changer, fast_init, presence_adder
from quitanda.domain.model import Product


@dataclass(frozen=True, slots=True)
class Plain:
    """A record with the `__init__` of `dataclasses`."""

    name: str
    size: int = 3
    parts: tuple[str, ...] = field(default=(), metadata={"generated": True})


@fast_init
@dataclass(frozen=True, slots=True)
class Fast:
    """The same record with the compiled one."""

    name: str
    size: int = 3
    parts: tuple[str, ...] = field(default=(), metadata={"generated": True})


PRODUCT = Product("pen", "Pen", "", 250, 3, (("shelf", "1"),), 7)


@pytest.mark.parametrize("given", [("a",), ("a", 1), ("a", 1, ("b",))])
def test_a_record_has_the_values_and_defaults_that_it_would_have(given):
    plain, fast = Plain(*given), Fast(*given)

    assert [getattr(fast, each.name) for each in fields(Fast)] == [getattr(plain, each.name) for each in fields(Plain)]
    assert repr(fast) == repr(plain).replace("Plain", "Fast")
    assert hash(fast) == hash(plain)
    assert fast == Fast(**dict(zip(("name", "size", "parts"), given, strict=False)))


def test_the_parameters_are_the_same():
    assert signature(Fast) == signature(Plain)


@pytest.mark.parametrize("given", [(), ("a", 1, (), "one too many")])
def test_missing_and_surplus_values_are_a_type_error(given):
    with pytest.raises(TypeError):
        Fast(*given)


def test_a_record_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PRODUCT.quantity = 4  # type: ignore[misc]


def test_a_record_survives_pickling():
    command = CreateOrder("ana", "o1", 1, (ItemQuantity("pen", 2),))

    assert pickle.loads(pickle.dumps(command)) == command


def test_a_default_factory_is_not_taken():
    @dataclass(frozen=True, slots=True)
    class WithFactory:
        parts: list[str] = field(default_factory=list)

    with pytest.raises(TypeError, match="WithFactory"):
        fast_init(WithFactory)


def test_a_changer_gives_a_copy_with_the_fields_named_replaced():
    change = changer(Product, "price", "version")

    assert change(PRODUCT, 300, 8) == replace(PRODUCT, price=300, version=8)
    assert PRODUCT.price == 250


def test_a_field_that_came_later_is_not_told_of_something_new_while_it_has_its_default():
    add = presence_adder(lambda *told: told, {"name": "a form", "shelf": "another form"}, {"shelf": ""})
    told = []

    add(SimpleNamespace(name="Café", shelf=""), "x", told)
    add(SimpleNamespace(name="", shelf="A7"), "y", told)

    assert told == [
        ("x", "name", "a form", None, "Café"),
        ("y", "name", "a form", None, ""),
        ("y", "shelf", "another form", None, "A7"),
    ]
