"""Commands whose options come from a table instead of a function's signature."""

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

Parameters: TypeAlias = dict[str, tuple[Any, Any]]
"""The options of a command: by name, the annotated type and the default (REQUIRED for none)."""

REQUIRED: Final = ...

_Function = TypeVar("_Function", bound=Callable[..., Any])


def with_parameters(function: _Function, run: type, parameters: Parameters) -> _Function:
    """Give a command's function, which takes a run and keywords, the options of a table."""
    made = [_parameter("run", run), *(_parameter(name, *rest) for name, rest in parameters.items())]
    function.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
    return function


def _parameter(name: str, annotation: Any, default: Any = REQUIRED) -> inspect.Parameter:
    default = inspect.Parameter.empty if default is REQUIRED else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
