"""Bad values on the command line, and bad files, given to both programs."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app

pytest_plugins = ("bad_input_fixtures",)
pytestmark = pytest.mark.usefixtures("unharmed")

PROGRAMS = Path(sys.executable).parent
APPLICATIONS = {"admin": admin_app, "shop": shop_app}
RUN_SECONDS = 60.0
NOT_UTF8 = "\udcff"
"""How Python writes an argument that is the byte 0xff."""


@dataclass(frozen=True)
class Ended:
    arguments: tuple
    code: int
    out: str
    err: str

    @property
    def said(self):
        """What stands on stderr, without the frame around usage errors."""
        return " ".join(self.err.replace("│", " ").split())


@pytest.fixture
def environment(cluster):
    """The variables that name the cluster's portals and broker, and the administrators' folder."""
    return {**cluster.callers.environment(), "QUITANDA_CUSTOMER": None}


@pytest.fixture
def run(environment):
    """Run one of the programs in this process, which costs a tenth of one of its own."""
    runner = CliRunner(env=environment)

    async def run_here(program, *arguments):
        done = await asyncio.to_thread(runner.invoke, APPLICATIONS[program], arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise AssertionError((program, *arguments)) from done.exception
        return Ended((program, *arguments), done.exit_code, done.stdout, done.stderr)

    return run_here


@pytest.fixture
def run_process(environment):
    """Run one of the installed programs as a process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITANDA_")}
    given = {name: value for name, value in environment.items() if value is not None}

    async def run_there(program, *arguments):
        pipe = asyncio.subprocess.PIPE
        async with asyncio.timeout(RUN_SECONDS):
            process = await asyncio.create_subprocess_exec(
                PROGRAMS / f"quitanda-{program}", *arguments, stdout=pipe, stderr=pipe, env=inherited | given
            )
            out, err = await process.communicate()
        return Ended((program, *arguments), process.returncode, out.decode(), err.decode())

    return run_there


async def in_turn(run, commands):
    """Run one command after the other."""
    return [await run(*arguments) for arguments in commands]


PRODUCT = ("admin", "product", "create")
GOOD = {"--pid": "never", "--name": "Pão", "--price": "1", "--quantity": "1"}


def product(**changes):
    """The creation of a product with some options changed, or left out where they are None."""
    options = {**GOOD, **{f"--{name}": value for name, value in changes.items()}}
    return (*PRODUCT, *(part for name, value in options.items() if value is not None for part in (name, value)))


ORDER = ("shop", "--customer", "nobody", "order")
WRONG_USE = [
    *((product(price=text), "--price") for text in ("NaN", "inf", "", "1e3", "1,50", "0x1", "1.999", "٣", "9" * 60)),
    *((product(quantity=text), "--quantity") for text in ("NaN", "", "1.5", "1e3", "٣", "9" * 41)),
    *((product(**{name: None}), f"--{name}") for name in ("pid", "name", "price", "quantity")),
    *((product(**{name: NOT_UTF8}), f"--{name}") for name in ("pid", "name", "price", "quantity", "description")),
    *((product(field=text), "--field") for text in ("a", "a:={", "a:=NaN", f"a:={'[' * 99}", "a:=1e9999")),
    (("admin", "product", "update", "a", "--expected-version", "0", "--name", "A"), "--expected-version"),
    (("admin", "product", "update", "a", "--pid", "b", "--name", "A"), "--pid"),
    (("admin", "customer", "delete", "a", "--expected-version", "-1"), "--expected-version"),
    (("admin", "customer", "get"), "--cid"),
    (("admin", "customer", "list", "--limit", "0"), "--limit"),
    (("admin", "customer", "get", "a", "--consistency", "eventual"), "--consistency"),
    (("admin", "customer", "get", "a", "--request-id", "r"), "--request-id"),
    (("admin", "customer", "list", "--timeout", "nan"), "--timeout"),
    (("admin", "--timeout", "-1", "customer", "list"), "--timeout"),
    (("admin", "--portal", "nowhere", "customer", "list"), "--portal"),
    (("admin", "--portal", f"{NOT_UTF8}:1", "customer", "list"), "--portal"),
    (("admin", "customer", "list", "--portal", f"a:{'9' * 5_000}"), "--portal"),
    (("admin", "product", "list", "--watch", "--interval", "nan"), "--interval"),
    (("admin", "product", "adjust-stock", "a", "1.5"), "DELTA"),
    (("admin", "product", "adjust-stock", "a", "-x"), "DELTA"),
    (("admin", "export", "shelves", "x.csv"), "KIND"),
    (("admin", "export", "products", "x.csv", "--delimiter", "ab"), "--delimiter"),
    (("admin", "export", "products", "x.csv", "--decimal", "dot"), "--decimal"),
    (("admin", "export", "products", "/nowhere/x.csv"), "FILE"),
    (("admin", "export", "orders", "x.csv", "--state", "lost"), "--state"),
    (("admin", "export", "orders", "x.csv", "--from", "soon"), "--from"),
    (("admin", "report", "stock-value", "--limit", "3"), "--limit"),
    (("admin", "report", "sales"), "--from"),
    (("admin", "report", "sales", "--from", "2027-02-30"), "--from"),
    (("admin", "report", "sales", "--from", "2027-01-02", "--to", "2027-01-01"), "--to"),
    (("admin", "report", "sales", "--from", "2027-01-02", "--by", NOT_UTF8), "--by"),
    (("admin", "report", "today", "--time-zone", "Mars/Base"), "--time-zone"),
    (("admin", "customer", "list", "--nonsense"), "--nonsense"),
    (("shop", "order", "list"), "--customer"),
    (("shop", "--customer", NOT_UTF8, "order", "list"), "--customer"),
    (("shop", "--transport", "pigeon", "--customer", "a", "order", "list"), "--transport"),
    (("shop", "--transport", "mqtt", "--mqtt", "a..b:1", "--customer", "a", "order", "list"), "--mqtt"),
    ((*ORDER, "create", "--item", "a"), "--item"),
    ((*ORDER, "create", "--item", "a=NaN"), "--item"),
    ((*ORDER, "create", "--item", "a=1.5"), "--item"),
    ((*ORDER, "create", "--request-id", NOT_UTF8), "--request-id"),
    ((*ORDER, "set", "o", "p", "x"), "QTY"),
    ((*ORDER, "set", "o", "p"), "QTY"),
    ((*ORDER, "show", NOT_UTF8), "OID"),
]

