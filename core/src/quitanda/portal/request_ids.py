"""Telling a caller under which id its write went, so that whoever did not choose one can repeat it safely."""

from collections.abc import Iterator
from contextlib import contextmanager

from quitanda.errors import InternalError, QuitandaError


@contextmanager
def told(request_id: str) -> Iterator[None]:
    """Let every error that is raised inside carry the request's id.

    What nobody expected is raised as InternalError, with the exception as its cause.
    """
    try:
        yield
    except QuitandaError as error:
        error.request_id = request_id
        raise
    except Exception as error:
        failure = InternalError(repr(error))
        failure.request_id = request_id
        raise failure from error
