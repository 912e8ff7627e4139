"""The feed: the leader publishes every change once, in the order of revisions, and that nothing was missed."""

from contextlib import closing
from itertools import pairwise

from quitanda.codec.documents import encode_document
from quitanda.mqtt.feed_message import FeedMessage
from quitanda.v1 import replica_pb2 as pb
from replica_contract.documents import create_customer, create_order, fields, stock
from replica_contract.service import Feed, Service, expect, get


def a_heartbeat_comes_by_itself(service: Service) -> None:
    revision = service.read().revision
    with closing(service.feed()) as feed:
        heartbeat = _heartbeat(feed)
    expect(heartbeat.term >= 1, "a message of the feed has the leader's term")
    expect(heartbeat.revision >= revision, "a heartbeat reaches up to what was acknowledged before")
    expect(heartbeat.previous_revision <= heartbeat.revision, "the last change lies not behind the heartbeat")


def every_change_is_published_once_in_an_unbroken_chain(service: Service) -> None:
    product_id = stock(service, 0)
    with closing(service.feed()) as feed:
        position = _heartbeat(feed).revision
        outcomes = {}
        for _ in range(30):
            adjust = service.request(adjust_stock={"product_id": product_id, "delta": 1})
            (outcome,) = service.done(adjust)
            outcomes[outcome.revision] = outcome.done.document
        heard = _until(feed, max(outcomes))
    chain = [message for message in heard if message.revision > position]
    links = [(a.revision, b.previous_revision) for a, b in pairwise(chain)]
    expect(all(a == b for a, b in links), f"each message names the revision of the one before it: {links}")
    published = {message.revision: message.changes for message in heard}
    expect(len(published) == len(heard), "each revision is published once")
    for revision, document in outcomes.items():
        changes = published.get(revision)
        expect(changes and changes[0].document, f"the change at revision {revision} is published with its document")
        stored = [encode_document(change.document) for change in changes or () if change.document is not None]
        expect(stored == [document], "the feed's document is the one that the outcome showed")


def everything_that_a_command_changes_is_published_together(service: Service) -> None:
    customer_id, product_id = service.new_id("customer"), stock(service, 10)
    service.done(create_customer(service, customer_id))
    with closing(service.feed()) as feed:
        _heartbeat(feed)
        (placed,) = service.done(create_order(service, customer_id, {product_id: 4}))
        cascade = {"customer_id": customer_id, "cascade": True}
        (deleted,) = service.done(service.request(delete_customer=cascade))
        heard = {message.revision: message for message in _until(feed, deleted.revision)}
    order_id = fields(placed.done.document)["order_id"]
    expect(
        _changed(heard.get(placed.revision)) == {(order_id, True), (product_id, True)},
        "an order is published with its stock",
    )
    gone = {(customer_id, False), (order_id, False), (product_id, True)}
    expect(_changed(heard.get(deleted.revision)) == gone, "deletions are published, with what they give back")


def what_changes_nothing_is_not_published_as_a_change(service: Service) -> None:
    product_id = stock(service, 1)
    with closing(service.feed()) as feed:
        _heartbeat(feed)
        (refused,) = service.execute(service.request(adjust_stock={"product_id": product_id, "delta": -2}))
        (done,) = service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
        heard = _until(feed, done.revision)
    expect(refused.revision not in {message.revision for message in heard}, "a refusal is no change")


def a_heartbeat_comes_after_the_changes_that_it_covers(service: Service) -> None:
    product_id = stock(service, 0)
    with closing(service.feed()) as feed:
        last = _heartbeat(feed).previous_revision
        (outcome,) = service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
        while True:
            message = feed.next("the feed goes on")
            if message.changes != ():
                last = message.revision
                continue
            expect(message.previous_revision == last, "a heartbeat names the last change, which came before it")
            if message.revision >= outcome.revision:
                break
    expect(last >= outcome.revision, "the change was published before a heartbeat that covers it")
    expect(
        service.read(get(pb.DOCUMENT_KIND_PRODUCT, product_id)).revision >= last,
        "nothing is published before it is true",
    )


def _heartbeat(feed: Feed) -> FeedMessage:
    while (message := feed.next("a heartbeat comes")).changes != ():
        pass
    return message


def _until(feed: Feed, revision: int) -> list[FeedMessage]:
    """Hear the changes up to a heartbeat that covers the revision."""
    heard: list[FeedMessage] = []
    while True:
        message = feed.next(f"the feed reaches revision {revision}")
        if message.changes != ():
            heard.append(message)
        elif message.revision >= revision:
            return heard


def _changed(message: FeedMessage | None) -> set[tuple[str, bool]]:
    """Which documents a message names, each with whether it is still there; none where no such message came."""
    changes = message.changes if message else None
    return {(change.document_id, change.document is not None) for change in changes or ()}
