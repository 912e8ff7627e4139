import pytest
import typer
from command_line import PATIENCE, admin, run
from fake_portals import Busy, Hang

from quitanda.domain.model import Customer, Product
from quitanda.errors import OutcomeUnknown, Overloaded, Unavailable
from quitanda_clients.cli.values import whole_number
from quitanda_clients.commands.admin import app as admin_app

PEN = Product("caneta", "Caneta", "azul", 250, 40, (("cor", '"azul"'),), 1)
ANA = Customer("ana", "Ana", (), 2)


@pytest.fixture
def stocked(shop):
    shop.products["caneta"] = PEN
    shop.customers["ana"] = ANA
    shop.revision = 2
    return shop


async def test_a_product_is_created_with_the_documented_command(portal, shop):
    command = "product create --pid caneta --name Caneta --price 2.50 --quantity 40 --json --request-id r1"
    done = await admin(portal, *command.split())

    assert done.exit_code == 0, done.stderr
    assert shop.products["caneta"] == Product("caneta", "Caneta", "", 250, 40, (), 1)
    assert done.stdout == (
        '{"revision":1,"product":{"product_id":"caneta","name":"Caneta","description":"",'
        '"price":2.50,"quantity":40,"version":1},"request_id":"r1"}\n'
    )


async def test_a_customer_is_created_with_the_documented_command(portal, shop):
    done = await admin(portal, *["customer", "create", "--cid", "ana", "--name", "Ana"])

    assert done.exit_code == 0, done.stderr
    assert shop.customers["ana"] == Customer("ana", "Ana", (), 1)


async def test_fields_of_ones_own_are_text_or_json(portal, shop):
    fields = ["--field", "city=São Paulo", "--field", "age:=31", "--field", "tags:=[1, 2.50]", "--field", "url=a=b"]
    done = await admin(portal, "customer", "create", "--cid", "ana", "--name", "Ana", *fields)

    assert done.exit_code == 0, done.stderr
    assert dict(shop.customers["ana"].extra) == {
        "city": '"São Paulo"',
        "age": "31",
        "tags": "[1,2.50]",
        "url": '"a=b"',
    }


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("product get caneta", {"revision": 2, "product": {"product_id": "caneta", "price": 2.5, "cor": "azul"}}),
        ("product get --pid caneta", {"revision": 2, "product": {"quantity": 40}}),
        ("product update caneta --price 3", {"revision": 3, "product": {"price": 3.0, "quantity": 40}}),
        ("product update --pid caneta --quantity 0", {"revision": 3, "product": {"price": 2.5, "quantity": 0}}),
        ("product adjust-stock caneta -4", {"revision": 3, "product": {"quantity": 36}}),
        ("product adjust-stock caneta 5", {"revision": 3, "product": {"quantity": 45}}),
        ("product delete caneta", {"revision": 3, "product_id": "caneta", "orders_affected": 0}),
        ("product delete --pid caneta --cascade", {"revision": 3, "product_id": "caneta", "orders_affected": 3}),
        ("customer get ana", {"revision": 2, "customer": {"customer_id": "ana", "name": "Ana", "version": 2}}),
        ("customer get --cid ana --consistency cached", {"revision": 2, "customer": {"name": "Ana"}}),
        ("customer update ana --name Bia", {"revision": 3, "customer": {"name": "Bia"}}),
        ("customer update ana --field age:=31", {"revision": 3, "customer": {"age": 31}}),
        ("customer delete ana --cascade", {"revision": 3, "customer_id": "ana", "orders_affected": 2}),
    ],
)
@pytest.mark.usefixtures("stocked")
async def test_each_command_prints_one_json_object(portal, command, shown):
    done = await admin(portal, "--json", *command.split())

    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    (kind,) = (name for name in shown if name in {"product", "customer"}) if "orders_affected" not in shown else ("",)
    result = done.result
    sent = portal.calls[0][1]
    assert result.pop("request_id", "") == getattr(sent, "request_id", "")
    if kind:
        assert shown[kind].items() <= result.pop(kind).items()
        shown = {"revision": shown["revision"]}
    assert result == shown


@pytest.mark.usefixtures("stocked")
async def test_lists_are_one_json_object(portal):
    products = await admin(portal, "product", "list", "--json")
    customers = await admin(portal, "customer", "list", "--json")

    assert products.result["products"][0]["product_id"] == "caneta"
    assert (products.result["revision"], products.result["truncated"]) == (2, False)
    assert customers.result["customers"] == [{"customer_id": "ana", "name": "Ana", "version": 2}]


