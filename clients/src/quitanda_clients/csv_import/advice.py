"""What a person may do about a file that cannot be read as it is: whoever types a command chooses by options."""

from dataclasses import dataclass

from quitanda_clients.i18n.speech import MARKED as N_


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAdvice:
    """The texts, to be said with their facts; those of the command line unless others are given.

    `or_update` follows `lacks_columns` where documents that exist can be changed without the missing columns.
    """

    lacks_columns: str = N_("the header lacks {missing}; it has {has}. Name a column with --map NAME=COLUMN{or_update}")
    or_update: str = N_(", or give --update to change only documents that exist")
    other_separator: str = N_("{other!r} seems to separate the values; if so, give --delimiter {other!r}")
    which_decimal: str = N_("'{typed}' may be {part} or {whole}; give --decimal point or --decimal comma")
    for_csv_alone: str = N_(
        "the file has a JSON object in each line; --map, --encoding, --delimiter and --decimal are for CSV"
    )
    zero_byte: str = N_(
        "byte {position} is zero: this is not a text file, or it is UTF-16 without a byte order mark (then give "
        "--encoding utf-16-le)"
    )
    other_encoding: str = N_("the file is not text in {encoding}; give another --encoding")
    not_encoded: str = N_(
        "byte {position} (0x{byte:02x}) is not {encoding}; save the file as UTF-8, or give --encoding"
    )


FOR_COMMANDS = ImportAdvice()