LONG_ID = "x" * 65
REGISTERED = "somebody-registered"
"""A customer: whoever is none gets no certificate, and so no further over MQTT where the broker asks for one."""
REFUSED = [
    (product(pid=""), "INVALID_ARGUMENT", "product_id"),
    (product(pid="a b"), "INVALID_ARGUMENT", "product_id"),
    (product(pid=LONG_ID), "INVALID_ARGUMENT", "product_id"),
    (product(name=""), "INVALID_ARGUMENT", "name"),
    (product(name="a\nb"), "INVALID_ARGUMENT", "name"),
    (product(price="-1"), "INVALID_ARGUMENT", "price"),
    (product(price="99999999"), "INVALID_ARGUMENT", "price"),
    *((product(quantity=text), "INVALID_ARGUMENT", "quantity") for text in ("-1", str(2**63), "9" * 30)),
    (product(description="x" * 2_001), "INVALID_ARGUMENT", "description"),
    (product(field="name=x"), "INVALID_ARGUMENT", "extra.name"),
    (("admin", "product", "update", "a"), "INVALID_ARGUMENT", ""),
    (("admin", "product", "adjust-stock", "a", "0"), "INVALID_ARGUMENT", "delta"),
    (("admin", "product", "get", "nothing"), "PRODUCT_NOT_FOUND", "product_id"),
    (("admin", "customer", "delete", "nobody", "--request-id", "a/b"), "INVALID_ARGUMENT", "request_id"),
    (("shop", "--customer", "", "order", "list"), "INVALID_ARGUMENT", "customer_id"),
    (("shop", "--customer", "a/b", "--transport", "mqtt", "order", "list"), "INVALID_ARGUMENT", "customer_id"),
    ((*ORDER, "list"), "CUSTOMER_NOT_FOUND", "customer_id"),
    ((*ORDER, "set", "o", "p", "-1"), "INVALID_ARGUMENT", "quantity"),
    ((*ORDER, "set", "o", "a b", "1"), "INVALID_ARGUMENT", "product_id"),
    ((*ORDER, "set", "", "p", "1"), "INVALID_ARGUMENT", "order_id"),
    ((*ORDER, "create", "--item", "a=1", "--item", "a=-1"), "INVALID_ARGUMENT", "items[1].quantity"),
    (
        ("shop", "--customer", REGISTERED, "--transport", "mqtt", "order", "set", "o", "p", "-1"),
        "INVALID_ARGUMENT",
        "quantity",
    ),
]


async def test_wrong_use_ends_with_2_and_names_the_option(run, state_unchanged):
    async with state_unchanged():
        ended = await in_turn(run, (arguments for arguments, _ in WRONG_USE))
    for done, (_, named) in zip(ended, WRONG_USE, strict=True):
        assert (done.arguments, done.code, done.out, "Traceback" in done.err) == (done.arguments, 2, "", False)
        assert named in done.said, done


