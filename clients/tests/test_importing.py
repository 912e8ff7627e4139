import json

import pytest
from command_line import PATIENCE, admin
from fake_portals import Busy, Hang

from quitanda.domain.limits import NAME_LENGTH_MAX, REMEMBERED_REQUESTS_MAX
from quitanda.domain.model import Customer, Kind, Product
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import OutcomeUnknown
from quitanda_clients.csv_import.checked_file import check_file
from quitanda_clients.csv_import.csv_file import FILE_BYTES_MAX, ROWS_MAX, read_csv
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import CREATION_FIELDS, SCHEMAS

CUSTOMERS = "customer_id,name,city\nana,Ana,Rio\nbia,Bia,\ncaio,Caio,Recife\n"
HEADER = "product_id,name,description,price,quantity"


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        file = tmp_path / "rows.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write_file


def found(content, **reading):
    """What is wrong with a file of products: (line, column, a part of the message)."""
    data = content if isinstance(content, bytes) else content.encode()
    return [
        (problem.line, problem.column, problem.message)
        for problem in check_file(data, SCHEMAS[Kind.PRODUCT], ImportOptions(**reading)).problems
    ]


async def test_customers_are_created_with_their_own_fields_as_text(portal, shop, write):
    done = await admin(portal, "customer", "import", write(CUSTOMERS))

    assert done.exit_code == 0, done.stderr
    assert {key: (value.name, value.extra) for key, value in shop.customers.items()} == {
        "ana": ("Ana", (("city", '"Rio"'),)),
        "bia": ("Bia", ()),
        "caio": ("Caio", (("city", '"Recife"'),)),
    }
    assert done.stdout == (
        "rows: 3, created: 3, updated: 0, unchanged: 0, already imported: 0, changed since: 0, refused: 0, "
        "invalid: 0, not imported: 0\n"
    )


