"""The types of fields: what each may hold, said once.

A field of a command or a document is annotated with one of these types. The rules check by it (`validation`), the
codec reads and writes by it (`quitanda.codec`), and `describe` lists a dataclass's fields for both. So a new field
is one line in its dataclass.
"""

from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin, get_type_hints

from quitanda.domain.limits import (
    CREDENTIAL_ID_LENGTH,
    DESCRIPTION_LENGTH_MAX,
    ITEM_QUANTITY_MAX,
    LEVEL_MAX,
    NAME_LENGTH_MAX,
    PASSWORD_HASH_LENGTH_MAX,
    PRICE_MAX,
    QUANTITY_MAX,
    SECRET_HASH_LENGTH,
    TIMESTAMP_MS_MAX,
    TOKEN_ALPHABET,
    VERSION_MAX,
)

GENERATED: Final[dict[str, Any]] = {"generated": True}
"""Metadata of a field whose value the portal chose, not the caller."""

DERIVED: Final[dict[str, Any]] = {"derived": True}
"""Metadata of a field whose value the portal derives from the request: no caller gives it, and it counts as asked for.

A repeated request for which another value is derived is another request.
"""

WITHHELD: Final[dict[str, Any]] = {"withheld": True}
"""Metadata of a document's field that replicas and portals know. Nobody else is shown it; its default stands for it."""

UNRECORDED: Final[dict[str, Any]] = {"unrecorded": True}
"""Metadata of a field that changes without anybody's asking for it: the history does not tell of it."""


def since(level: int) -> dict[str, Any]:
    """Return the metadata of a field that counts from `level` on."""
    return {"since": level}


def rules_only(level: int) -> dict[str, Any]:
    """Return the metadata of a document's field that counts from `level` on, and that the rules alone may set.

    A custom field of its name, which somebody gave below the level, is never taken for it (`codec.documents`): a field
    by which the rules decide must be one of these.
    """
    return since(level) | {"rules_only": True}


@dataclass(frozen=True, slots=True)
class IdRule:
    """An id: see `limits.ID_PATTERN`."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """A text of at most `limit` characters; `free`: it may be blank and hold tabs and line ends."""

    limit: int
    free: bool = False


@dataclass(frozen=True, slots=True)
class CodeRule:
    """A text of exactly `length` characters, all of `alphabet`."""

    alphabet: str
    length: int


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """One of these texts."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberRule:
    """A whole number from 0, or from 1 where `positive`, to `limit`; `money`: it counts minor units."""

    limit: int
    money: bool = False
    positive: bool = False


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """A whole number other than 0, from -`limit` to `limit`."""

    limit: int


@dataclass(frozen=True, slots=True)
class CustomFieldsRule:
    """Fields that Quitanda does not know. They may not have a name in `reserved`, nor, from its level on, in `later`.

    `depth` counts the brackets of the document around the value of one of these fields.
    """

    reserved: tuple[str, ...]
    depth: int
    later: tuple[tuple[str, int], ...] = ()

    def at(self, level: int) -> "CustomFieldsRule":
        """Return the rule as it is at a level of rules: the names of fields that do not count yet are free."""
        names = tuple(name for name, since_level in self.later if since_level <= level)
        return CustomFieldsRule(self.reserved + names, self.depth)


Rule: TypeAlias = IdRule | TextRule | CodeRule | ChoiceRule | NumberRule | ChangeRule | CustomFieldsRule

