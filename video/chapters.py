"""The chapters of the film: what each is called, and which requirement is named while what is shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from video.exercise import Requirement, Words


class ChapterFailed(Exception):
    """What was played is not what the film should show; the text says what to look at."""


@dataclass(frozen=True)
class Moment:
    """A part of a chapter: the requirement that is named while it is shown, and what happens."""

    requirement: Requirement
    happens: Words | None = None
    """None where what is shown says it: a terminal tells its own story."""


@dataclass(frozen=True)
class Chapter:
    """A part of the film. Its moments go by the texts that begin them."""

    title: Words
    moments: Mapping[str, Moment]
    seconds_max: float = 60.0
    """A recording that took longer is played faster: a slow machine makes no longer film."""

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """The requirements that are named, in order, each once."""
        return tuple(dict.fromkeys(moment.requirement for moment in self.moments.values()))


FILM_TITLE: Final = Words(
    "Quitanda: customers, products, stock and orders of a shop, on three replicas",
    "Quitanda: clientes, produtos, estoque e pedidos de uma loja, em três réplicas",
)

PAGE: Final = Chapter(
    Words(
        "In the browser: a customer buys, the leader dies, the shop fulfils",
        "No navegador: uma cliente compra, o líder morre, a loja entrega",
    ),
    {
        "staff": Moment(
            Requirement.PRODUCTS,
            Words("Staff add a product", "A loja cadastra um produto"),
        ),
        "registered": Moment(
            Requirement.CUSTOMERS,
            Words(
                "Staff register Ana, who gets an id and a secret",
                "A loja cadastra Ana, que recebe um identificador e um segredo",
            ),
        ),
        "sign in": Moment(
            Requirement.REGISTERED_CUSTOMERS_ONLY,
            Words("Ana signs in with her id and her secret", "Ana entra com seu identificador e seu segredo"),
        ),
        "products": Moment(
            Requirement.TWO_KINDS_OF_USERS,
            Words("Ana finds the product, in her language", "Ana encontra o produto, na sua língua"),
        ),
        "order": Moment(
            Requirement.ORDERS,
            Words("Ana begins an order with two units", "Ana começa um pedido com duas unidades"),
        ),
        "leader killed": Moment(
            Requirement.FAULTS,
            Words("The leader, {leader}, is killed (kill -9)", "O líder, {leader}, é morto (kill -9)"),
        ),
        "went on": Moment(
            Requirement.FAULTS,
            Words(
                "Ana changes her order to three units: the answer came after {seconds} s",
                "Ana muda o pedido para três unidades: a resposta veio em {seconds} s",
            ),
        ),
        "cluster": Moment(
            Requirement.THREE_REPLICAS,
            Words(
                "Staff see it: two of three replicas answer, and {leader} leads",
                "A loja vê: duas de três réplicas respondem, e a {leader} lidera",
            ),
        ),
        "placed": Moment(
            Requirement.ORDERS,
            Words("Ana places the order", "Ana faz o pedido"),
        ),
        "refused": Moment(
            Requirement.ERRORS,
            Words(
                "More than there is: the error names the field, and what was typed stays",
                "Mais do que há: o erro indica o campo, e o que foi digitado permanece",
            ),
        ),
        "fulfilled": Moment(
            Requirement.SEVERAL_OF_EACH,
            Words("Meanwhile staff fulfil Ana's order", "Enquanto isso, a loja entrega o pedido de Ana"),
        ),
        "stock": Moment(
            Requirement.STOCK,
            Words(
                "Of {before} units {after} are left: none lost, none sold twice",
                "De {before} unidades restam {after}: nenhuma perdida, nenhuma vendida duas vezes",
            ),
        ),
    },
)

FULL_SCREEN: Final = Chapter(
    Words(
        "In a full-screen terminal: the same shop with the keyboard alone",
        "No terminal em tela cheia: a mesma loja só com o teclado",
    ),
    {
        "opened": Moment(
            Requirement.SAME_INTERFACE,
            Words("quitanda-shop without a command: products, live", "quitanda-shop sem comando: produtos, ao vivo"),
        ),
        "searched": Moment(
            Requirement.TWO_KINDS_OF_USERS,
            Words("Ana searches (/)", "Ana busca (/)"),
        ),
        "ordered": Moment(
            Requirement.ORDERS,
            Words(
                "Ana orders two units (a), and looks at her order (2)", "Ana pede duas unidades (a) e vê seu pedido (2)"
            ),
        ),
        "confirmed": Moment(
            Requirement.ORDERS,
            Words("Ana places the order (p)", "Ana faz o pedido (p)"),
        ),
    },
)

TESTS: Final = Chapter(
    Words("The operations, the schema, and the tests", "As operações, o esquema de dados e os testes"),
    {
        "$ grep": Moment(Requirement.AN_API_FOR_EACH),
        "$ sed": Moment(Requirement.SCHEMA),
        "$ python -m pytest": Moment(Requirement.TESTS),
    },
    seconds_max=25.0,
)

DEMONSTRATION: Final = Chapter(
    Words(
        "In the terminal: everything is played through the real clients, and counted at the end",
        "No terminal: tudo é encenado com os clientes de verdade e conferido no fim",
    ),
    {
        "Three replicas, two portals of each kind and a broker start": Moment(Requirement.THREE_REPLICAS),
        "Administrators register customers": Moment(Requirement.CUSTOMERS),
        "no portal shows the old name any more": Moment(Requirement.CACHES),
        "Administrators look after products and stock": Moment(Requirement.PRODUCTS),
        "The whole assortment and all customers come from two files": Moment(Requirement.SEVERAL_OF_EACH),
        "Every imported customer gets a token": Moment(Requirement.REGISTERED_CUSTOMERS_ONLY),
        "Ana orders, over gRPC and over MQTT": Moment(Requirement.TWO_WAYS_TO_TALK),
        "the order is shown over MQTT": Moment(Requirement.ORDERS),
        "Ana cancels the order": Moment(Requirement.STOCK),
        "What the shop refuses": Moment(Requirement.ERRORS),
        "An order is placed, fulfilled and given back in part": Moment(Requirement.ORDERS),
        "The shop adds up its day": Moment(Requirement.TWO_KINDS_OF_USERS),
        "Twelve customers order at the same time": Moment(Requirement.SEVERAL_OF_EACH),
        "the leader, is killed": Moment(Requirement.FAULTS),
        "What is in use is deleted only when an administrator insists": Moment(Requirement.SAME_INTERFACE),
        "What is left is counted": Moment(Requirement.ONE_STATE),
    },
    seconds_max=80.0,
)

FILM: Final = (PAGE, FULL_SCREEN, TESTS, DEMONSTRATION)
"""In this order: the last picture is the balance check of the demonstration."""

LAST_WORDS: Final = (
    "no product was oversold",
    "no acknowledged order was lost, the replicas are identical",
    "exit code 0",
)
"""What the last picture must say."""


def shown_requirements() -> Iterator[Requirement]:
    """Give every requirement that the film names, in the order of the film."""
    for chapter in FILM:
        yield from chapter.requirements


def require_last_words(shown: str) -> None:
    """Raise ChapterFailed where a screen does not show that everything was counted and was right."""
    if missing := [words for words in LAST_WORDS if words not in shown]:
        raise ChapterFailed(f"the last picture does not say {', '.join(map(repr, missing))}:\n{shown}")