async def test_products_are_created_from_all_their_columns(portal, shop, write):
    text = f'{HEADER},cor\r\ncaneta,Caneta,"azul, ""fina""",2.5,40,azul\r\n\r\nlapis,Lápis,"duas\nlinhas",1,7,\r\n'
    done = await admin(portal, "product", "import", write(text), "--json")

    assert done.exit_code == 0, done.stderr
    pen, pencil = shop.products["caneta"], shop.products["lapis"]
    assert (pen.name, pen.description, pen.price, pen.quantity) == ("Caneta", 'azul, "fina"', 250, 40)
    assert pen.extra == (("cor", '"azul"'),)
    assert (pencil.name, pencil.description, pencil.extra) == ("Lápis", "duas\nlinhas", ())
    assert done.result == {
        "rows": 2,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "already_imported": 0,
        "changed_since": 0,
        "refused": 0,
        "invalid": 0,
        "not_imported": 0,
        "refused_rows": [],
        "changed_since_lines": [],
        "read_as": {
            "encoding": "UTF-8",
            "delimiter": "comma",
            "decimal": "point",
            "program": "",
            "columns": {},
            "left_out": [],
            "passed_over": 0,
        },
    }


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"\xef\xbb\xbf" + CUSTOMERS.encode(), []),
        (CUSTOMERS.replace(",", ";"), ["--delimiter", ";"]),
        (CUSTOMERS.replace(",", "\t"), ["--delimiter", "tab"]),
        (CUSTOMERS.rstrip("\n"), []),
        (CUSTOMERS.replace("\n", "\r\n"), []),
        (CUSTOMERS.replace("customer_id", " customer_id "), []),
    ],
    ids=["byte order mark", "semicolons", "tabs", "no last line end", "DOS line ends", "spaces in the header"],
)
async def test_files_of_other_programs_are_read(portal, shop, write, content, options):
    done = await admin(portal, "customer", "import", write(content), *options)

    assert done.exit_code == 0, done.stderr
    assert sorted(shop.customers) == ["ana", "bia", "caio"]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("", [(1, "", "lacks product_id, name, price")]),
        ("product_id,name\n", [(1, "", "lacks price; it has product_id, name")]),
        ("product_id|name|price|quantity\n", [(1, "", "lacks"), (1, "", "'|' seems to separate")]),
        ("product_id,name,price,quantity,name\n", [(1, "name", "twice")]),
        ("product_id,name,price,quantity,\na,A,1,1,x\n", [(2, "", "column 5 has a value, but the header has no name")]),
        ("product_id,name,price,quantity,quantity_change\n", [(1, "", "keep only one of these columns")]),
        ("product_id\n", [(1, "", "lacks name, price")]),
        (f"{HEADER}\na,A,,1,1\na,B,,1,1\n", [(3, "product_id", "'a' is already on line 2")]),
        (f"{HEADER}\na,A,,abc,1\n", [(2, "price", "")]),
        (f"{HEADER}\na,A,,,\n", [(2, "price", "missing")]),
        (f"{HEADER}\na,A,,1.005,1\n", [(2, "price", "")]),
        (f"{HEADER}\na,A,,-1,1\n", [(2, "price", "")]),
        (f"{HEADER}\na,A,,1,-1\n", [(2, "quantity", "")]),
        (f"{HEADER}\na,A,,1,1.5\n", [(2, "quantity", "")]),
        (f"{HEADER}\na,A,,1,99999999999\n", [(2, "quantity", "")]),
        (f"{HEADER}\na,{'x' * (NAME_LENGTH_MAX + 1)},,1,1\n", [(2, "name", "too long")]),
        (f"{HEADER}\n a,A,,1,1\n", [(2, "product_id", "not allowed")]),
        (f"{HEADER}\n,A,,1,1\n", [(2, "product_id", "missing")]),
        (f"{HEADER},version\na,A,,1,1,7\n", [(2, "version", "")]),
        (f"{HEADER}\na,A,,1\nb,B,,1,1,1\n", [(2, "", "4 values"), (3, "", "6 values")]),
        (f'{HEADER}\na,"A\n2",,1,1\nb,B,,x,1\n', [(4, "price", ""), (2, "name", "")]),
        (f'{HEADER}\na,A,,1,1\nb,"B,,1,1\n', [(3, "", "never closed")]),
        (f'{HEADER}\na,"A"x,,1,1\n', [(2, "", "after its closing quote")]),
        (f"{HEADER}\ra,A,,1,1\rb,B,,x,1\r", [(3, "price", "")]),
        (f'{HEADER}\r\na,"A\r2",,1,1\rb,B,,x,1\n', [(4, "price", ""), (2, "name", "")]),
        (f"{HEADER}\na,{'x' * 20_000},,1,1\n", [(2, "name", "too long")]),
        (f"{HEADER}\na,{'x' * 200_000},,1,1\n", [(2, "", "far too long")]),
        (f"{HEADER},note\na,A,,1,1,{'x' * 20_000}\n", [(2, "note", "")]),
        (f"{HEADER},n,o\na,A,,1,1,{'x' * 9_000},{'x' * 9_000}\n", [(2, "", "")]),
        (f"{HEADER}\nmaçã,A,,1,1\n", [(2, "product_id", "not allowed")]),
        (f"{HEADER}\na,\u00e7,,1,1\nb,B,,1,1\nc,".encode() + b"\xe9,,1,1\n", [(4, "", "byte 3 (0xe9) is not UTF-8")]),
        (f"{HEADER}\n".encode("utf-16-le"), [(1, "", "--encoding utf-16-le"), (2, "", "zero")]),
        (f"{HEADER}\na,A\0,,1,1\n", [(2, "", "byte 4 is zero")]),
    ],
)
def test_each_problem_is_found_with_its_line_and_column(content, problems):
    actual = found(content)

    assert sorted((line, column) for line, column, _ in actual) == sorted(
        (line, column) for line, column, _ in problems
    )
    for line, column, part in problems:
        assert any(part in message for at, name, message in actual if (at, name) == (line, column)), actual