Identifier: TypeAlias = Annotated[str, IdRule()]
Name: TypeAlias = Annotated[str, TextRule(NAME_LENGTH_MAX)]
Description: TypeAlias = Annotated[str, TextRule(DESCRIPTION_LENGTH_MAX, free=True)]
Price: TypeAlias = Annotated[int, NumberRule(PRICE_MAX, money=True)]
UnitsOnHand: TypeAlias = Annotated[int, NumberRule(QUANTITY_MAX)]
StockChange: TypeAlias = Annotated[int, ChangeRule(QUANTITY_MAX)]
ItemUnits: TypeAlias = Annotated[int, NumberRule(ITEM_QUANTITY_MAX)]
TimestampMs: TypeAlias = Annotated[int, NumberRule(TIMESTAMP_MS_MAX)]
SessionEndMs: TypeAlias = Annotated[int, NumberRule(TIMESTAMP_MS_MAX, positive=True)]
Level: TypeAlias = Annotated[int, NumberRule(LEVEL_MAX, positive=True)]
CredentialId: TypeAlias = Annotated[str, CodeRule(TOKEN_ALPHABET, CREDENTIAL_ID_LENGTH)]
SecretHash: TypeAlias = Annotated[str, CodeRule("0123456789abcdef", SECRET_HASH_LENGTH)]
PasswordHash: TypeAlias = Annotated[str, TextRule(PASSWORD_HASH_LENGTH_MAX, free=True)]
Generation: TypeAlias = Annotated[int, NumberRule(VERSION_MAX, positive=True)]
Version: TypeAlias = Annotated[int, NumberRule(VERSION_MAX, positive=True)]

CustomFields: TypeAlias = tuple[tuple[str, str], ...]
"""Fields of a document, or of an order's item, that Quitanda does not know: (name, JSON text), sorted by name."""


class Form(Enum):
    """What kind of value a field holds."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    FLAG = "flag"
    CUSTOM_FIELDS = "custom fields"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field of a dataclass.

    `optional`: None stands for "not given". `default` is `dataclasses.MISSING` where the field must be given.
    `item` is the dataclass of a LIST's entries. `since` is the level of rules with which the field came. What is
    `withheld` stands in what is stored, and not in what is shown. `recorded`: the history tells how it changes.
    `rules_only`: see the function.
    """

    name: str
    form: Form
    rule: Rule | None
    optional: bool
    default: Any
    item: type | None
    generated: bool
    since: int
    withheld: bool
    recorded: bool
    rules_only: bool

    @property
    def required(self) -> bool:
        """Whether the field must be given."""
        return self.default is MISSING


def describe(record: type) -> tuple[FieldType, ...]:
    """List the fields of a dataclass, in their order. Raises TypeError for a type that no field can have."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(_field_type(record, each, hints[each.name]) for each in fields(record))


def _field_type(record: type, each: Any, hint: Any) -> FieldType:
    is_union = get_args(hint) and get_origin(hint) not in (Annotated, tuple)
    kinds = get_args(hint) if is_union else (hint,)
    (kind,) = (kind for kind in kinds if kind is not type(None))
    rule = None
    if get_origin(kind) is Annotated:
        kind, rule = get_args(kind)
    item: Any = get_args(kind)[0] if get_origin(kind) is tuple else None
    return FieldType(
        name=each.name,
        form=_form(record, each.name, kind, rule),
        rule=rule,
        optional=len(kinds) > 1,
        default=each.default,
        item=item if _is_record(item) else None,
        generated=bool(each.metadata.get("generated") or each.metadata.get("derived")),
        since=int(each.metadata.get("since", 1)),
        withheld=bool(each.metadata.get("withheld")),
        recorded=not (each.metadata.get("withheld") or each.metadata.get("unrecorded")),
        rules_only=bool(each.metadata.get("rules_only")),
    )


def _form(record: type, name: str, kind: Any, rule: Rule | None) -> Form:
    if kind == CustomFields:
        return Form.CUSTOM_FIELDS
    if get_origin(kind) is tuple and _is_record(get_args(kind)[0]):
        return Form.LIST
    if kind is int and isinstance(rule, NumberRule) and rule.money:
        return Form.MONEY
    forms = {str: Form.TEXT, int: Form.NUMBER, bool: Form.FLAG}
    if kind not in forms:
        raise TypeError(f"{record.__name__}.{name} has a type that no field can have: {kind}")
    return forms[kind]


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind)
