"""Make the sample data: the goods of a Brazilian corner shop, and customers who do not exist.

`python -m quitanda_local.catalogue DIRECTORY` reads goods.txt and names.txt there and writes products.csv and
customers.csv, always the same ones.
"""

import csv
import random
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

SEED: Final = 2026
CUSTOMERS: Final = 200
QUANTITY_MIN: Final = 20
QUANTITY_MAX: Final = 400
PRODUCT_COLUMNS: Final = ("product_id", "name", "description", "price", "quantity", "category", "unit")
CUSTOMER_COLUMNS: Final = ("customer_id", "name", "city", "email")


def slug(text: str) -> str:
    """Make a readable id: lower case, no accents, words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def products(goods: str) -> list[dict[str, str]]:
    """Build every product: each kind of each good in each package, with a price of two decimals."""
    stock = random.Random(SEED)  # noqa: S311 - sample data, the same every time
    rows = []
    for line in goods.splitlines():
        category, good, kinds, packages, description = (part.strip() for part in line.split("|"))
        for step, kind in enumerate(part.strip() for part in kinds.split(";")):
            for package in packages.split(";"):
                unit, cents = package.strip().split("=")
                name = " ".join(part for part in (good, kind, unit) if part)
                rows.append(
                    {
                        "product_id": slug(name),
                        "name": name,
                        "description": description,
                        "price": price(int(cents), step),
                        "quantity": str(stock.randint(QUANTITY_MIN, QUANTITY_MAX)),
                        "category": category,
                        "unit": unit,
                    }
                )
    return rows


def price(cents: int, step: int) -> str:
    """Give the price in the currency; each further kind of a good costs four per cent more, to a multiple of five."""
    dearer = cents * (100 + 4 * step) // 100
    return f"{(dearer - dearer % 5) / 100:.2f}"


def customers(words: str) -> list[dict[str, str]]:
    """Build CUSTOMERS customers with different names; the addresses are in a domain that is reserved for examples."""
    chosen = random.Random(SEED)  # noqa: S311 - sample data, the same every time
    first_names, last_names, places = words.strip().split("\n\n")
    names: dict[str, str] = {}
    while len(names) < CUSTOMERS:
        first, middle, last = (chosen.choice(group.split()) for group in (first_names, last_names, last_names))
        name = f"{first} {last}" if middle == last else f"{first} {middle} {last}"
        names.setdefault(slug(name), name)
    return [
        {
            "customer_id": customer_id,
            "name": name,
            "city": chosen.choice(places.split("; ")),
            "email": f"{customer_id}@example.com",
        }
        for customer_id, name in sorted(names.items())
    ]


def write(directory: Path) -> None:
    """Write both files into the directory that holds the words."""
    for name, columns, rows in (
        ("products.csv", PRODUCT_COLUMNS, products(words(directory / "goods.txt"))),
        ("customers.csv", CUSTOMER_COLUMNS, customers(words(directory / "names.txt"))),
    ):
        (directory / name).write_text("".join(lines(columns, rows)), encoding="utf-8", newline="\n")


def words(file: Path) -> str:
    """Read a file without its comments."""
    return "".join(
        line for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if not line.startswith("#")
    )


def lines(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> Iterator[str]:
    """Give the file's lines, the header first."""
    written: list[str] = []

    class Sink:
        def write(self, line: str) -> None:
            written.append(line)

    writer = csv.DictWriter(Sink(), columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    yield from written


if __name__ == "__main__":
    write(Path(sys.argv[1]))