async def test_a_refusal_ends_with_1_and_says_reason_and_field_for_people_and_for_programs(
    cluster, run, state_unchanged
):
    async with cluster.callers.admin_client() as admin:
        await admin.create_customer(REGISTERED, "Ana")
    async with state_unchanged():
        for_people = await in_turn(run, (arguments for arguments, _, _ in REFUSED))
        as_json = await in_turn(run, ((arguments[0], "--json", *arguments[1:]) for arguments, _, _ in REFUSED))
    for told, written, (_, reason, field) in zip(for_people, as_json, REFUSED, strict=True):
        assert (told.arguments, told.code, told.out) == (told.arguments, 1, "")
        assert (written.arguments, written.code, written.out) == (written.arguments, 1, "")
        assert told.err.startswith(f"Refused ({reason}): ")
        assert reason != "INVALID_ARGUMENT" or field in told.err
        error = json.loads(written.err)["error"]
        assert (error["reason"], error["field"], error["message"] in told.err) == (reason, field, True)


async def test_wrong_use_is_json_too_where_json_is_asked_for(run):
    ended = await in_turn(run, ((arguments[0], "--json", *arguments[1:]) for arguments, _ in WRONG_USE))

    for done, (_, named) in zip(ended, WRONG_USE, strict=True):
        error = json.loads(done.err)["error"]
        assert (done.code, done.out, error["reason"], error["field"]) == (2, "", "WRONG_USE", named)


HEADER = b"product_id,name,price,quantity"
GOOD_ROW = b"\ngood,Good,1,1"
BAD_FILES = {
    "empty": (b"", 1, "product_id, name, price"),
    "blank": (b"\n\n\n", 1, "product_id, name, price"),
    "no column": (b"product_id,name,quantity\na,A,1", 1, "price"),
    "column twice": (HEADER + b",name\na,A,1,1,B", 1, "column name"),
    "column without a name": (HEADER + b",\na,A,1,1,B", 2, "column 5"),
    "bars": (HEADER.replace(b",", b"|") + b"\na|A|1|1", 1, "--delimiter"),
    "partly UTF-8": (HEADER + "\npao,Pão,1,1".encode() + "\nb,Pão,1,1".encode("latin-1"), 3, "UTF-8"),
    "utf-16 unmarked": (HEADER.decode().encode("utf-16-le"), 1, "--encoding"),
    "zero byte": (HEADER + GOOD_ROW + b"\nb,B\0,1,1", 3, "zero"),
    "binary": (bytes(range(256)) * 50, 1, "zero"),
    "open quote": (HEADER + GOOD_ROW + b'\nb,"B,1,1\nc,C,1,1', 3, "quote"),
    "text after a quote": (HEADER + GOOD_ROW + b'\nb,"B"B,1,1', 3, "quote"),
    "too few values": (HEADER + GOOD_ROW + b"\nb,B,1", 3, "3 values"),
    "too many values": (HEADER + GOOD_ROW + b"\nb,B,1,1,1", 3, "5 values"),
    "long name": (HEADER + GOOD_ROW + b"\nb," + b"x" * 201 + b",1,1", 3, "column name"),
    "huge value": (HEADER + GOOD_ROW + b"\nb," + b"x" * 1_000_000 + b",1,1", 3, "too long"),
    "own field of a known name": (HEADER + b",version\na,A,1,1,7", 2, "column version"),
    "missing id": (HEADER + GOOD_ROW + b"\n,B,1,1", 3, "column product_id"),
    "id of another alphabet": (HEADER + GOOD_ROW + "\npão,B,1,1".encode(), 3, "column product_id"),
    "id twice": (HEADER + GOOD_ROW + b"\ngood,B,1,1", 3, "column product_id"),
    "name over two lines": (HEADER + GOOD_ROW + b'\nb,"B\nB",1,1', 3, "column name"),
    **{
        f"price {text}": (HEADER + GOOD_ROW + f"\nb,B,{text},1".encode(), 3, "column price")
        for text in ("-1", "NaN", "inf", "1e5", "abc", "", "1.999", "99999999999", "9" * 5_000, "$1", "٣")
    },
    **{
        f"quantity {text}": (HEADER + GOOD_ROW + f"\nb,B,1,{text}".encode(), 3, "column quantity")
        for text in ("-1", "NaN", "1.5", "1e5", "abc", "9" * 20, "9" * 5_000, "٣")
    },
}
"""Files of products: (content, the first line at fault, what is said of it)."""


async def test_a_bad_file_is_named_with_line_and_column_and_nothing_of_it_is_imported(run, state_unchanged, tmp_path):
    files = [tmp_path / f"{number}.csv" for number, _ in enumerate(BAD_FILES)]
    for file, (content, _, _) in zip(files, BAD_FILES.values(), strict=True):
        file.write_bytes(content)
    async with state_unchanged():
        ended = await in_turn(run, (("admin", "product", "import", str(file)) for file in files))
    for (name, (_, line, said)), file, done in zip(BAD_FILES.items(), files, ended, strict=True):
        first = next(text for text in done.err.splitlines() if said in text)
        assert (name, done.code, "Traceback" in done.err) == (name, 2, False)
        assert (name, first.split(": ")[0]) == (name, f"{file}:{line}")
        assert f"Nothing was imported: {file} has " in done.err


