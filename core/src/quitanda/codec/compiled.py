"""Functions made at import from what a dataclass says of its fields, as `dataclasses` itself makes `__init__`.

A loop over the fields at every call would take half as long again; a function with one expression for each field is as
fast as one that was written by hand.
"""

from collections.abc import Callable, Mapping
from typing import Any


def compile_function(signature: str, lines: list[str], names: Mapping[str, Any]) -> Callable[..., Any]:
    """Make the function `signature` (such as `read(message)`) with these lines; `names` are what they refer to.

    The lines consist of our own text and of names of fields, never of anything that came from outside.
    """
    source = "\n    ".join([f"def {signature}:", *lines])
    namespace = dict(names)
    exec(compile(source, f"<{signature}>", "exec"), namespace)  # noqa: S102 - see above
    function: Callable[..., Any] = namespace[signature.partition("(")[0]]
    return function
