"""The names of the MQTT topics."""

import pytest
from arbitrary_values import ids
from hypothesis import given

from quitanda.mqtt.topics import (
    FEED_TOPIC,
    REQUESTS_FILTER,
    SHARED_REQUESTS_FILTER,
    parse_request_topic,
    reply_topic,
    request_topic,
)


def test_the_names_of_the_topics_are_those_of_the_contract():
    assert request_topic("ana", "create_order") == "quitanda/v1/customers/ana/requests/create_order"
    assert reply_topic("ana", "s1") == "quitanda/v1/customers/ana/replies/s1"
    assert REQUESTS_FILTER == "quitanda/v1/customers/+/requests/+"
    assert SHARED_REQUESTS_FILTER.startswith("$share/")
    assert SHARED_REQUESTS_FILTER.endswith(REQUESTS_FILTER)
    assert FEED_TOPIC == "quitanda/v1/feed"


@given(ids, ids)
def test_a_request_topic_is_read_back(customer_id, operation):
    assert parse_request_topic(request_topic(customer_id, operation)) == (customer_id, operation)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        FEED_TOPIC,
        reply_topic("ana", "s1"),
        "customers/ana/requests/create_order",
        "quitanda/v2/customers/ana/requests/create_order",
        "quitanda/v1/customers/ana/requests",
        "quitanda/v1/customers/ana/requests/",
        "quitanda/v1/customers//requests/create_order",
        "quitanda/v1/customers/ana/requests/create_order/now",
    ],
)
def test_any_other_topic_is_not_a_request(topic):
    assert parse_request_topic(topic) is None
