"""The clients for scripts: the same methods, results and errors, but every call waits for its answer.

with blocking(connect_admin) as admin:
admin.create_customer("ana", "Ana")
"""

import asyncio
import inspect
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from concurrent.futures import Future

    from quitanda_clients.portal_client import PortalClient


THREAD: Final = "quitanda-client"
"""The name of each client's thread."""

_END: Final = object()
"""Stands for the end of what is yielded."""


class Blocking:
    """A client whose methods are called without `await`; also a context manager.

    The client has its own event loop and thread, so you can use it where another loop runs, and from several threads at
    the same time. Ctrl-C ends the call that waits.
    """

    def __init__(self, open_client: "Callable[[], PortalClient]") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=THREAD, daemon=True)
        self._thread.start()
        try:
            self._client = self._wait(_opened(open_client))
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        """Give a method of the client that waits for its answer; any other attribute as it is.

        A method that yields, such as `watch`, gives a generator that waits for each part; close it when you are done.
        """
        attribute = getattr(self._client, name)
        if not inspect.isroutine(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            answer = attribute(*arguments, **named)
            if inspect.isasyncgen(answer):
                return self._each(answer)
            return self._wait(answer) if inspect.iscoroutine(answer) else answer

        call.__name__, call.__doc__ = name, attribute.__doc__
        return call

    def close(self) -> None:
        """Close the connections; closing twice does nothing."""
        if self._loop.is_closed():
            return
        try:
            self._wait(self._client.close())
        finally:
            self._end()

    def _each(self, parts: "AsyncGenerator[Any, Any]") -> "Generator[Any, None, None]":
        try:
            while (part := self._wait(_next(parts))) is not _END:
                yield part
        finally:
            if not self._loop.is_closed():
                self._wait(parts.aclose())

    def _wait(self, coroutine: Any) -> Any:
        answer: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return answer.result()
        except BaseException:
            answer.cancel()
            raise

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def blocking(open_client: "Callable[..., PortalClient]", *arguments: Any, **named: Any) -> Blocking:
    """Make a client with `open_client(*arguments, **named)`, to be used without `await`."""
    return Blocking(lambda: open_client(*arguments, **named))


async def _next(parts: "AsyncGenerator[Any, Any]") -> Any:
    return await anext(parts, _END)


async def _opened(open_client: "Callable[[], PortalClient]") -> "PortalClient":
    """Make the client in its own event loop."""
    return open_client()
