"""Exports and imports on the page: files that leave, and files that come in."""

import csv
import io
import json

import pytest
from importing import PRODUCTS, TRANSFER, WITH_FILE, begin, ended, multipart, upload
from running_page import running

from quitanda.domain.commands import CreateOrder, CreateProduct, ItemQuantity, UpdateProduct
from quitanda_web.guard import UPLOAD_BYTES_MAX, GuardLimits
from quitanda_web.imports import KEPT_MAX


async def test_a_file_is_checked_first_and_then_imported(shop):
    staff = await shop.staff()

    checked = await upload(staff, PRODUCTS)
    assert "Nothing is changed yet." in checked.text
    assert "2 p1 new" in checked.text
    assert shop.cluster.state.product("p1") is None
    done = await begin(staff, checked)

    assert "The import is done." in done.text
    assert "new 2" in done.text
    assert shop.cluster.state.product("p2").price == 1200


async def test_the_same_file_again_does_nothing_twice(shop):
    staff = await shop.staff()
    content = "product_id,name,price,quantity_change\np1,Pão,2.50,10\n"

    for _ in range(2):
        done = await begin(staff, await upload(staff, content, update="on"))

    assert "imported before 1" in done.text
    assert shop.cluster.state.product("p1").quantity == 10
    again = await begin(staff, await upload(staff, content, update="on", run_label="second"))
    assert "changed 1" in again.text
    assert shop.cluster.state.product("p1").quantity == 20


async def test_the_same_file_sent_to_another_process_does_nothing_twice(cluster, shop):
    content = "product_id,name,price,quantity_change\np1,Pão,2.50,10\n"
    staff = await shop.staff()
    await begin(staff, await upload(staff, content))

    async with running(cluster) as other:
        staff = await other.staff()
        done = await begin(staff, await upload(staff, content, update="on"))

    assert "imported before 1" in done.text
    assert cluster.state.product("p1").quantity == 10


async def test_the_button_pressed_twice_imports_once(shop):
    staff = await shop.staff()
    checked = await upload(staff, PRODUCTS)
    (action,) = [form.action for form in checked.page.forms if form.action.endswith("/start")]

    for _ in range(2):
        sent = await staff.send(checked, action)
    await ended(staff, await staff.open(sent.location))

    assert len([each for each in shop.cluster.requests if type(each.command) is CreateProduct]) == 2


async def test_the_progress_is_shown_without_javascript_and_the_import_can_be_stopped(shop):
    staff = await shop.staff()
    content = "product_id,name,price\n" + "".join(f"p{n},Name,1.00\n" for n in range(40))
    checked = await upload(staff, content)
    (action,) = [form.action for form in checked.page.forms if form.action.endswith("/start")]

    shop.cluster.hold()
    running_page = await staff.open((await staff.send(checked, action)).location)
    assert "Rows done: 0 of 40." in running_page.text
    assert b'<noscript><meta http-equiv="refresh" content="3; url=' in running_page.body
    (stop,) = [form.action for form in running_page.page.forms if form.action.endswith("/stop")]
    stopped = await ended(staff, await staff.fill(running_page, stop))
    shop.cluster.release()

    assert "Send the same file again to go on: nothing is done twice." in stopped.text
    done = await begin(staff, await upload(staff, content))
    assert "The import is done." in done.text
    assert shop.cluster.state.product("p39") is not None


async def test_separator_decimal_comma_and_the_names_of_columns_are_recognized(shop):
    staff = await shop.staff()

    checked = await upload(staff, "código;nome;preço\nb1;Broa;1.234,50\n".encode("windows-1252"))
    assert "Windows-1252" in checked.text
    await begin(staff, checked)

    assert shop.cluster.state.product("b1").price == 123_450


async def test_the_decimal_sign_can_be_chosen_where_nobody_could_know_it(shop):
    staff = await shop.staff()
    content = "product_id;name;price\nb1;Broa;1.234\n"

    assert "may be" in (await upload(staff, content)).text
    await begin(staff, await upload(staff, content, decimal="comma", separator="semicolon"))

    assert shop.cluster.state.product("b1").price == 123_400


async def test_wrong_rows_are_named_by_line_and_left_out_only_where_somebody_says_so(shop):
    staff = await shop.staff()

    checked = await upload(staff, "product_id,name,price\np1,Pão,much\np2,Queijo,12.00\n")
    assert "2 price" in checked.text
    (action,) = [form.action for form in checked.page.forms if form.action.endswith("/start")]
    refused = await staff.send(checked, action)
    assert refused.status == 422
    assert shop.cluster.state.product("p2") is None
    await begin(staff, await staff.open(checked.path), skip_invalid="on")

    assert shop.cluster.state.product("p1") is None
    assert shop.cluster.state.product("p2") is not None