async def test_a_limited_list_says_that_there_is_more(portal, shop):
    shop.customers = {name: Customer(name, name, (), 1) for name in ("ana", "bia", "caio")}
    as_json = await admin(portal, "customer", "list", "--limit", "2", "--json")
    for_people = await admin(portal, "customer", "list", "--limit", "2")

    assert [customer["name"] for customer in as_json.result["customers"]] == ["ana", "bia"]
    assert as_json.result["truncated"] is True
    assert "caio" not in for_people.stdout
    assert "There are more" in for_people.stderr


@pytest.mark.usefixtures("stocked")
async def test_the_cluster_is_shown_for_people_and_for_programs(portal):
    for_people = await admin(portal, "cluster", "status")
    as_json = await admin(portal, "cluster", "status", "--json")

    assert "leader" in for_people.stdout
    assert "not reachable" in for_people.stdout
    assert "replica2: no connection" in for_people.stdout
    assert "replica1 refuses replica3: it belongs to another cluster" in for_people.stdout
    leader, lost = as_json.result["replicas"]
    assert (leader["role"], leader["revision"], leader["term"]) == ("REPLICA_ROLE_LEADER", 2, 3)
    assert leader["cluster"] == "c" * 32
    assert lost["error"] == "no connection"


async def test_tables_have_prices_with_two_decimals_on_the_right(portal, shop):
    shop.products["a"] = Product("a", "Cheap", "", 5, 3, (), 1)
    shop.products["b"] = Product("b", "Dear [bold]", "", 123_450, 12, (), 2)
    done = await admin(portal, "product", "list")

    cheap, dear = (line for line in done.stdout.splitlines() if line.lstrip().startswith(("a ", "b ")))
    assert cheap.index("0.05") + 4 == dear.index("1234.50") + 7
    assert "Dear [bold]" in dear
    assert "\x1b" not in done.stdout


async def test_a_wide_table_is_not_cut_where_a_program_reads_it(portal, shop):
    shop.customers["c" * 64] = Customer("c" * 64, "N" * 200, (), 1)
    done = await admin(portal, "customer", "list")

    assert "N" * 200 in done.stdout


async def test_what_a_document_holds_cannot_command_the_terminal(portal, shop):
    shop.customers["eve"] = Customer("eve", "Eve", (("note", '"\x9b31m"'),), 1)
    done = await admin(portal, "customer", "get", "eve")

    assert "\\x9b31m" in done.stdout
    assert "\x9b" not in done.stdout


EXIT_CODES = [
    ("customer get ana", None, 0),
    ("customer get nobody", None, 1),
    ("customer create --cid ana --name Ana", None, 1),
    ("product adjust-stock caneta -41", None, 1),
    ("product create --pid p --name P --price -1 --quantity 1", None, 1),
    ("product create --pid p --name P --price 99999999999 --quantity 1", None, 1),
    ("customer get", None, 2),
    ("customer get ana --cid ana", None, 2),
    ("customer create --cid ana", None, 2),
    ("customer create --cid ana --name Ana --field novalue", None, 2),
    ("customer create --cid ana --name Ana --field age:=x", None, 2),
    ("customer create --cid ana --name Ana --field a=1 --field a=2", None, 2),
    ("customer update ana --name A --expected-version 0", None, 2),
    ("customer list --limit 0", None, 2),
    ("customer list --request-id r1", None, 2),
    ("product create --pid p --name P --price abc --quantity 1", None, 2),
    ("product create --pid p --name P --price 1.005 --quantity 1", None, 2),
    ("product create --pid p --name P --price 1 --quantity many", None, 2),
    ("product create --pid p --name P --price 1 --quantity 2.5", None, 2),
    ("product create --pid p --name P --price 1 --quantity 9223372036854775808", None, 1),
    ("product adjust-stock caneta", None, 2),
    ("product adjust-stock caneta 1 2", None, 2),
    ("product adjust-stock caneta --nonsense 1", None, 2),
    ("product list --interval 0 --watch", None, 2),
    ("nonsense", None, 2),
    ("customer create --cid bia --name Bia --timeout 0", None, 2),
    ("customer create --cid bia --name Bia --timeout 0.3", Unavailable(), 3),
    ("customer create --cid bia --name Bia --timeout 0.3", Overloaded(), 3),
    ("customer create --cid bia --name Bia --timeout 0.3", OutcomeUnknown(), 4),
    ("customer create --cid bia --name Bia --timeout 0.3", Hang(), 4),
    ("customer get ana --timeout 0.3", Busy(), 3),
]