async def test_what_is_no_readable_file_is_wrong_use(run, state_unchanged, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_bytes(HEADER + GOOD_ROW)
    secret.chmod(0)
    paths = [tmp_path, tmp_path / "nothing.csv", f"{tmp_path}/{NOT_UTF8}", f"{secret}/x"]
    paths += [] if os.access(secret, os.R_OK) else [secret]  # root may read everything
    async with state_unchanged():
        ended = await in_turn(run, (("admin", "product", "import", str(path)) for path in paths))
    for done in ended:
        assert (done.code, done.out, "Traceback" in done.err, "FILE.csv" in done.said) == (2, "", False, True)


async def test_the_installed_programs_say_it_without_a_traceback(run_process, state_unchanged, tmp_path):
    file = tmp_path / "products.csv"
    file.write_bytes(HEADER + b"\nb,\x81,1,1")
    commands = [
        (*product(name=NOT_UTF8), "--json"),
        product(price="NaN"),
        ("shop", "--customer", NOT_UTF8, "order", "list"),
        ("shop", "--customer", "", "order", "list", "--json"),
        ("admin", "product", "import", str(file)),
    ]
    async with state_unchanged():
        ended = await in_turn(run_process, commands)
    assert [(done.code, done.out, "Traceback" in done.err) for done in ended] == [
        (code, "", False) for code in (2, 2, 2, 1, 2)
    ]


async def test_the_valid_rows_of_a_file_are_imported_only_where_that_is_asked_for(run, shop, state_unchanged, tmp_path):
    admin = await shop.admin()
    first, second, bad_one = shop.new_id(), shop.new_id(), shop.new_id()
    file = tmp_path / "products.csv"
    file.write_text(f"product_id,name,price,quantity\n{first},A,1,1\n{bad_one},B,NaN,1\n{second},C,2.50,3\n")
    async with state_unchanged():
        refused = await run("admin", "product", "import", str(file), "--json")
    taken = await run("admin", "product", "import", str(file), "--json", "--skip-invalid")

    found = json.loads(refused.err)
    assert (refused.code, refused.out, found["problem_count"]) == (2, "", 1)
    assert (found["file"], found["problems"][0]["line"], found["problems"][0]["column"]) == (str(file), 3, "price")
    assert (taken.code, json.loads(taken.out)["created"], json.loads(taken.out)["invalid"]) == (1, 2, 1)
    assert (await admin.get_product(second)).document.price == 250
    assert bad_one not in {product.product_id for product in (await admin.list_products()).documents}


async def test_a_byte_order_mark_and_old_line_ends_are_no_fault(run, shop, tmp_path):
    first, second = shop.new_id(), shop.new_id()
    file = tmp_path / "products.csv"
    file.write_bytes(b"\xef\xbb\xbf" + f"product_id,name,price,quantity\r{first},A,1,1\r\n{second},B,1,1".encode())
    done = await run("admin", "product", "import", str(file), "--json")

    assert (done.code, json.loads(done.out)["created"]) == (0, 2)


async def test_rows_of_an_earlier_import_are_known_by_the_revision_of_their_answer(run, shop, tmp_path):
    """The whole path gives a repeated request the revision of its first time; sold units are not set back."""
    admin = await shop.admin()
    first, second = shop.new_id(), shop.new_id()
    file = tmp_path / "products.csv"
    command = ("admin", "product", "import", str(file), "--update", "--json")
    file.write_text(f"product_id,name,price,quantity\n{first},A,1,5\n{second},B,1,5\n")
    created = json.loads((await run(*command)).out)
    again = json.loads((await run(*command)).out)
    await admin.adjust_stock(first, -2)
    await admin.delete_product(second)
    since = await run(*command)
    file.write_text(f"product_id,name,price,quantity\n{first},A,2,5\n{second},B,1,5\n")
    one_row = json.loads((await run(*command)).out)

    assert (created["rows"], created["created"]) == (2, 2)
    assert (again["created"], again["updated"], again["already_imported"]) == (0, 0, 2)
    assert (since.code, json.loads(since.out)["changed_since"]) == (1, 2)
    assert (one_row["updated"], one_row["changed_since"], one_row["changed_since_lines"]) == (1, 1, [3])
    assert (await admin.get_product(first)).document.quantity == 5
    assert second not in {product.product_id for product in (await admin.list_products()).documents}