async def test_refused_rows_are_told_with_their_reasons(shop):
    staff = await shop.staff()
    checked = await upload(staff, PRODUCTS)
    shop.cluster.does(CreateProduct("p1", "Another", price=100, quantity=1))

    done = await begin(staff, checked)

    assert "refused 1" in done.text
    assert "already exists" in done.text
    assert shop.cluster.state.product("p1").name == "Another"


async def test_orders_are_imported_again_from_their_export(shop):
    shop.cluster.does(CreateOrder("ana", "o1", 1_700_000_000_000, (ItemQuantity("caneta", 2),)), "ana")
    staff = await shop.staff()
    exported = await staff.get("/office/export/orders?format=csv&decimal=point")

    checked = await upload(staff, exported.body, kind="orders")

    assert "o1 as it is" in checked.text


async def test_new_customers_secrets_are_given_once_they_are_registered(secure_shop):
    staff = await secure_shop.staff()
    done = await begin(staff, await upload(staff, "customer_id,name\ncaio,Caio\n", kind="customers"))

    link = next(link for link in done.page.links if link.endswith("/secrets.csv"))
    (row,) = csv.DictReader(io.StringIO((await staff.get(link)).body.decode("utf-8-sig")))
    secure_shop.tokens["caio"] = row["token"]

    assert row["customer_id"] == "caio"
    assert "Products" in (await (await secure_shop.customer("caio")).open("/")).text
    assert (await (await secure_shop.staff()).get(link)).status == 404


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Choose a file first."),
        (b"\x00\x01\x02", "is zero"),
        (b"product_id,name,price\np1,\xff\xfe\x81\xc3\xa3,1\n", "is not UTF-8"),
        (b"PK\x03\x04rest", "workbook"),
        (b"name\nx\n", "the header lacks"),
        (b'product_id,name,price\np1,"open,1\n', "not valid CSV"),
        (b"product_id,name,price\n", "The file has no rows."),
        (b"product_id,name,price\n../../etc,x,1\n", "a character that is not allowed"),
        (b"product_id,name,price\np1," + b"x" * 300 + b",1\n", "too long"),
    ],
)
async def test_a_file_that_cannot_be_imported_is_refused_with_a_reason(shop, content, told):
    answer = await upload(await shop.staff(), content)

    assert told in answer.text
    assert not [form for form in answer.page.forms if form.action.endswith("/start")]


async def test_what_is_wrong_with_a_file_is_told_in_portuguese(shop):
    staff = await shop.staff(language="pt-BR")

    answer = await upload(staff, "product_id,name,price\np1,Pão,1\np1,Pão,2\n")

    assert "já está na linha 2" in answer.text
    assert "is already" not in answer.text


async def test_a_script_in_file_name_or_cells_is_only_text(shop):
    staff = await shop.staff()

    answer = await upload(
        staff,
        "product_id,name,price\np1,<script>alert(1)</script>,x\n<b>,y,1\n",
        name="../../<img src=x onerror=alert(1)>.csv",
    )

    assert b"<script>alert" not in answer.body
    assert b"<img" not in answer.body
    assert "What <img src=x onerror=alert(1)>.csv would do" in answer.text


async def test_a_formula_in_a_file_is_a_text_that_exports_write_safely(shop):
    staff = await shop.staff()

    await begin(staff, await upload(staff, "product_id,name,price\np1,=1+1,1.00\n"))
    assert shop.cluster.state.product("p1").name == "=1+1"
    exported = (await staff.get("/office/export/products")).body.decode("utf-8-sig")

    (row,) = [row for row in csv.DictReader(io.StringIO(exported)) if row["product_id"] == "p1"]
    assert row["name"] == "'=1+1"


async def test_a_file_beyond_the_bound_is_refused_before_it_is_read(shop):
    staff = await shop.staff()

    answer = await staff.post("/office/imports", b"", **(WITH_FILE | {"content-length": str(UPLOAD_BYTES_MAX + 1)}))

    assert answer.status == 413
    assert answer.header("connection") == "close"


