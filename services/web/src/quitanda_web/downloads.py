"""Answers that a browser keeps as a file."""

from collections.abc import AsyncIterator
from typing import BinaryIO, Final

from starlette.responses import Response, StreamingResponse

_BYTE_ORDER_MARK: Final = "\ufeff"
"""By which spreadsheet programs recognize UTF-8; the import takes no notice of it."""
_PART_BYTES: Final = 64 * 1024


def download(name: str, kind: str, text: str) -> Response:
    """Give a text as a file; its name has no characters but letters, digits and `._-`."""
    body = _BYTE_ORDER_MARK + text if kind == "text/csv" else text
    return Response(body.encode(), media_type=f"{kind}; charset=utf-8", headers=_as_file(name))


def download_file(name: str, kind: str, file: BinaryIO) -> Response:
    """Give an open file, from its beginning, and close it afterwards."""
    file.seek(0)
    return StreamingResponse(_parts(file), media_type=f"{kind}; charset=utf-8", headers=_as_file(name))


def _as_file(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


async def _parts(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while part := file.read(_PART_BYTES):
            yield part
