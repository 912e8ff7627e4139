"""Read: what a call answers is true of one moment, which lies after every write that was acknowledged before it."""

import threading
from hashlib import blake2b

from quitanda.domain.outcomes import Reason
from quitanda.v1 import replica_pb2 as pb
from replica_contract.documents import create_customer, fields, stock
from replica_contract.service import Service, expect, get

_PRODUCT = pb.DOCUMENT_KIND_PRODUCT
_CUSTOMER = pb.DOCUMENT_KIND_CUSTOMER


def what_was_acknowledged_is_read(service: Service) -> None:
    product_id = stock(service, 0)
    for quantity in range(1, 51):
        (outcome,) = service.done(service.request(update_product={"product_id": product_id, "quantity": quantity}))
        response = service.read(get(_PRODUCT, product_id))
        read = fields(response.results[0].document)["quantity"]
        expect(read == quantity, f"a read sees the write that was acknowledged before it: {read}, not {quantity}")
        expect(response.revision >= outcome.revision, "a read's revision is not below that of an acknowledged write")


def what_was_deleted_is_absent(service: Service) -> None:
    customer_id = service.new_id("customer")
    expect(service.read(get(_CUSTOMER, customer_id)).results[0].HasField("absent"), "what never was is absent")
    service.done(create_customer(service, customer_id))
    service.done(service.request(delete_customer={"customer_id": customer_id}))
    expect(service.read(get(_CUSTOMER, customer_id)).results[0].HasField("absent"), "what was deleted is absent")


def an_answer_is_the_document_that_the_outcome_showed(service: Service) -> None:
    customer_id = service.new_id("customer")
    (outcome,) = service.done(create_customer(service, customer_id, name="Łukasz 🍎"))
    (result,) = service.read(get(_CUSTOMER, customer_id)).results
    expect(result.document == outcome.done.document, "a document is read byte for byte as its outcome showed it")


def only_what_is_still_current_is_confirmed(service: Service) -> None:
    customer_id = service.new_id("customer")
    (outcome,) = service.done(create_customer(service, customer_id))
    document = outcome.done.document
    version, digest = fields(document)["version"], _digest(document)

    def held(version: int, digest: bytes, of: str = customer_id) -> str | None:
        question = get(_CUSTOMER, of, known_version=version, known_digest=digest)
        return service.read(question).results[0].WhichOneof("result")

    expect(held(version, digest) == "unchanged", "the current document is confirmed")
    expect(
        held(version, _digest(b"another")) == "document", "a document that never was is not confirmed by its version"
    )
    expect(held(version + 1, digest) == "document", "another version is not confirmed by its digest")
    expect(held(0, b"") == "document", "a document is not confirmed to be absent")
    expect(held(0, b"", service.new_id("customer")) == "unchanged", "that a document is absent is confirmed")
    service.done(service.request(update_customer={"customer_id": customer_id, "name": "Eva"}))
    expect(held(version, digest) == "document", "an old version is not confirmed")


def a_call_is_answered_from_one_snapshot(service: Service) -> None:
    here, there = stock(service, 1_000), stock(service, 0)
    stop = threading.Event()
    failed: list[BaseException] = []

    def move() -> None:
        try:
            while not stop.is_set():
                service.done(
                    service.request(adjust_stock={"product_id": here, "delta": -1}),
                    service.request(adjust_stock={"product_id": there, "delta": 1}),
                )
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failed.append(error)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(100):
            results = service.read(get(_PRODUCT, here), get(_PRODUCT, there)).results
            total = sum(fields(result.document)["quantity"] for result in results)
            expect(total == 1_000, f"what one call moved is never seen half moved: {total} of 1000 units")
    finally:
        stop.set()
        mover.join()
    expect(not failed, f"the writes beside the reads succeed: {failed}")


def revisions_and_terms_never_go_back(service: Service) -> None:
    product_id = stock(service, 0)
    seen = []
    for _ in range(20):
        service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
        response = service.read(get(_PRODUCT, product_id))
        seen.append((response.term, response.revision))
    expect(seen[0][0] >= 1, "the answer of a leader has its term")
    expect(seen == sorted(seen), f"terms and revisions of answers never go back: {seen}")


def a_malformed_question_is_refused_beside_the_others(service: Service) -> None:
    product_id = stock(service, 1)
    unknown, nothing, right = service.read(
        get(pb.DOCUMENT_KIND_UNSPECIFIED, product_id), pb.ReadItem(), get(_PRODUCT, product_id)
    ).results
    expect(unknown.refused.reason == Reason.INVALID_ARGUMENT, "a kind that there is not is refused")
    expect(nothing.refused.reason == Reason.INVALID_ARGUMENT, "a question without content is refused")
    expect(right.HasField("document"), "a refused question keeps no other one of the call from its answer")


def _digest(document: bytes) -> bytes:
    return blake2b(document, digest_size=32, person=b"quitanda.doc").digest()