@pytest.mark.parametrize("who", ["nobody", "customer"])
async def test_only_staff_may_send_more_than_a_form(shop, who):
    browser = await shop.customer() if who == "customer" else shop.browser()

    answer = await browser.post("/office/imports", multipart({}, b"x" * 100_000), **WITH_FILE)

    assert answer.status == 413


async def test_no_more_files_are_read_at_the_same_time_than_there_is_room_for(cluster):
    async with running(cluster, limits=GuardLimits(uploads=0)) as shop:
        answer = await upload(await shop.staff(), PRODUCTS)

    assert answer.status == 503
    assert "Others are sending files just now." in answer.text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"nothing", WITH_FILE),
        (b"nothing", {"content-type": "multipart/form-data"}),
        (multipart({}, b"x")[:-10], WITH_FILE),
        (multipart({f"f{n}": "" for n in range(100)}, b"x"), WITH_FILE),
        (multipart({}, b"x").replace(b'name="file"', b""), WITH_FILE),
        (multipart({}, b"x").replace(b"form-data", b"attachment"), WITH_FILE),
        (multipart({}, b"x", name="x" * 5_000), WITH_FILE),
        (multipart({"kind": "x"}, b"").replace(b"\r\nx\r\n", b"\r\n\xff\r\n"), WITH_FILE),
    ],
)
async def test_what_is_no_form_with_a_file_is_refused(shop, body, content_type):
    answer = await (await shop.staff()).post("/office/imports", body, **content_type)

    assert answer.status == 400


async def test_other_forms_take_no_file(shop):
    answer = await (await shop.staff()).post("/office/new-customer", multipart({}, b"x"), **WITH_FILE)

    assert answer.status == 400


@pytest.mark.parametrize("typed", [{"kind": "secrets"}, {"separator": "x"}, {"decimal": "half"}, {"encoding": "rot13"}])
async def test_a_choice_that_there_is_not_is_refused(shop, typed):
    answer = await upload(await shop.staff(), PRODUCTS, **typed)

    assert answer.status == 422
    assert "cannot have this value" in answer.text


async def test_an_import_of_another_session_is_not_known(shop):
    checked = await upload(await shop.staff(), PRODUCTS)
    other = await shop.staff()
    token = (await other.open(TRANSFER)).form("/sign-out").fields["form_token"]

    assert (await other.get(checked.path)).status == 404
    answer = await other.post(f"{checked.path}/start", {"form_token": token})
    assert answer.status == 404
    assert "Send the file again: nothing is done twice." in answer.text
    assert shop.cluster.state.product("p1") is None


async def test_the_oldest_file_is_forgotten_where_there_is_no_room(shop):
    staff = await shop.staff()

    first, *others = [await upload(staff, PRODUCTS) for _ in range(KEPT_MAX + 1)]

    assert (await staff.get(first.path)).status == 404
    assert (await staff.get(others[-1].path)).status == 200


@pytest.mark.parametrize("role", ["clerk", "read-only"])
async def test_whoever_may_not_add_products_is_refused_at_once(secure_shop, role):
    staff = await secure_shop.staff(role)
    page = await staff.open(TRANSFER)
    assert not [form for form in page.page.forms if form.action == "/office/imports"]

    answer = await upload(staff, PRODUCTS)

    assert answer.status == 403
    assert "You may not do this" in answer.text


@pytest.mark.parametrize(
    ("query", "row"),
    [("format=csv&decimal=comma", "caneta;Caneta;Azul;2,50;10;20"), ("", "caneta,Caneta,Azul,2.50,10,20")],
)
async def test_products_are_exported_for_spreadsheets(shop, query, row):
    answer = await (await shop.staff()).get(f"/office/export/products?{query}")

    assert answer.header("content-disposition") == 'attachment; filename="products.csv"'
    assert row in answer.body.decode("utf-8-sig").splitlines()


async def test_products_are_exported_for_programs_with_every_detail(shop):
    shop.cluster.does(UpdateProduct("lapis", extra=(("colour", '"red"'),)))

    answer = await (await shop.staff()).get("/office/export/products?format=jsonl")

    told = [json.loads(line) for line in answer.body.decode().splitlines()]
    assert [each["product_id"] for each in told] == ["caneta", "lapis"]
    assert told[1]["colour"] == "red"


@pytest.mark.parametrize("path", ["secrets", "products.csv", "..%2Fproducts", "credentials"])
async def test_nothing_else_is_exported(shop, path):
    assert (await (await shop.staff()).get(f"/office/export/{path}")).status == 404
