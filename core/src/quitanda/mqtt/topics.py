"""The names of the MQTT topics.

quitanda/v1/customers/{customer_id}/requests/{operation}   a client sends a request; QoS 1
quitanda/v1/customers/{customer_id}/replies/{reply_to}     a portal sends the reply
quitanda/v1/feed                                           the leader publishes what changed (`feed_message`)
"""

from typing import Final

from quitanda.domain.validation import check_id

PREFIX: Final = "quitanda/v1"
FEED_TOPIC: Final = f"{PREFIX}/feed"

REQUESTS_FILTER: Final = f"{PREFIX}/customers/+/requests/+"
"""Every request of every customer."""

SHARED_REQUESTS_FILTER: Final = f"$share/client-portals/{REQUESTS_FILTER}"
"""The same, each request given to one of the portals that share the subscription."""


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
