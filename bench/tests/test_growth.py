"""What is filled without the rules is what the rules make, key by key."""

from bench.growth.filling import LAST_ENTRY, FilledState, fill, placed_order
from quitanda.codec.protobuf import encode_request
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.feed.queue import FeedPosition, FeedQueue
from quitanda_replica.state import digest, keys
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.dedup_window import WindowBounds
from quitanda_replica.state.store import Store

DOCUMENTS = 64


def test_a_filled_folder_holds_what_the_rules_make_of_the_same_commands(tmp_path):
    state = FilledState(DOCUMENTS, remembered=30)
    fill(tmp_path / "filled", state)
    requests = [encode_request(request) for request in state.creations()]
    applied = Store.open(tmp_path / "applied")
    applier = Applier(applied, FeedQueue(FeedPosition(0, 0)), window=WindowBounds(requests=30))
    applier.apply(LAST_ENTRY, pb.LogEntry(requests=requests).SerializeToString())
    applied.commit()
    filled = Store.open(tmp_path / "filled")
    try:
        assert dict(filled.scan(keys.STATE)) == dict(applied.scan(keys.STATE))
        with filled.snapshot() as snapshot:
            digest.verify(snapshot)
    finally:
        applied.close()
        filled.close()


def test_orders_have_four_products_each_and_products_four_orders():
    held = [product for number in range(DOCUMENTS) for product in set(placed_order(number, DOCUMENTS).product_ids)]

    assert {product: held.count(product) for product in held} == dict.fromkeys(held, 4)
    assert len(set(held)) == DOCUMENTS
