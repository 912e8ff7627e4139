"""Changes to the fields of a document, or of an order's item, that Quitanda does not know."""

from quitanda.domain.model import CustomFields

_JSON_BLANKS = " \t\n\r"


def merged(extra: CustomFields, changes: CustomFields) -> CustomFields:
    """Set the fields in `changes`; JSON `null` removes a field; those that are not named stay."""
    if not changes:
        return extra
    fields = dict(extra)
    for name, text in changes:
        if text.strip(_JSON_BLANKS) == "null":
            fields.pop(name, None)
        else:
            fields[name] = text
    return tuple(sorted(fields.items()))


def overlaid(extra: CustomFields, later: CustomFields) -> CustomFields:
    """Take both; where both name a field, the later value counts, JSON `null` like any other."""
    return tuple(sorted({**dict(extra), **dict(later)}.items())) if later else extra
