"""What the exercise asks for, each requirement said once, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final


@dataclass(frozen=True)
class Words:
    """The same in both languages."""

    english: str
    portuguese: str


class Requirement(StrEnum):
    """A requirement of the exercise, in the order of its text."""

    TWO_KINDS_OF_USERS = auto()
    CUSTOMERS = auto()
    PRODUCTS = auto()
    REGISTERED_CUSTOMERS_ONLY = auto()
    ORDERS = auto()
    STOCK = auto()
    TWO_WAYS_TO_TALK = auto()
    AN_API_FOR_EACH = auto()
    ERRORS = auto()
    SEVERAL_OF_EACH = auto()
    CACHES = auto()
    SCHEMA = auto()
    TESTS = auto()
    THREE_REPLICAS = auto()
    FAULTS = auto()
    ONE_STATE = auto()
    SAME_INTERFACE = auto()


REQUIREMENTS: Final[Mapping[Requirement, Words]] = {
    Requirement.TWO_KINDS_OF_USERS: Words(
        "Customers and administrators have an application and a portal each, over the same data",
        "Clientes e administradores têm cada um aplicação e portal, sobre a mesma base de dados",
    ),
    Requirement.CUSTOMERS: Words(
        "Administrators insert, change, find and remove customers",
        "Inserção, modificação, recuperação e remoção de clientes",
    ),
    Requirement.PRODUCTS: Words(
        "Administrators insert, change, find and remove products",
        "Inserção, modificação, recuperação e remoção de produtos",
    ),
    Requirement.REGISTERED_CUSTOMERS_ONLY: Words(
        "Only registered customers are served; each operation names its customer, who proves it",
        "Só clientes cadastrados são atendidos; cada operação informa o CID, que é autenticado",
    ),
    Requirement.ORDERS: Words(
        "Customers create, change, show, list and cancel orders",
        "Inserção, modificação, enumeração e cancelamento de pedidos",
    ),
    Requirement.STOCK: Words(
        "An order takes its units from the stock, and a cancelled one gives them back",
        "O pedido ajusta a quantidade disponível do produto, e o cancelamento a devolve",
    ),
    Requirement.TWO_WAYS_TO_TALK: Words(
        "Two ways between clients and portals: gRPC and MQTT",
        "Dois tipos de comunicação entre clientes e portais: gRPC e MQTT",
    ),
    Requirement.AN_API_FOR_EACH: Words(
        "Each operation is a call of its own over gRPC, and a message of its own over MQTT",
        "Cada operação tem uma API própria no gRPC, e uma mensagem própria no pub/sub",
    ),
    Requirement.ERRORS: Words(
        "Each operation can fail: the error is returned, named and handled",
        "Toda operação pode retornar erro, e os erros são tratados",
    ),
    Requirement.SEVERAL_OF_EACH: Words(
        "Several clients, administrators and portals of each kind at the same time",
        "Múltiplos clientes, administradores e portais de cada tipo ao mesmo tempo",
    ),
    Requirement.CACHES: Words(
        "Each portal has a cache; changes are told to all caches by publish and subscribe",
        "Cada portal mantém um cache; as mudanças se propagam entre os caches por pub/sub",
    ),
    Requirement.SCHEMA: Words(
        "The schema of the stored data is documented: keys, and documents in JSON",
        "O esquema de dados das tabelas é documentado: chaves, e documentos em JSON",
    ),
    Requirement.TESTS: Words(
        "Automated tests of success and failure of each operation",
        "Testes automatizados de sucesso e falha de cada operação",
    ),
    Requirement.THREE_REPLICAS: Words(
        "Three replicas, each with LevelDB; PySyncObj orders every change (atomic broadcast)",
        "Três réplicas, cada uma com LevelDB; PySyncObj ordena as mudanças (difusão atômica)",
    ),
    Requirement.FAULTS: Words(
        "The replicated database tolerates faults: the leader dies, and orders go on",
        "A base replicada tolera falhas: o líder morre, e os pedidos continuam",
    ),
    Requirement.ONE_STATE: Words(
        "The replicas are one deterministic state machine: nothing lost, nothing oversold",
        "As réplicas são uma máquina de estados determinística: nada perdido, nada vendido a mais",
    ),
    Requirement.SAME_INTERFACE: Words(
        "What clients and administrators use is the same with replicas as without",
        "A interface de clientes e administradores continua a mesma com as réplicas",
    ),
}