async def test_a_file_with_problems_is_not_imported_and_each_problem_is_listed(portal, write):
    file = write(f"{HEADER}\na,A,,abc,1\nb,B,,1,1\nc,C,,1,-5\n")
    done = await admin(portal, "product", "import", file)

    _, first, second, last = done.stderr.splitlines()
    assert done.exit_code == 2
    assert first.startswith(f"{file}:2: column price: ")
    assert second.startswith(f"{file}:4: column quantity: ")
    assert "Nothing was imported" in last
    assert portal.calls == []


async def test_problems_are_one_json_object_for_programs(portal, write):
    done = await admin(portal, "product", "import", write(f"{HEADER}\na,A,,abc,1\n"), "--json")

    assert done.exit_code == 2
    assert done.error["problem_count"] == 1
    assert (done.error["problems"][0]["line"], done.error["problems"][0]["column"]) == (2, "price")


async def test_the_valid_rows_are_imported_if_asked_for(portal, shop, write):
    file = write(f"{HEADER}\na,A,,abc,1\nb,B,,1,1\n")
    done = await admin(portal, "product", "import", file, "--skip-invalid")

    assert done.exit_code == 1
    assert list(shop.products) == ["b"]
    assert "rows: 2, created: 1, " in done.stdout
    assert "invalid: 1" in done.stdout


async def test_rows_that_exist_are_refused_and_reported_with_their_lines(portal, shop, write):
    shop.customers["bia"] = Customer("bia", "Old", (), 1)
    file = write(CUSTOMERS)
    done = await admin(portal, "customer", "import", file)

    assert done.exit_code == 1
    assert f"{file}:3: Refused (CUSTOMER_EXISTS): " in done.stderr
    assert shop.customers["bia"].name == "Old"
    assert "rows: 3, created: 2, " in done.stdout
    assert "refused: 1" in done.stdout


async def test_rows_that_exist_are_updated_if_asked_for(portal, shop, write):
    shop.products["a"] = Product("a", "Old", "old", 1, 1, (), 1)
    done = await admin(portal, "product", "import", write(f"{HEADER}\na,New,new,2.50,9\nb,B,,1,1\n"), "--update")

    assert done.exit_code == 0, done.stderr
    updated = shop.products["a"]
    assert (updated.name, updated.description, updated.price, updated.quantity) == ("New", "new", 250, 9)
    assert "created: 1, updated: 1, " in done.stdout


async def test_the_same_file_is_one_import_however_often_it_is_given(portal, shop, write):
    file = write(CUSTOMERS)
    first = await admin(portal, "customer", "import", file)
    second = await admin(portal, "customer", "import", file)
    anew = await admin(portal, "customer", "import", file, "--run-label", "2")

    assert (first.exit_code, second.exit_code, anew.exit_code) == (0, 0, 1)
    assert shop.revision == 3
    ids = [request.request_id for request in portal.requests("CreateCustomer")]
    assert sorted(ids[:3]) == sorted(ids[3:6])
    assert len(set(ids)) == 6


async def test_an_import_that_nobody_answers_stops_and_goes_on_when_it_is_given_again(portal, shop, write):
    rows = "".join(f"c{number},Name,\n" for number in range(100))
    file = write(f"customer_id,name,city\n{rows}")
    portal.plans.extend([None] * 20 + [OutcomeUnknown(), Hang(), Busy()] * 100)
    stopped = await admin(portal, "customer", "import", file, "--timeout", PATIENCE, "--in-flight", "5")
    carried_out = shop.revision
    portal.plans.clear()
    again = await admin(portal, "customer", "import", file)

    assert stopped.exit_code == 4
    assert "Give the same command again" in stopped.stderr
    assert 20 <= carried_out < 60
    assert again.exit_code == 0, again.stderr
    assert shop.revision == len(shop.customers) == 100


async def test_no_more_rows_than_allowed_are_on_their_way(portal, shop, write):
    rows = "".join(f"c{number},Name,\n" for number in range(300))
    portal.answers_from = 7
    done = await admin(portal, "customer", "import", write(f"customer_id,name,city\n{rows}"), "--in-flight", "7")

    assert done.exit_code == 0
    assert len(shop.customers) == 300
    assert portal.most_at_once == 7


