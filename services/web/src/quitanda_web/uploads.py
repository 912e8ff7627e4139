"""Forms with a file (RFC 7578): what a browser sends as `multipart/form-data`."""

import re
from dataclasses import dataclass
from typing import Final

PARTS_MAX: Final = 30
"""Of one form; none of ours has so many fields."""
HEAD_BYTES_MAX: Final = 4_096
"""Of the lines before the content of one part."""
NAME_LENGTH_MAX: Final = 100

_BOUNDARY: Final = re.compile(
    r"""multipart/form-data\s*;.*?\bboundary=("?)([0-9A-Za-z'()+_,./:=? -]{1,70})\1\s*(?:;.*)?"""
)
_PARAMETER: Final = re.compile(r';\s*([a-z*]+)="([^"\r\n]*)"')
_DISPOSITION: Final = "content-disposition: form-data"


class NoMultipart(Exception):
    """What was sent is no form of this kind."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that somebody sent; its name is only shown, and never names a file here."""

    name: str
    content: bytes


def is_multipart(content_type: str) -> bool:
    """Whether a form of this type may have files."""
    return content_type.lower().startswith("multipart/form-data")


def read_multipart(body: bytes, content_type: str) -> tuple[dict[str, str], UploadedFile | None]:
    """Read a form; of a field that is there twice the first counts. NoMultipart where it cannot be read."""
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise NoMultipart
    mark = b"\r\n--" + found[2].strip().encode()
    _, *parts = (b"\r\n" + body).split(mark, PARTS_MAX + 1)
    if not parts or not parts[-1].startswith(b"--"):
        raise NoMultipart
    fields: dict[str, str] = {}
    file: UploadedFile | None = None
    for part in parts[:-1]:
        head, end, content = part.partition(b"\r\n\r\n")
        if not end or len(head) > HEAD_BYTES_MAX:
            raise NoMultipart
        given = _parameters(head)
        if "name" not in given:
            raise NoMultipart
        if "filename" in given:
            file = file or UploadedFile(_shown(given["filename"]), content)
        else:
            fields.setdefault(given["name"], _text(content))
    return fields, file


def _parameters(head: bytes) -> dict[str, str]:
    """Read the parameters of a part's Content-Disposition."""
    for line in _text(head).split("\r\n"):
        if line.lower().startswith(_DISPOSITION):
            return dict(_PARAMETER.findall(line[len(_DISPOSITION) :]))
    return {}


def _shown(name: str) -> str:
    """Give a file's name without its folders, as it can be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable())[:NAME_LENGTH_MAX]


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise NoMultipart from None
