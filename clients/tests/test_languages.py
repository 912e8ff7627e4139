"""The command line in English and in Brazilian Portuguese: no text of the one in the other, and what is the same."""

import ast
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from command_line import admin, run
from language_words import ENGLISH, PORTUGUESE, words_of
from spoken_texts import APPS, SOURCE, catalogue_texts, every_text

import quitanda
from quitanda import error_status
from quitanda.domain.field_types import describe
from quitanda.domain.model import CallerRole, Credential, Customer, Order, OrderItem, Product
from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason, Refused
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, Unavailable
from quitanda.operations import OPERATIONS, WebhookOperation, WriteOperation
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.moments import iso_said
from quitanda_clients.cli.spoken_help import every_command
from quitanda_clients.cli.table_output import TableOutput
from quitanda_clients.cli.values import price, whole_number
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app
from quitanda_clients.i18n import catalogue, labels
from quitanda_clients.i18n.languages import Language
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import Speech, chosen_language, say_minute, say_money, speak

CATALOGUE = "commands.pt_BR.po"
CORE = Path(quitanda.__file__).parent
SAME = {
    "ID",
    "N",
    "CID",
    "PID",
    "OID",
    "URL",
    "webhook",
    "backup",
    "cluster",
    "total",
    "{revision}",
    "{server}: {cause}",
}
SAME |= {"{count} byte", "{count} bytes"}
"""Texts that both languages have."""

RAISERS = {
    *("Unavailable", "NoConnection", "OutcomeUnknown", "TlsMismatch", "Overloaded", "NotOffered", "ClientClosed"),
    *("NoTokenError", "BackupDamaged", "PagesFileError", "TokenFileError", "unreadable"),
}
"""Exceptions whose texts people read, and functions that make them."""
OF_CORE = ("runtime/grpc_channel.py", "error_status.py", "backup/backup_file.py", "backup/file_format.py")


@pytest.fixture
def portuguese():
    speak(Speech(Language.PORTUGUESE))
    yield
    speak(Speech())


def facts_of(text):
    return set(re.findall(r"\{([a-z_]+)", text))


def test_every_text_is_translated_and_the_catalogue_has_no_others():
    known = {(key if isinstance(key, str) else key[0]): key for key in catalogue_texts(CATALOGUE)}
    others = [path.name for path in catalogue.FOLDER.glob("*.po") if path.name != CATALOGUE]
    of_others = {key if isinstance(key, str) else key[0] for name in others for key in catalogue_texts(name)}
    said = [text for text in every_text() if text.singular]

    assert [text for text in said if text.singular not in known.keys() | of_others] == []
    assert known.keys() - {text.singular for text in said} == set()
    assert [text for text in said if text.plural and known.get(text.singular) != (text.singular, text.plural)] == []


def test_a_translation_is_another_text_with_the_same_facts():
    for key, translated in catalogue_texts(CATALOGUE).items():
        pairs = [(key, translated)] if isinstance(key, str) else list(zip(key, translated, strict=True))
        for english, own in pairs:
            assert own, english
            assert own != english or english in SAME, english
            if english != "Value error, {message}":
                assert facts_of(own) == facts_of(english), english