@pytest.mark.parametrize(("command", "plan", "exit_code"), EXIT_CODES)
@pytest.mark.usefixtures("stocked")
async def test_exit_codes(portal, command, plan, exit_code):
    portal.plans.extend([plan] * 100 if plan else ())
    done = await admin(portal, *command.split())

    assert done.exit_code == exit_code, done
    assert bool(done.stderr) is (exit_code != 0)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("product create --pid p --name P --price abc --quantity 1", "--price"),
        ("product create --pid p --name P --price 1.005 --quantity 1", "--price"),
        ("product create --pid p --name P --price 1 --quantity many", "--quantity"),
        ("product adjust-stock caneta many", "DELTA"),
        ("customer get", "--cid"),
        ("customer create --cid ana --name Ana --field novalue", "--field"),
        ("customer get ana --timeout -1", "--timeout"),
        ("customer get ana --portal nowhere", "--portal"),
        ("customer get ana --request-id r1", "--request-id"),
    ],
)
async def test_wrong_use_names_the_option(portal, command, named):
    done = await admin(portal, *command.split())

    assert done.exit_code == 2
    assert named in done.message
    assert portal.calls == []


@pytest.mark.usefixtures("stocked")
async def test_a_refusal_says_what_is_wrong_and_for_programs_as_json(portal):
    for_people = await admin(portal, "customer", "get", "nobody")
    as_json = await admin(portal, "customer", "get", "nobody", "--json")

    assert for_people.stderr.startswith("Refused (CUSTOMER_NOT_FOUND): There is no customer nobody.")
    assert as_json.stdout == ""
    assert as_json.error["error"]["reason"] == "CUSTOMER_NOT_FOUND"
    assert as_json.error["error"]["definite"] is True
    assert as_json.error["error"]["details"] == {"customer_id": "nobody"}


async def test_an_unknown_outcome_says_how_to_repeat_and_the_repetition_takes_effect_once(portal, shop):
    command = ["customer", "create", "--cid", "bia", "--name", "Bia"]
    portal.plans.extend([Hang()] * 100)
    unknown = await admin(portal, *command, "--timeout", PATIENCE)
    portal.plans.clear()
    request_id = unknown.stderr.split("--request-id ")[1].strip()
    repeated = await admin(portal, *command, "--request-id", request_id)

    assert unknown.exit_code == 4
    assert repeated.exit_code == 0
    assert shop.revision == 1


async def test_an_unknown_outcome_carries_the_request_id_for_programs(portal):
    portal.plans.extend([Hang()] * 100)
    command = "customer create --cid bia --name Bia --request-id r7 --timeout 0.3 --json"
    done = await admin(portal, *command.split())

    assert done.error["request_id"] == "r7"
    assert done.error["error"]["reason"] == "OUTCOME_UNKNOWN"


@pytest.mark.usefixtures("stocked")
async def test_portals_may_come_from_the_environment_or_in_one_option(portal, other_portal):
    both = f"{portal.address},{other_portal.address}"
    portal.plans.append(Unavailable())
    from_option = await run(admin_app, "customer", "get", "ana", "--portal", both)
    from_environment = await run(admin_app, "customer", "get", "ana", env={"QUITANDA_ADMIN_PORTALS": both})

    assert (from_option.exit_code, from_environment.exit_code) == (0, 0)
    assert (len(portal.calls), len(other_portal.calls)) == (2, 1)


@pytest.mark.usefixtures("stocked")
async def test_options_may_stand_before_or_after_the_command_and_the_later_one_wins(portal):
    done = await run(admin_app, "--portal", "127.0.0.1:1", "customer", "get", "ana", "--portal", portal.address)

    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("--name", ["customer", "create", "--cid", "ana", "--name", "\udcff"]),
        ("--cid", ["customer", "create", "--cid", "\udcff", "--name", "Ana"]),
        ("CID", ["customer", "get", "\udcff"]),
        ("--field", ["customer", "update", "ana", "--field", "a=1", "--field", "\udcff=1"]),
        ("--request-id", ["customer", "delete", "ana", "--request-id", "\udcff"]),
        ("--request-id", ["--request-id", "\udcff", "customer", "delete", "ana"]),
        ("--portal", ["--portal", "\udcff:1", "customer", "get", "ana"]),
    ],
)
async def test_arguments_that_are_not_utf8_are_wrong_use_and_the_option_is_named(portal, named, arguments):
    done = await admin(portal, *arguments)

    assert done.exit_code == 2
    assert f"Invalid value for '{named}'" in done.message
    assert "UTF-8" in done.message
    assert portal.calls == []


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("--price", ["product", "create", "--pid", "a", "--name", "A", "--price", "NaN", "--quantity", "1"]),
        ("--quantity", ["product", "create", "--pid", "a", "--name", "A", "--price", "1"]),
        ("--nonsense", ["product", "list", "--nonsense"]),
        ("--limit", ["product", "list", "--limit", "x"]),
        ("--portal", ["--portal", "nowhere", "product", "list"]),
        ("--portal", ["--portal", "\udcff:1", "product", "list"]),
        ("FILE.csv", ["product", "import"]),
        ("", ["prodct", "list"]),
        ("", []),
    ],
)
async def test_wrong_use_is_json_too_where_json_is_asked_for(portal, named, arguments):
    for given in (["--json", *arguments], [*arguments, "--json"]):
        done = await admin(portal, *given)

        assert (done.exit_code, done.stdout) == (2, "")
        assert (done.error["error"]["reason"], done.error["error"]["field"]) == ("WRONG_USE", named)
        assert done.error["error"]["message"]


