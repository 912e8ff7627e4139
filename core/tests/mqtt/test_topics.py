"""The names of the MQTT topics."""

import pytest
from arbitrary_values import ids
from hypothesis import given

from quitanda.mqtt.topics import (
    FEED_TOPIC,
    OPEN_REQUEST_GROUP,
    REQUESTS_FILTER,
    parse_request_topic,
    random_client_id,
    reply_topic,
    request_topic,
    shared_requests_filter,
    shown_filter,
)


def test_the_names_of_the_topics_are_those_of_the_contract():
    assert request_topic("ana", "create_order") == "quitanda/v1/customers/ana/requests/create_order"
    assert reply_topic("ana", "s1") == "quitanda/v1/customers/ana/replies/s1"
    assert REQUESTS_FILTER == "quitanda/v1/customers/+/requests/+"
    assert shared_requests_filter("secret") == f"$share/secret/{REQUESTS_FILTER}"
    assert FEED_TOPIC == "quitanda/v1/feed"


def test_the_secret_name_of_the_portals_group_is_not_shown():
    assert shown_filter(shared_requests_filter("secret")) == f"$share/.../{REQUESTS_FILTER}"
    assert shown_filter(shared_requests_filter(OPEN_REQUEST_GROUP)) == f"$share/client-portals/{REQUESTS_FILTER}"
    assert shown_filter(REQUESTS_FILTER) == REQUESTS_FILTER


def test_client_ids_differ_each_time_and_a_short_one_fits_every_broker_of_mqtt_3_1_1():
    given_ids = {random_client_id("s") for _ in range(100)}

    assert len(given_ids) == 100
    assert {len(each) for each in given_ids} == {18}


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
