"""Every command's answer on terminals of 50, 80 and 120 columns: ids whole, nothing beyond the edge."""

import asyncio
import re
import uuid

import pytest
from backup_parts import parts
from command_line import run
from program_processes import PseudoTerminal, finished, started
from rich.cells import cell_len
from test_cluster_commands import verified
from test_health import lost, replica

from quitanda.domain.model import Customer, Order, OrderItem, Product
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app

WIDTHS = [50, 80, 120]
ORDER_IDS = [str(uuid.UUID(int=number << 64 | 7)) for number in (0x5F3C2A1B, 0x5F3C2A1C)]
PRODUCT_ID = "caderno-universitario-10"
LONG = "Caderno universitário de capa dura, 10 matérias, 200 folhas pautadas, com espiral dupla"
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ADMIN = [
    ("product create --pid novo --name Novo --price 1 --quantity 1", ["novo"]),
    (f"product get {PRODUCT_ID}", [PRODUCT_ID]),
    (f"product update {PRODUCT_ID} --price 3", [PRODUCT_ID]),
    (f"product adjust-stock {PRODUCT_ID} 2", [PRODUCT_ID]),
    ("product list", [PRODUCT_ID, "caneta"]),
    (f"product delete {PRODUCT_ID}", [PRODUCT_ID]),
    ("customer create --cid bia --name Bia", ["bia"]),
    ("customer get ana", ["ana"]),
    ("customer update ana --name Bia", ["ana"]),
    ("customer list", ["ana", "cliente-com-um-id-bem-comprido"]),
    ("customer delete ana", ["ana"]),
    ("cluster status", ["replica1", "replica2", "replica3", "a" * 12]),
    ("cluster verify", ["replica1", "replica2"]),
    ("cluster transfer-leader", ["replica2"]),
    ("cluster backup FILE", []),
    ("backup inspect FILE", []),
    ("product import CSV", []),
]
SHOP = [
    ("order create --item caneta=2", []),
    ("order list", ORDER_IDS),
    (f"order show {ORDER_IDS[0]}", [ORDER_IDS[0], PRODUCT_ID]),
    (f"order set {ORDER_IDS[0]} caneta 3", [ORDER_IDS[0]]),
    (f"order describe {ORDER_IDS[0]} --field nota=x", [ORDER_IDS[0]]),
    (f"order cancel {ORDER_IDS[0]}", [ORDER_IDS[0]]),
    ("product list", [PRODUCT_ID]),
    ("product show caneta", ["caneta"]),
]


@pytest.fixture(autouse=True)
def stocked(shop):
    shop.products["caneta"] = Product("caneta", "Caneta", "", 250, 40, (), 1)
    shop.products[PRODUCT_ID] = Product(PRODUCT_ID, LONG, LONG, 12_345_678, 1_234, (("cor", '"azul"'),), 2)
    for name in ("ana", "cliente-com-um-id-bem-comprido"):
        shop.customers[name] = Customer(name, LONG, (("endereco", f'"{LONG}"'),), 123_456)
    item = OrderItem(PRODUCT_ID, LONG, 12_345_678, 9)
    for order_id in ORDER_IDS:
        shop.orders[order_id] = Order(order_id, "ana", 1_700_000_000_000, (item,), 123_456)
    shop.replicas = [replica(1, term=12, customers=1_000_000), replica(2, term=12), replica(3, term=12)]
    shop.verified = [verified("replica1"), verified("replica2")]
    shop.backup_parts = parts()
    return shop


@pytest.fixture
def on_terminal(portal, tmp_path):
    """Run a command as on a terminal so wide; its lines, without colours."""

    async def run_there(app, command, columns):
        (tmp_path / "rows.csv").write_text("product_id,name,price,quantity\np1,P,1,1\n")
        files = {"FILE": str(tmp_path / "b"), "CSV": str(tmp_path / "rows.csv")}
        terminal = {"TTY_COMPATIBLE": "1", "COLUMNS": str(columns), "LINES": "30", "TERM": "xterm"}
        env = terminal | {"QUITANDA_CUSTOMER": "ana"}
        arguments = [files.get(word, word) for word in command.split()]
        done = await run(app, *arguments, "--portal", portal.address, env=env)
        assert done.exit_code == 0, done.stderr
        return ANSI.sub("", done.stdout).splitlines()

    return run_there


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    ("app", "command", "ids"),
    [*((admin_app, *case) for case in ADMIN), *((shop_app, *case) for case in SHOP)],
    ids=[command.split(" --")[0][:40] for command, _ in (*ADMIN, *SHOP)],
)
async def test_ids_stay_whole_and_nothing_stands_beyond_the_edge(on_terminal, tmp_path, app, command, ids, columns):
    if command.startswith("backup inspect"):
        await on_terminal(admin_app, "cluster backup FILE", columns)
    lines = await on_terminal(app, command, columns)
    wrapped = re.compile(rf"^(Changed|Adjusted|Deleted|Cancelled|Placed|All is well|rows: )|{tmp_path}|state digest ")

    assert lines
    assert [whole for whole in ids if not any(whole in line for line in lines)] == []
    # the terminal itself wraps sentences, a file's path and a digest of 64 digits
    assert [line for line in lines if cell_len(line.rstrip()) > columns and not wrapped.search(line)] == []
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(("columns", "left_out"), [(50, ["created", "products", "version"]), (80, ["version"])])
async def test_columns_that_do_not_fit_are_left_out_and_named(on_terminal, columns, left_out):
    """The id of an order was broken over two lines at 80 columns."""
    lines = await on_terminal(shop_app, "order list", columns)

    note = " ".join(lines[4:])
    assert note.startswith("Not shown, because the terminal is too narrow: ")
    assert [name for name in left_out if name not in note] == []
    assert lines[2].startswith(f"{ORDER_IDS[0]} ")


async def test_nothing_is_left_out_at_120_columns(on_terminal):
    lines = await on_terminal(shop_app, "order list", 120)

    assert {"order", "created", "products", "total", "version"} <= set(lines[0].split())
    assert not any("Not shown" in line for line in lines)


async def test_an_id_wider_than_the_terminal_is_not_broken_by_us(on_terminal, shop):
    wide = "p" * 64
    shop.products[wide] = Product(wide, "P", "", 1, 1, (), 1)
    lines = await on_terminal(admin_app, "product list", 50)
    shown = await on_terminal(admin_app, f"product get {wide}", 50)

    assert any(line.startswith(wide) for line in lines)
    assert any(wide in line for line in shown)


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
async def test_a_real_terminal_of_that_width_is_fitted(portal, columns):
    terminal = PseudoTerminal(columns)
    async with started(portal, "cluster", "status", stdout=terminal.end, env=terminal.environment) as process:
        terminal.close_end()
        rest = asyncio.create_task(terminal.rest())
        code, _, err = await finished(process)
        lines = ANSI.sub("", await rest).splitlines()

    assert (code, err) == (0, "")
    assert lines[0].startswith("All is well: replica1 leads")
    assert max(len(line.rstrip()) for line in lines[1:]) <= columns


async def test_the_status_of_an_ill_cluster_fits_too(portal, shop):
    shop.replicas = [replica(1), replica(2), lost(3)]
    env = {"TTY_COMPATIBLE": "1", "COLUMNS": "80", "TERM": "xterm"}
    done = await run(admin_app, "cluster", "status", "--portal", portal.address, env=env)
    lines = ANSI.sub("", done.stdout).splitlines()

    assert any(line.startswith("replica3") and "not reachable" in line for line in lines)
    assert max(len(line.rstrip()) for line in lines[1:]) <= 80