def raised_texts():
    """The texts of exceptions in the source, with `x` for each fact, and their places."""
    for path in (*SOURCE.rglob("*.py"), *(CORE / name for name in OF_CORE)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISERS and node.args:
                match node.args[0]:
                    case ast.Constant(value=str(text)):
                        yield text, f"{path.name}:{node.lineno}"
                    case ast.JoinedStr(values=parts):
                        yield "".join(_part(each) for each in parts), f"{path.name}:{node.lineno}"


def _part(part):
    return part.value if isinstance(part, ast.Constant) else "x"


@pytest.mark.usefixtures("portuguese")
def test_every_exception_that_a_person_reads_has_a_translation():
    texts = dict(raised_texts())

    assert len(texts) > 40
    assert {place: text for text, place in texts.items() if exception_text(text) == text} == {}


@pytest.mark.usefixtures("portuguese")
def test_what_a_cause_says_of_its_own_cause_is_translated_as_well():
    said = exception_text("tried for 10 s (no connection to the broker h:1: Connection refused)")

    assert said == "tentou por 10 s (sem conexão com o broker h:1: conexão recusada)"
    assert exception_text("a text that nobody knows") == "a text that nobody knows"


def every_failure():
    for reason in Reason:
        if reason not in {Reason.INVALID_ARGUMENT, Reason.UNAUTHENTICATED}:
            yield Refused(reason, "", ())
    for problem in Problem:
        yield Refused(Reason.INVALID_ARGUMENT, "price", (("problem", problem.value),))
    for of_token in AuthenticationProblem:
        yield Refused(Reason.UNAUTHENTICATED, "", (("problem", of_token.value),))
    yield from (Unavailable(), NotLeader("replica1"), Overloaded(), OutcomeUnknown(), InternalError())


@pytest.mark.parametrize("failure", [*every_failure()], ids=lambda each: repr(each)[:80])
@pytest.mark.usefixtures("portuguese")
def test_every_reason_is_told_in_either_language(failure):
    english = error_status.describe(failure).message
    own = refusal_text(failure)

    assert own != english
    assert words_of(own, ENGLISH) == set()
    assert words_of(english, PORTUGUESE) == set()
    speak(Speech())
    assert refusal_text(failure) == english


FIELDS_OF_REQUESTS = {
    each.name
    for operation in OPERATIONS
    if isinstance(operation, WriteOperation | WebhookOperation) and operation.writes
    for each in describe(operation.carries)
} - {"extra", "secret_hash"}
"""Without those that nobody types."""


@pytest.mark.parametrize("problem", [Problem.MISSING, Problem.NEGATIVE, Problem.TOO_LONG])
@pytest.mark.usefixtures("portuguese")
def test_a_refusal_names_every_field_of_a_request_in_portuguese(problem):
    for name in FIELDS_OF_REQUESTS:
        told = refusal_text(Refused(Reason.INVALID_ARGUMENT, name, (("problem", problem.value),)))
        assert name not in re.split(r"[^a-z_]", told), told


def test_every_field_of_a_document_has_a_label():
    documents = (Product, Customer, Order, OrderItem, Credential)
    shown = {each.name for document in documents for each in describe(document)}

    hashes = {"secret_hash", "previous_hash", "password_hash"}
    assert shown - labels.FIELDS.keys() == {"extra", "version", *hashes}


@pytest.mark.usefixtures("portuguese")
def test_a_refusal_says_in_which_item_a_field_is_and_leaves_names_of_commands_out():
    wrong = Refused(
        Reason.INVALID_ARGUMENT, "items[1].quantity", (("problem", Problem.NEGATIVE.value), ("value", "-1"))
    )
    state = Refused(Reason.ORDER_STATE, "", (("order_id", "o1"), ("state", "placed"), ("possible", "cancel_order")))

    assert refusal_text(wrong).startswith("Negativo: Itens[1].Quantidade, -1.")
    assert "O pedido o1 está confirmado" in refusal_text(state)
    assert "cancel_order" not in refusal_text(state)


async def test_the_list_of_tokens_has_the_roles_in_portuguese_and_csv_as_requests_have_them(portal, shop):
    shop.credentials["abcdefghijkl"] = Credential("abcdefghijkl", CallerRole.CLERK, "", "Bia", 1, 0, 0, 1)
    asked = ("--portal", portal.address, "token", "list")
    shown = await run(admin_app, *asked, env=IN_PORTUGUESE)
    listed = await run(admin_app, *asked, "-o", "csv", env=IN_PORTUGUESE)

    assert "atendimento" in shown.stdout
    assert ",clerk," in listed.stdout


def every_path(app):
    """The words that name each command."""

    def below(command, path):
        yield path
        for name, each in getattr(command, "commands", {}).items():
            yield from below(each, (*path, name))

    return below(typer.main.get_command(app), ())


@pytest.mark.parametrize("app", APPS, ids=["admin", "shop"])
@pytest.mark.parametrize(
    ("language", "own", "others"), [("pt-BR", PORTUGUESE, ENGLISH), ("en", ENGLISH, PORTUGUESE)], ids=["pt", "en"]
)
async def test_the_help_of_every_command_is_in_one_language(app, language, own, others):
    for path in every_path(app):
        done = await run(app, *path, "-h", env={"QUITANDA_LANG": language, "COLUMNS": "200"})

        assert done.exit_code == 0, path
        assert words_of(done.stdout, others) == set(), (path, done.stdout)
        assert words_of(done.stdout, own), path


WRONG = [
    "prodct",
    "--nope",
    "product",
    "product get",
    "product get a b c",
    "product get x --consistency foo",
    "product get --portal",
    "product get x --portal nowhere",
    "product get x --timeout abc",
    "product get x --timeout 0",
    "product list --limit 0",
    "product list --limit x",
    "product list --interval 7000",
    "product list --low --watch",
    "product list --low=3",
    "product find --price-form 3",
    "product create --pid x --name y --quantity 3 --price 2x",
    "product create --pid x --name y --quantity 3 --price 2.505",
    "product create --pid x --name y --quantity x --price 2",
    "product update x --quantity +3",
    "product update x --field name",
    "product import /nothing.csv",
    "product import /nothing.csv --delimiter xx",
    "product import /nothing.csv --map price",
    "cluster backup /nothing/file",
    "cluster raise-level --to 1",
    "history thing x",
    "token create --label x",
    "token create --label x --role customer",
    "token revoke qt1_a_b",
    "token revoke x",
    "order list --from soon",
    "order list --watch --oldest-first",
    "order deadline o1 soon",
    "report sales --from soon",
    "report sales --from 2027-01-31 --to 2026-01-31",
    "report today --time-zone Mars",
    "webhook repeat w1",
    "product list --json -o csv --lang pt",
    "--lang xx product list",
]


@pytest.mark.parametrize("typed", WRONG)
async def test_wrong_use_is_told_in_either_language_with_the_same_exit_code(typed):
    english = await run(admin_app, *typed.split(), env={"QUITANDA_LANG": "en", "COLUMNS": "300"})
    own = await run(admin_app, *typed.split(), env={"LC_ALL": "pt_BR.UTF-8", "COLUMNS": "300"})

    assert own.exit_code == english.exit_code
    assert words_of(english.stdout + english.stderr, PORTUGUESE) == set()
    if "--lang xx" not in typed and "--json" not in typed:
        assert words_of(own.stdout + own.stderr, ENGLISH) == set(), own.stderr
        assert own.stderr + own.stdout != english.stderr + english.stdout


@pytest.mark.parametrize(
    ("typed", "environment", "language"),
    [
        ([], {}, Language.ENGLISH),
        ([], {"LANG": "pt_BR.UTF-8"}, Language.PORTUGUESE),
        ([], {"LANG": "pt_BR.UTF-8", "LC_MESSAGES": "C"}, Language.ENGLISH),
        ([], {"LANG": "C", "LC_MESSAGES": "", "LC_ALL": "pt_PT"}, Language.PORTUGUESE),
        ([], {"LANG": "POSIX"}, Language.ENGLISH),
        ([], {"LANG": "de_DE.UTF-8"}, Language.ENGLISH),
        ([], {"LANG": "pt_BR", "QUITANDA_LANG": "en"}, Language.ENGLISH),
        (["en"], {"QUITANDA_LANG": "pt"}, Language.ENGLISH),
        (["en", "pt-BR"], {}, Language.PORTUGUESE),
    ],
)
def test_the_language_is_chosen_by_option_then_setting_then_locale(typed, environment, language):
    assert chosen_language(typed, environment) is language


@pytest.mark.usefixtures("portuguese")
@pytest.mark.parametrize(
    ("typed", "minor_units"),
    [
        ("2,50", 250),
        ("2.50", 250),
        ("1.500,00", 150_000),
        ("1500", 150_000),
        (" 2,5 ", 250),
        ("0,05", 5),
        ("1.50", 150),
    ],
)
def test_a_price_has_a_decimal_comma_or_a_point_in_portuguese(typed, minor_units):
    assert price(typed) == minor_units


@pytest.mark.usefixtures("portuguese")
@pytest.mark.parametrize("typed", ["1.500", "12.345.678", "1,500.00", "1.50,00", "1,2,3", "R$ 2"])
def test_a_price_that_can_be_read_in_two_ways_is_refused_in_portuguese(typed):
    with pytest.raises(typer.BadParameter):
        price(typed)


@pytest.mark.usefixtures("portuguese")
def test_units_with_a_point_between_thousands_are_refused_in_portuguese():
    with pytest.raises(typer.BadParameter, match="1000, sem ponto"):
        whole_number("1.000")
    assert whole_number("-1000") == -1000


def test_in_english_a_comma_is_no_decimal_sign_and_a_point_means_what_it_did():
    with pytest.raises(typer.BadParameter):
        price("2,50")
    assert whole_number("1.000") == 1


@pytest.mark.usefixtures("portuguese")
def test_money_and_times_are_written_as_the_language_does():
    assert say_money(123_450) == "1234,50"
    assert say_minute(1_800_000_000_000).startswith("15/01/2027 08:00 ")
    speak(Speech(Language.PORTUGUESE, "BRL"))
    assert say_money(123_450) == "R$ 1.234,50"
    speak(Speech(Language.ENGLISH, "BRL"))
    assert say_money(123_450) == "R$1,234.50"
    speak(Speech())
    assert say_money(123_450) == "1234.50"
    assert say_minute(1_800_000_000_000).startswith("2027-01-15 08:00 ")


IN_PORTUGUESE = {"QUITANDA_LANG": "pt-BR", "QUITANDA_CURRENCY": "brl", "QUITANDA_TIME_ZONE": "America/Sao_Paulo"}


async def test_a_table_has_portuguese_titles_the_currency_and_the_decimal_comma(portal):
    made = ("product", "create", "--pid", "caneta", "--name", "Caneta", "--price", "2,50", "--quantity", "40")
    created = await run(admin_app, "--portal", portal.address, *made, env=IN_PORTUGUESE)

    assert created.stdout.splitlines()[0] == "Produto cadastrado: caneta"
    assert "R$ 2,50" in created.stdout
    listed = await run(admin_app, "--portal", portal.address, "product", "list", env=IN_PORTUGUESE)
    assert listed.stdout.split()[:6] == ["produto", "nome", "preço", "em", "estoque", "estoque"]
    again = await run(admin_app, "--portal", portal.address, *made, env=IN_PORTUGUESE)
    assert again.exit_code == 1
    assert "Recusado (PRODUCT_EXISTS): O produto caneta já existe." in again.message


async def test_json_and_csv_are_the_same_in_every_language(portal):
    made = ("product", "create", "--pid", "caneta", "--name", "Caneta", "--price", "2.50", "--quantity", "40")
    await admin(portal, *made)
    for asked in (("product", "list", "--json"), ("product", "list", "-o", "csv"), ("product", "get", "x", "--json")):
        english = await run(admin_app, "--portal", portal.address, *asked)
        own = await run(admin_app, "--portal", portal.address, *asked, env=IN_PORTUGUESE)
        assert (own.exit_code, own.stdout, own.stderr) == (english.exit_code, english.stdout, english.stderr)
    for wrong in (("product", "list", "--limit", "0", "--json"), ("--json", "prodct")):
        assert (await run(admin_app, *wrong, env=IN_PORTUGUESE)).stderr == (await run(admin_app, *wrong)).stderr


async def test_a_setting_that_cannot_be_used_is_named(portal):
    for name, value in (("QUITANDA_CURRENCY", "R$"), ("QUITANDA_TIME_ZONE", "Mars"), ("QUITANDA_LANG", "xx")):
        done = await run(admin_app, "--portal", portal.address, "product", "list", env={name: value})
        assert done.exit_code == 2
        assert name in done.message


async def test_the_shop_speaks_portuguese_as_well(portal):
    done = await run(shop_app, "--portal", portal.address, "--lang", "pt-BR", "order", "list")

    assert done.exit_code == 2
    assert "diga quem faz o pedido" in done.message


def test_every_command_is_walked():
    assert all(len(list(every_command(typer.main.get_command(app)))) == len(list(every_path(app))) for app in APPS)


@pytest.mark.usefixtures("portuguese")
def test_the_rows_that_an_import_created_are_no_time_in_portuguese(capsys):
    TableOutput().summary({"dry_run": 1, "rows": 2, "created": 1}, {})

    assert capsys.readouterr().out == "linhas: 2, criados: 1\n"


def test_the_time_of_a_backup_is_local():
    speak(Speech(Language.PORTUGUESE, zone=ZoneInfo("America/Sao_Paulo")))

    assert iso_said("2026-11-30T06:38:21+00:00") == "30/11/2026 03:38:21 -03"
    assert iso_said("no time") == "no time"
    speak(Speech())
