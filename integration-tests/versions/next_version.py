"""A next version, made of the present one: level 5, with a new field of products, a new command and a changed rule.

The edits are exact replacements of the present text, as a developer would make them by CONTRIBUTING.md. They are made
in a copy of the working tree, whose protobuf stubs are generated anew.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from mutants.tree import Tree

from versions.installed_version import InstalledVersion

NEXT_LEVEL: Final = 5
DESCRIPTORS: Final = "contract.descriptors"

_CLIENTS: Final = "clients/src/quitanda_clients"
_DOMAIN: Final = "core/src/quitanda/domain"
_PROTO: Final = "proto/quitanda/v1"


class Outdated(Exception):
    """The present text is not the one that an edit replaces."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces `old`, which the file has exactly once, by `new`."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return the edited text. Raises Outdated."""
        if text.count(self.old) != 1:
            raise Outdated(f"{self.file} has {text.count(self.old)} times: {self.old!r}")
        return text.replace(self.old, self.new)


LEVEL: Final = (Edit(f"{_DOMAIN}/levels.py", "SUPPORTED_LEVEL: Final = 4", "SUPPORTED_LEVEL: Final = 5"),)

FIELD: Final = (
    Edit(
        f"{_DOMAIN}/model.py",
        """    reorder_level: UnitsOnHand = field(default=0, metadata=rules_only(REORDER_LEVEL_SINCE))
""",
        """    reorder_level: UnitsOnHand = field(default=0, metadata=rules_only(REORDER_LEVEL_SINCE))
    shelf: Description = field(default="", metadata=since(5))
""",
    ),
    Edit(f"{_DOMAIN}/model.py", "    describe,\n", "    describe,\n    since,\n"),
    Edit(
        f"{_DOMAIN}/commands.py",
        """    reorder_level: UnitsOnHand = field(default=0, metadata=since(REORDER_LEVEL_SINCE))
""",
        """    reorder_level: UnitsOnHand = field(default=0, metadata=since(REORDER_LEVEL_SINCE))
    shelf: Description = field(default="", metadata=since(5))
""",
    ),
    Edit(
        f"{_DOMAIN}/commands.py",
        """    reorder_level: UnitsOnHand | None = field(default=None, metadata=since(REORDER_LEVEL_SINCE))
""",
        """    reorder_level: UnitsOnHand | None = field(default=None, metadata=since(REORDER_LEVEL_SINCE))
    shelf: Description | None = field(default=None, metadata=since(5))
""",
    ),
    Edit(
        f"{_PROTO}/documents.proto",
        """  int64 reorder_level = 8;
}

message OrderItem {
""",
        """  int64 reorder_level = 8;
  string shelf = 9;
}

message OrderItem {
""",
    ),
    Edit(
        f"{_PROTO}/admin_portal.proto",
        """  int64 reorder_level = 8;
}
""",
        """  int64 reorder_level = 8;
  string shelf = 9;
}
""",
    ),
    Edit(
        f"{_PROTO}/admin_portal.proto",
        """  optional int64 reorder_level = 9;
}
""",
        """  optional int64 reorder_level = 9;
  optional string shelf = 10;
}
""",
    ),
    Edit(
        f"{_PROTO}/replica.proto",
        """  int64 reorder_level = 7;
}
""",
        """  int64 reorder_level = 7;
  string shelf = 8;
}
""",
    ),
    Edit(
        f"{_PROTO}/replica.proto",
        """  optional int64 reorder_level = 8;
}
""",
        """  optional int64 reorder_level = 8;
  optional string shelf = 9;
}
""",
    ),
    Edit(
        f"{_CLIENTS}/client.py",
        """        reorder_level: int = 0,
""",
        """        reorder_level: int = 0,
        shelf: str = "",
""",
    ),
    Edit(
        f"{_CLIENTS}/client.py",
        "CreateProduct(product_id, name, price, quantity, description, extra, reorder_level)",
        "CreateProduct(product_id, name, price, quantity, description, extra, reorder_level, shelf)",
    ),
    Edit(
        f"{_CLIENTS}/client.py",
        """        reorder_level: int | None = None,