@pytest.mark.parametrize("arguments", [[], ["customer"], ["product"], ["cluster"]])
async def test_help_is_shown_where_a_command_is_missing(arguments):
    done = await run(admin_app, *arguments)

    assert done.exit_code == 2
    assert "Usage" in done.stdout + done.stderr


async def test_every_command_explains_itself():
    for command in ("customer create", "customer import", "product list", "product adjust-stock", "cluster status"):
        done = await run(admin_app, *command.split(), "--help")

        assert done.exit_code == 0
        assert "--portal" in done.stdout


@pytest.mark.parametrize("written", ["5", "+5", "5.0", "05"])
def test_a_number_may_be_written_as_anywhere_else(written):
    assert whole_number(written) == 5


@pytest.mark.parametrize("written", ["5e0", " 5", "5,0", "5.5", "", "NaN", "1_000"])
def test_what_is_no_whole_number_elsewhere_is_none_here(written):
    with pytest.raises(typer.BadParameter):
        whole_number(written)


async def test_a_reorder_level_is_given_shown_and_removed(portal, shop):
    created = ["product", "create", "--pid", "pena", "--name", "Pena", "--price", "1", "--quantity", "4"]
    await admin(portal, *created, "--reorder-level", "5")
    with_level = shop.products["pena"].reorder_level
    shown = await admin(portal, "product", "get", "pena")
    as_json = await admin(portal, "product", "get", "pena", "--json")
    await admin(portal, "product", "update", "pena", "--reorder-level", "0")

    assert with_level == 5
    assert ["reorder", "at", "5"] in [line.split() for line in shown.stdout.splitlines()]
    assert as_json.result["product"]["reorder_level"] == 5
    assert shop.products["pena"].reorder_level == 0


async def test_a_wrong_reorder_level_is_named_by_its_option(portal):
    done = await admin(portal, "product", "update", "caneta", "--reorder-level", "few")

    assert done.exit_code == 2
    assert "--reorder-level" in done.stderr


async def test_low_products_are_listed_alone(portal, shop, stocked):  # noqa: ARG001 - stocked fills the shop
    shop.products["pena"] = Product("pena", "Pena", "", 100, 4, (), 3, 5)
    done = await admin(portal, "product", "list", "--low", "--json")
    both = await admin(portal, "product", "list", "--low", "--watch")

    assert [each["product_id"] for each in done.result["products"]] == ["pena"]
    assert both.exit_code == 2


async def test_products_are_found_by_words_price_and_stock(portal, shop, stocked):  # noqa: ARG001 - as above
    shop.products["caneta-2"] = Product("caneta-2", "Canetão", "", 990, 0, (), 3)

    async def found(*arguments):
        done = await admin(portal, "product", "find", *arguments, "--json")
        return [each["product_id"] for each in done.result["products"]]

    assert await found("CANETAO") == ["caneta-2"]
    assert await found("can", "azul") == ["caneta"]
    assert await found("can", "--price-to", "2.50") == ["caneta"]
    assert await found("--price-from", "2.51") == ["caneta-2"]
    assert await found("can", "--in-stock") == ["caneta"]
    assert await found("can", "--low") == []


async def test_customers_are_found_by_words_of_their_names(portal, shop, stocked):  # noqa: ARG001 - as above
    shop.customers["c2"] = Customer("c2", "Inês d'Ávila", (), 3)
    done = await admin(portal, "customer", "find", "avila", "ines", "--json")

    assert [each["customer_id"] for each in done.result["customers"]] == ["c2"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (("--price-from", "cheap"), 2, "--price-from"),
        (("--price-to", "1.005"), 2, "--price-to"),
        (("--price-from", "2", "--price-to", "1"), 1, "price_from"),
        (("!?",), 1, "words"),
    ],
)
async def test_a_search_for_nothing_that_could_be_is_refused(portal, arguments, exit_code, named):
    done = await admin(portal, "product", "find", *arguments)

    assert done.exit_code == exit_code
    assert named in done.stderr
