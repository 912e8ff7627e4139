"""The one table of the names that columns have in files of other programs.

The comparison ignores case and accents; underscores count as spaces. English and Portuguese; the product exports
of Shopify, WooCommerce and PrestaShop, and Google Merchant Center's feed, which Google Sheets writes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from quitanda.codec.document_filters import without_accents

ColumnNames: TypeAlias = Mapping[str, tuple[str, ...]]
"""For each of our fields the names of its column, the preferred one first."""

CUSTOMER_NAMES: Final[ColumnNames] = {
    "customer_id": ("customer id", "id do cliente", "codigo do cliente", "codigo", "id"),
    "name": ("name", "nome", "nome do cliente", "nome completo", "full name", "cliente"),
}

PRODUCT_NAMES: Final[ColumnNames] = {
    "product_id": (
        "product id",
        "sku",
        "codigo do produto",
        "id do produto",
        "codigo",
        "referencia",
        "reference",
        "id",
    ),
    "name": ("name", "nome", "nome do produto", "produto", "title", "titulo"),
    "description": ("description", "descricao", "descricao do produto"),
    "price": ("price", "preco", "preco de venda", "preco unitario", "valor", "valor unitario"),
    "quantity": ("quantity", "quantidade", "qtd", "qtde", "qty", "estoque", "stock"),
    "quantity_change": ("quantity change", "ajuste", "ajuste de estoque"),
    "reorder_level": (
        "reorder level",
        "ponto de reposicao",
        "ponto de pedido",
        "estoque minimo",
        "minimum stock",
        "low stock amount",
    ),
}

ORDER_NAMES: Final[ColumnNames] = {
    "order_id": ("order id", "id do pedido", "codigo do pedido", "numero do pedido", "pedido", "order"),
    "customer_id": ("customer id", "id do cliente", "codigo do cliente", "cliente", "customer"),
    "state": ("state", "estado", "situacao", "status"),
    "created": ("created", "created at", "criado em", "data do pedido", "data", "date"),
    "state_since": ("state since", "desde"),
    "placed": ("placed", "placed at", "fechado em"),
    "expires": ("expires", "expires at", "expira em", "prazo"),
    "product_id": ("product id", "sku", "codigo do produto", "id do produto"),
    "name": ("name", "nome", "nome do produto", "produto"),
    "unit_price": ("unit price", "preco unitario", "valor unitario", "price", "preco"),
    "quantity": ("quantity", "quantidade", "qtd", "qtde", "qty"),
    "returned": ("returned", "devolvido"),
    "restocked": ("restocked", "reposto"),
}
"""Of the rows of orders, each of which is about an item."""

OPTIONS: Final = ("option1 value", "option2 value", "option3 value")
"""Shopify's columns of the values in which the variants of one product differ."""

HANDLES: Final = ("handle", "url handle")
"""Shopify's column of the text that the variants of one product share."""

PARENTS: Final = frozenset({"variable", "grouped"})
"""WooCommerce's types of rows that only group other rows; the shop sells those other rows."""


@dataclass(frozen=True, slots=True)
class ProductExport:
    """The product export of one program: a file that has a column of each group in `signs`.

    Its other columns do not become fields. `fallback` names the column to use for an empty id.
    """

    program: str
    signs: tuple[tuple[str, ...], ...]
    names: ColumnNames
    fallback: tuple[str, ...] = ()


PRODUCT_EXPORTS: Final = (
    ProductExport(
        "Shopify",
        (HANDLES, ("title",), ("variant price", "price")),
        {
            "product_id": ("variant sku", "sku"),
            "name": ("title",),
            "description": ("body (html)", "description"),
            "price": ("variant price", "price"),
            "quantity": ("variant inventory qty", "inventory quantity"),
        },
    ),
    ProductExport(
        "WooCommerce",
        (("type", "tipo"), ("sku",), ("in stock?", "em estoque?")),
        {
            "product_id": ("sku",),
            "name": ("name", "nome"),
            "description": ("description", "descricao"),
            "price": ("regular price", "preco normal", "preco"),
            "quantity": ("stock", "estoque"),
            "reorder_level": ("low stock amount",),
        },
        fallback=("id",),
    ),
    ProductExport(
        "PrestaShop",
        (("product id",), ("price (tax excl.)", "price (tax incl.)")),
        {
            "product_id": ("product id",),
            "name": ("name",),
            "description": ("description",),
            "price": ("price (tax incl.)", "price (tax excl.)"),
            "quantity": ("quantity",),
        },
    ),
    ProductExport(
        "Google Merchant Center",
        (("id",), ("title",), ("price",), ("link", "availability", "image link")),
        {
            "product_id": ("id",),
            "name": ("title",),
            "description": ("description",),
            "price": ("price",),
            "quantity": ("quantity", "sell on google quantity"),
        },
    ),
)


def folded(name: str) -> str:
    """Normalize a column's name, so that names with the same meaning are equal."""
    return " ".join(without_accents(name.replace("_", " ")).split())


def find(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Find the column with the first of these names that exists."""
    by_name = {folded(column): column for column in reversed(columns) if column}
    return next((by_name[name] for name in wanted if name in by_name), None)


def recognize(columns: Sequence[str], exports: Sequence[ProductExport]) -> ProductExport | None:
    """Tell by its columns which program wrote the file."""
    return next(
        (export for export in exports if all(find(columns, names) is not None for names in export.signs)),
        None,
    )


def id_of_words(*words: str) -> str:
    """Make an id from names for people: `Camiseta Básica`, `Azul` is `camiseta-basica-azul`."""
    return "-".join(part for word in words if (part := re.sub(r"[^a-z0-9]+", "-", folded(word)).strip("-")))
