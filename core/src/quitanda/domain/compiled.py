"""Functions made at import from what a dataclass says of its fields, as `dataclasses` itself makes `__init__`.

A loop over the fields at every call would take half as long again; a function with one expression for each field is as
fast as one that was written by hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

_Record = TypeVar("_Record")


def compile_function(signature: str, lines: list[str], names: Mapping[str, Any]) -> Callable[..., Any]:
    """Make the function `signature` (such as `read(message)`) with these lines; `names` are what they refer to.

    The lines consist of our own text and of names of fields, never of anything that came from outside.
    """
    source = "\n    ".join([f"def {signature}:", *lines])
    namespace = dict(names)
    exec(compile(source, f"<{signature}>", "exec"), namespace)  # noqa: S102 - see above
    function: Callable[..., Any] = namespace[signature.partition("(")[0]]
    return function


def fast_init(record: type[_Record]) -> type[_Record]:
    """Give a frozen dataclass with slots an `__init__` that sets the slots themselves, as a decorator above it.

    The one that `dataclasses` makes calls `object.__setattr__` for each field, which takes three times as long; each
    command makes some twenty such objects. Raises TypeError for a field with a default factory.
    """
    given = fields(record)  # type: ignore[arg-type]
    if any(each.default_factory is not MISSING for each in given):
        message = f"{record.__name__} has a field with a default factory"
        raise TypeError(message)
    setters = {f"set_{each.name}": record.__dict__[each.name].__set__ for each in given}
    signature = f"__init__({', '.join(['self', *(each.name for each in given)])})"
    init: Any = compile_function(signature, [f"set_{each.name}(self, {each.name})" for each in given], setters)
    made: Any = record.__init__
    init.__defaults__, init.__annotations__ = made.__defaults__, made.__annotations__
    init.__qualname__ = made.__qualname__
    record.__init__ = init  # type: ignore[method-assign]
    return record


def changer(record: type[_Record], *names: str) -> Callable[..., _Record]:
    """Make the function that copies a `record` with other values for the fields named: `change(old, value, ...)`.

    It does what `dataclasses.replace` does, in a fraction of the time.
    """
    every = [each.name for each in fields(record)]  # type: ignore[arg-type]
    values = ", ".join(name if name in names else f"old.{name}" for name in every)
    return compile_function(f"change(old, {', '.join(names)})", [f"return record({values})"], {"record": record})


def presence_adder(made: type, fields: Mapping[str, Any], unset: Mapping[str, Any]) -> Callable[..., None]:
    """Make the function that tells the fields of something new: `add(record, beside, told)`.

    For each field it appends `made(beside, name, fields[name], None, value)` to `told`; a field in `unset` is left out
    where it has the value that it has there.
    """
    names = {f"form_{name}": form for name, form in fields.items()}
    names |= {f"unset_{name}": value for name, value in unset.items()} | {"made": made}
    lines = [
        (f"if record.{name} != unset_{name}: " if name in unset else "")
        + f"add(made(beside, {name!r}, form_{name}, None, record.{name}))"
        for name in fields
    ]
    return compile_function("add_all(record, beside, told)", ["add = told.append", *lines], names)


def difference_adder(made: type, fields: Mapping[str, Any]) -> Callable[..., None]:
    """Make the function that tells in which fields two records differ: `add(before, after, beside, told)`.

    For each such field it appends `made(beside, name, fields[name], value before, value after)` to `told`.
    """
    forms = {f"form_{name}": form for name, form in fields.items()}
    lines = [
        f"if before.{name} != after.{name}: add(made(beside, {name!r}, form_{name}, before.{name}, after.{name}))"
        for name in fields
    ]
    signature = "add_different(before, after, beside, told)"
    return compile_function(signature, ["add = told.append", *lines], {"made": made} | forms)