""",
        """        reorder_level: int | None = None,
        shelf: str | None = None,
""",
    ),
    Edit(
        f"{_CLIENTS}/client.py",
        "description, price, quantity, extra, expected_version, reorder_level)",
        "description, price, quantity, extra, expected_version, reorder_level, shelf)",
    ),
    Edit(
        f"{_CLIENTS}/cli/document_views.py",
        """        FieldView(
            name="description",
""",
        """        FieldView(name="shelf", csv="shelf", help="Where it stands.", update_help="Where it is put."),
        FieldView(
            name="description",
""",
    ),
    Edit(
        f"{_CLIENTS}/i18n/labels.py",
        """    "reorder_level": N_("Reorder level"),
""",
        """    "reorder_level": N_("Reorder level"),
    "shelf": N_("Shelf"),
""",
    ),
    Edit(
        f"{_CLIENTS}/csv_import/column_names.py",
        """    "price": ("price", "preco", "preco de venda",""",
        """    "shelf": ("shelf", "prateleira"),
    "price": ("price", "preco", "preco de venda",""",
    ),
)
"""`shelf`: where a product stands."""

COMMAND: Final = (
    Edit(
        f"{_DOMAIN}/commands.py",
        """@dataclass(frozen=True, slots=True)
class CreateOrder:
""",
        '''@dataclass(frozen=True, slots=True)
class CountStock:
    """Say how many units somebody has counted; they are what is on hand from now on."""

    since: ClassVar[int] = 5

    product_id: Identifier
    counted: UnitsOnHand
    expected_version: Version | None = None


@dataclass(frozen=True, slots=True)
class CreateOrder:
''',
    ),
    Edit(f"{_DOMAIN}/commands.py", "    | AdjustStock\n", "    | AdjustStock\n    | CountStock\n"),
    Edit(
        f"{_DOMAIN}/products.py",
        """def delete(view: StateView, command: DeleteProduct) -> Decision:
""",
        '''def count_stock(view: StateView, command: CountStock) -> Decision:
    """Set the units on hand to those that were counted."""
    product = _find(view, command)
    if isinstance(product, Refused):
        return Decision(product)
    return put(view, replace(product, quantity=command.counted))


def delete(view: StateView, command: DeleteProduct) -> Decision:
''',
    ),
    Edit(f"{_DOMAIN}/products.py", "import AdjustStock,", "import AdjustStock, CountStock,"),
    Edit(f"{_DOMAIN}/products.py", "UpdateProduct | AdjustStock", "UpdateProduct | AdjustStock | CountStock"),
    Edit(
        f"{_DOMAIN}/products.py",
        """    AdjustStock: adjust_stock,
""",
        """    AdjustStock: adjust_stock,
    CountStock: count_stock,
""",
    ),
    Edit(
        f"{_DOMAIN}/permissions.py", "    AdjustStock: _STAFF,\n", "    AdjustStock: _STAFF,\n    CountStock: _STAFF,\n"
    ),
    Edit(f"{_DOMAIN}/permissions.py", "    AdjustStock,\n", "    AdjustStock,\n    CountStock,\n"),
    Edit(
        "core/src/quitanda/operations.py",
        """    WriteOperation("adjust_stock", _ADMIN, Kind.PRODUCT, AdjustStock),
""",
        """    WriteOperation("adjust_stock", _ADMIN, Kind.PRODUCT, AdjustStock),
    WriteOperation("count_stock", _ADMIN, Kind.PRODUCT, CountStock),
""",
    ),
    Edit("core/src/quitanda/operations.py", "    CancelOrder,\n", "    CancelOrder,\n    CountStock,\n"),
    Edit(
        f"{_PROTO}/admin_portal.proto",
        """  rpc AdjustStock(AdjustStockRequest) returns (AdjustStockResponse);
""",
        """  rpc AdjustStock(AdjustStockRequest) returns (AdjustStockResponse);
  rpc CountStock(CountStockRequest) returns (CountStockResponse);
""",
    ),
    Edit(
        f"{_PROTO}/admin_portal.proto",
        """message GetClusterStatusRequest {}
""",
        """message CountStockRequest {
  string request_id = 1;
  string product_id = 2;
  optional int64 counted = 3;
  optional uint64 expected_version = 4;
}
message CountStockResponse {
  uint64 revision = 1;
  Product product = 2;
  string request_id = 3;
}

message GetClusterStatusRequest {}
""",
    ),
    Edit(
        f"{_PROTO}/replica.proto",
        """    RaiseLevelCommand raise_level = 13;
""",
        """    RaiseLevelCommand raise_level = 13;
    CountStockCommand count_stock = 100;
""",
    ),
    Edit(
        f"{_PROTO}/replica.proto",
        """message RaiseLevelCommand {
""",
        """message CountStockCommand {
  string product_id = 1;
  int64 counted = 2;
  optional uint64 expected_version = 3;
}
message RaiseLevelCommand {
""",
    ),
    Edit(
        f"{_CLIENTS}/client.py",
        """    async def cluster_status(self)""",
        '''    async def count_stock(self, product_id: str, counted: int, *, request_id: str | None = None) -> Any:
        """Set the units on hand to those that were counted."""
        return await self.execute(CountStock(product_id, counted), request_id=request_id)

    async def cluster_status(self)''',
    ),
    Edit(f"{_CLIENTS}/client.py", "    CancelOrder,\n", "    CancelOrder,\n    CountStock,\n"),
    Edit(
        f"{_CLIENTS}/i18n/labels.py",
        """    "adjust_stock": N_("stock adjusted"),
""",
        """    "adjust_stock": N_("stock adjusted"),
    "count_stock": N_("stock counted"),
""",
    ),
    Edit(
        f"{_CLIENTS}/commands/documents.py",
        """@products.command("adjust-stock",""",
        '''@products.command("count-stock")
@admin_command(Effect.WRITE)
async def count_stock(run: AdminRun, pid: str, counted: int) -> None:
    """Say how many units of a product were counted."""
    async with run.client() as client:
        result = await client.count_stock(pid, counted, request_id=run.request_id)
        run.output.document(result, "Counted the stock of the product")


@products.command("adjust-stock",''',
    ),
)
"""`count_stock`: an operation of administrators."""

RULE: Final = (
    Edit(
        f"{_DOMAIN}/products.py",
        """        return Decision(refusals.stock_bound(product))
    return put(view, replace(product, quantity=quantity))
""",
        """        if view.level < 5:
            return Decision(refusals.stock_bound(product))
        quantity = QUANTITY_MAX
    return put(view, replace(product, quantity=quantity))
""",
    ),
)
"""What is added beyond the bound of the stock fills it, instead of being refused."""


def make(folder: Path) -> InstalledVersion:
    """Make the next version in a new folder. Raises Outdated where the present text is not what the edits are for."""
    tree = Tree(folder)
    for edit in (*LEVEL, *FIELD, *COMMAND, *RULE):
        path = tree.root / edit.file
        path.write_text(edit.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
    _generate(tree.root)
    return InstalledVersion("next", tree.root, Path(sys.executable), tree.environment["PYTHONPATH"])


def services(version: InstalledVersion) -> dict[str, ServiceDescriptor]:
    """Return the portals' services as the version's contract has them, by name."""
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString((version.tree / DESCRIPTORS).read_bytes())
    for file in files.file:
        pool.Add(file)
    return {name: pool.FindServiceByName(f"quitanda.v1.{name}") for name in ("AdminPortal", "ClientPortal")}


def _generate(root: Path) -> None:
    protos = sorted(str(path.relative_to(root)) for path in (root / "proto").rglob("*.proto"))
    outputs = ("--python_out=core/src", "--grpc_python_out=core/src", f"--descriptor_set_out={DESCRIPTORS}")
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", "--include_imports", *outputs, *protos]
    subprocess.run(command, cwd=root, check=True, env=os.environ)
