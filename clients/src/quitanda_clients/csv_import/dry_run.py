"""`import --dry-run`: what would become of checked rows, from the documents that there are now; nothing is sent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from quitanda.error_status import describe
from quitanda_clients.csv_import.existing import Present, changed_fields
from quitanda_clients.csv_import.importer import ImportOptions, cannot_be
from quitanda_clients.csv_import.rows import Layout, Planned


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one row: `created`, `updated`, `unchanged` or `refused`, and which fields or why."""

    line: int
    document_id: str
    becomes: str
    fields: tuple[str, ...] = ()
    message: str = ""

    def told(self) -> str:
        """Say it in one line."""
        what = ", ".join(self.fields) or self.message
        return f"{self.document_id} would be {self.becomes}{f': {what}' if what else ''}"

    def as_json(self) -> dict[str, Any]:
        """Say it for programs."""
        told = {"line": self.line, "id": self.document_id, "becomes": self.becomes, "fields": list(self.fields)}
        return told | ({"message": self.message} if self.message else {})


def foresee(layout: Layout, rows: Sequence[Planned], present: Present, options: ImportOptions) -> Iterator[Foreseen]:
    """Tell of each row what an import would make of it.

    An import that was given before is not foreseen: its rows would be left as they are.
    """
    for row in rows:
        found = present.documents.get(row.document_id)
        refused = cannot_be(row, layout, exists=found is not None, update=options.update)
        if refused is None and found is not None and row.delta < 0 and getattr(found, "quantity", 0) + row.delta < 0:
            yield Foreseen(row.line, row.document_id, "refused", (), "there are not so many units to take")
        elif refused is not None:
            yield Foreseen(row.line, row.document_id, "refused", (), describe(refused).message)
        elif found is None:
            yield Foreseen(row.line, row.document_id, "created")
        else:
            fields = (*changed_fields(row, found), *(("quantity_change",) if row.delta else ()))
            yield Foreseen(row.line, row.document_id, "updated" if fields else "unchanged", fields)


def counted(foreseen: Sequence[Foreseen]) -> dict[str, int]:
    """Count the rows by what would become of them."""
    counts = Counter(row.becomes for row in foreseen)
    return {name: counts[name] for name in ("created", "updated", "unchanged", "refused")}
