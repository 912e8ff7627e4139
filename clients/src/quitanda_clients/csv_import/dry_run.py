"""Predicts, for `import --dry-run`, what an import would do with valid rows; it sends nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quitanda.domain.model import Order
from quitanda_clients.csv_import.existing import ExistingDocuments, changed_fields
from quitanda_clients.csv_import.importer import refusal_of
from quitanda_clients.csv_import.rows import STOCK_CHANGE, CsvSchema
from quitanda_clients.csv_import.valid_row import ValidRow
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say

_WOULD_BE: Final = {
    "created": N_("{document_id} would be created"),
    "updated": N_("{document_id} would be updated"),
    "unchanged": N_("{document_id} would be unchanged"),
    "refused": N_("{document_id} would be refused"),
}


@dataclass(frozen=True, slots=True)
class PredictedRow:
    """What an import would do with one row: `created`, `updated`, `unchanged` or `refused`, and which fields or why."""

    line: int
    document_id: str
    becomes: str
    fields: tuple[str, ...] = ()
    message: str = ""

    def as_text(self) -> str:
        """Write it in one line."""
        what = ", ".join(self.fields) or self.message
        result = say(_WOULD_BE[self.becomes], document_id=self.document_id)
        return f"{result}: {what}" if what else result

    def as_json(self) -> dict[str, Any]:
        """Write it for programs."""
        fields = {"line": self.line, "id": self.document_id, "becomes": self.becomes, "fields": list(self.fields)}
        return fields | ({"message": self.message} if self.message else {})


def predict(
    schema: CsvSchema, rows: Sequence[ValidRow], existing: ExistingDocuments, *, update: bool
) -> Iterator[PredictedRow]:
    """Predict the result of each row.

    The prediction does not know of earlier imports; an import would leave the rows of an earlier one as they are.
    """
    for row in rows:
        found = existing.documents.get(row.document_id)
        refused = refusal_of(row, schema, exists=found is not None, update=update)
        if isinstance(found, Order) and not changed_fields(row, found):
            yield PredictedRow(row.line, row.document_id, "unchanged")
            continue
        refused = refused or existing.missing.get(row.document_id)
        if refused is None and found is not None and row.delta < 0 and getattr(found, "quantity", 0) + row.delta < 0:
            yield PredictedRow(row.line, row.document_id, "refused", (), say("there are not so many units to remove"))
        elif refused is not None:
            yield PredictedRow(row.line, row.document_id, "refused", (), refusal_text(refused))
        elif found is None:
            yield PredictedRow(row.line, row.document_id, "created")
        else:
            fields = (*changed_fields(row, found), *((STOCK_CHANGE,) if row.delta else ()))
            yield PredictedRow(row.line, row.document_id, "updated" if fields else "unchanged", fields)


def count_results(rows: Sequence[PredictedRow]) -> dict[str, int]:
    """Count the rows by their results."""
    counts = Counter(row.becomes for row in rows)
    return {name: counts[name] for name in ("created", "updated", "unchanged", "refused")}