async def test_refusals_of_the_portal_are_reported_for_programs(portal, write):
    portal.plans.extend([None, None, refused(Reason.INTERNAL)])
    done = await admin(portal, "customer", "import", write("customer_id,name\nana,Ana\n"), "--json")

    assert done.exit_code == 1
    assert [(row["line"], row["reason"]) for row in done.result["refused_rows"]] == [(2, "INTERNAL")]
    assert json.dumps(done.result["not_imported"]) == "0"


async def test_a_file_without_rows_is_an_import_of_nothing(portal, write):
    done = await admin(portal, "customer", "import", write("customer_id,name\n"))

    assert done.exit_code == 0
    assert "created: 0" in done.stdout


@pytest.mark.parametrize("options", [["--delimiter", ",,"], ["--delimiter", '"'], ["--in-flight", "0"]])
async def test_wrong_options_are_wrong_use(portal, write, options):
    done = await admin(portal, "customer", "import", write(CUSTOMERS), *options)

    assert done.exit_code == 2
    assert options[0] in done.message


async def test_a_file_that_is_not_there_is_wrong_use(portal, tmp_path):
    missing = await admin(portal, "customer", "import", tmp_path / "missing.csv")
    directory = await admin(portal, "customer", "import", tmp_path)

    assert (missing.exit_code, directory.exit_code) == (2, 2)


def test_a_file_with_too_many_rows_is_to_be_cut():
    read = read_csv(b"id\n" + b"x\n" * (ROWS_MAX + 5))

    assert len(read.rows) == ROWS_MAX
    assert read.problems == (FileProblem(ROWS_MAX + 2, "", "more than 80000 rows; cut the file into parts"),)


def test_all_requests_of_the_largest_file_are_remembered():
    requests_of_a_row = 3  # to create, to adjust the stock, to set fields

    assert requests_of_a_row * ROWS_MAX < REMEMBERED_REQUESTS_MAX


def test_a_file_that_is_too_large_is_to_be_cut():
    read = read_csv(bytes(FILE_BYTES_MAX + 1))

    assert [problem.line for problem in read.problems] == [0]


@pytest.mark.parametrize("update", [[], ["--update"]], ids=["", "update"])
async def test_a_dry_run_says_what_an_import_then_does_and_changes_nothing(portal, shop, write, update):
    shop.products["a"] = Product("a", "Old", "old", 1, 1, (), 1)
    file = write(f"{HEADER}\na,New,new,2.50,9\nb,B,,1,1\nc,C,,x,1\n")
    options = [file, "--skip-invalid", *update]
    before = dict(shop.products)
    foreseen = await admin(portal, "product", "import", *options, "--dry-run", "--json")
    assert shop.products == before
    for_people = await admin(portal, "product", "import", *options, "--dry-run")
    assert {name for name, _ in portal.calls} == {"GetProduct", "ListProducts"}
    done = await admin(portal, "product", "import", *options, "--json")

    assert foreseen.exit_code == for_people.exit_code == done.exit_code
    assert foreseen.result.pop("dry_run") == 1
    counted = ("rows", "created", "updated", "unchanged", "refused", "invalid", "not_imported")
    assert [foreseen.result[name] for name in counted] == [done.result[name] for name in counted]
    assert "nothing was changed" in for_people.stderr


async def test_a_dry_run_of_a_file_with_problems_names_them_as_an_import_does(portal, write):
    file = write("customer_id,name\n,A\n")
    dry = await admin(portal, "customer", "import", file, "--dry-run")
    real = await admin(portal, "customer", "import", file)

    assert (dry.exit_code, dry.stderr) == (real.exit_code, real.stderr)


def test_the_fields_of_a_command_are_worked_out_once_for_all_rows_of_a_file():
    assert {each.create for each in SCHEMAS.values()} <= set(CREATION_FIELDS)
    assert all(CREATION_FIELDS.values())
