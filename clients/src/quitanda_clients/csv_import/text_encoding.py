"""Decodes a file, in whichever encoding a spreadsheet wrote it."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quitanda_clients.csv_import.advice import FOR_COMMANDS, ImportAdvice
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say


class Encoding(StrEnum):
    """A character encoding; the values are those of --encoding, and Python's names."""

    UTF_8 = "utf-8"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "windows-1252"
    LATIN_1 = "latin-1"


NAMES: Final = {
    Encoding.UTF_8: "UTF-8",
    Encoding.UTF_16_LE: "UTF-16",
    Encoding.UTF_16_BE: "UTF-16 (big-endian)",
    Encoding.WINDOWS_1252: "Windows-1252",
    Encoding.LATIN_1: "Latin-1",
}

_MARKS: Final = (
    (codecs.BOM_UTF8, Encoding.UTF_8),
    (codecs.BOM_UTF16_LE, Encoding.UTF_16_LE),
    (codecs.BOM_UTF16_BE, Encoding.UTF_16_BE),
)

_WORKBOOKS: Final = (
    (b"PK\x03\x04", N_("an Excel or LibreOffice workbook (.xlsx, .ods), or another ZIP archive")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", N_("an old Excel workbook (.xls)")),
)
"""The first bytes of files that spreadsheet programs save by default: ZIP archives and OLE compound files."""


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A file's text, without its byte order mark."""

    text: str
    encoding: Encoding


def decode(
    data: bytes, forced: Encoding | None, advice: ImportAdvice = FOR_COMMANDS
) -> DecodedText | tuple[FileProblem, ...]:
    """Decode the bytes in the encoding `forced`, else in the one that they show."""
    for sign, kind in _WORKBOOKS:
        if data.startswith(sign):
            return (
                FileProblem(
                    0,
                    "",
                    say(
                        "this is {kind}, not CSV; save or export the sheet as CSV, and import that file", kind=say(kind)
                    ),
                ),
            )
    marked = next(((mark, encoding) for mark, encoding in _MARKS if data.startswith(mark)), None)
    if marked is not None and forced in {None, marked[1]}:
        mark, encoding = marked
        return _read(data.removeprefix(mark), encoding, advice)
    if forced is not None:
        return _read(data, forced, advice)
    if wrong := tuple(_zeros(data, advice)):
        return wrong
    return _recognized(data, advice)


def _recognized(data: bytes, advice: ImportAdvice) -> DecodedText | tuple[FileProblem, ...]:
    """Decode as UTF-8; else as Windows-1252, unless parts are UTF-8 or invalid in Windows-1252."""
    try:
        return DecodedText(data.decode(), Encoding.UTF_8)
    except UnicodeDecodeError:
        pass
    partly = not data.decode(errors="ignore").isascii()
    try:
        text = "" if partly else data.decode(Encoding.WINDOWS_1252)
    except UnicodeDecodeError:
        text = ""
    return DecodedText(text, Encoding.WINDOWS_1252) if text else tuple(_faults(data, Encoding.UTF_8, advice))


def _read(data: bytes, encoding: Encoding, advice: ImportAdvice) -> DecodedText | tuple[FileProblem, ...]:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return tuple(_faults(data, encoding, advice))
    zeros = [number for number, line in enumerate(text.split("\n"), start=1) if "\0" in line]
    if zeros:
        return tuple(
            FileProblem(
                line,
                "",
                say("a character has the number zero; this is not text in {encoding}", encoding=NAMES[encoding]),
            )
            for line in zeros
        )
    return DecodedText(text, encoding)


def _zeros(data: bytes, advice: ImportAdvice) -> Iterator[FileProblem]:
    for number, line in enumerate(data.splitlines(), start=1):
        if b"\0" in line:
            yield FileProblem(number, "", say(advice.zero_byte, position=line.index(0) + 1))


def _faults(data: bytes, encoding: Encoding, advice: ImportAdvice) -> Iterator[FileProblem]:
    """Find every line that is not text in this encoding."""
    if encoding in {Encoding.UTF_16_LE, Encoding.UTF_16_BE}:  # its lines are not found by bytes
        yield FileProblem(0, "", say(advice.other_encoding, encoding=NAMES[encoding]))
        return
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError as error:
            yield FileProblem(
                number,
                "",
                say(
                    advice.not_encoded,
                    position=error.start + 1,
                    byte=line[error.start],
                    encoding=NAMES[encoding],
                ),
            )
