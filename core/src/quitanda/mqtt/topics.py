"""The names of the MQTT topics, and of the clients of the broker.

quitanda/v1/customers/{customer_id}/requests/{operation}   a client sends a request; QoS 1
quitanda/v1/customers/{customer_id}/replies/{reply_to}     a portal sends the reply
quitanda/v1/feed                                           the leader publishes what changed (`feed_message`)
"""

import secrets
from typing import Final

from quitanda.domain.value_checks import check_id

PREFIX: Final = "quitanda/v1"
FEED_TOPIC: Final = f"{PREFIX}/feed"

REQUESTS_FILTER: Final = f"{PREFIX}/customers/+/requests/+"
"""Every request of every customer."""

REPLIES_FILTER: Final = f"{PREFIX}/customers/+/replies/+"
"""Every reply to every customer."""

OPEN_REQUEST_GROUP: Final = "client-portals"
"""The name of the client portals' group where there are no identities, and so no secrets either."""


def shared_requests_filter(group: str) -> str:
    """Give the filter of every request, each given to one member of the group.

    A broker that checks topics by an access list lets everybody join any group, and a member that may not read the
    requests still takes its share of them away from the others. So the group's name is a secret (`request-group` of the
    identity folder) wherever customers are not trusted.
    """
    return f"$share/{group}/{REQUESTS_FILTER}"


def shown_filter(topic_filter: str) -> str:
    """Give a filter as logs and errors show it: without the name of a group, unless it is the open one."""
    match topic_filter.split("/", 2):
        case ["$share", group, shared] if group != OPEN_REQUEST_GROUP:
            return f"$share/.../{shared}"
        case _:
            return topic_filter


def random_client_id(prefix: str) -> str:
    """Name one client of the broker: the prefix, a hyphen and 16 characters that nobody can guess.

    A client that connects with the id of another one ends that one's connection. Brokers of MQTT 3.1.1 need not accept
    ids of more than 23 characters; mosquitto and amqtt accept longer ones.
    """
    return f"{prefix}-{secrets.token_hex(8)}"


def request_topic(customer_id: str, operation: str) -> str:
    """Name the topic on which a customer asks for an operation, such as `create_order`."""
    return f"{PREFIX}/customers/{customer_id}/requests/{operation}"


def parse_request_topic(topic: str) -> tuple[str, str] | None:
    """Give the customer's id and the operation that a request's topic names; None for any other topic."""
    match topic.removeprefix(f"{PREFIX}/").split("/"):
        case ["customers", customer_id, "requests", operation] if topic.startswith(f"{PREFIX}/"):
            return (customer_id, operation) if customer_id and operation else None
        case _:
            return None


def reply_topic(customer_id: str, reply_to: str) -> str:
    """Name the topic on which a client session (`reply_to`) of a customer gets its answers."""
    return f"{PREFIX}/customers/{customer_id}/replies/{reply_to}"


def reply_session(customer_id: str, topic: str) -> str | None:
    """Give the client session whose replies of this customer a topic is for; None for any other topic."""
    prefix = reply_topic(customer_id, "")
    session = topic.removeprefix(prefix)
    return session if topic.startswith(prefix) and not check_id("reply_to", session) else None
