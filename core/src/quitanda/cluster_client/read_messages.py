"""Questions and answers of reads as protobuf messages."""

from collections.abc import Sequence
from typing import Final

from quitanda.cluster_client.values import (
    Absent,
    Found,
    Get,
    List,
    Page,
    ReadItem,
    Result,
    Unchanged,
)
from quitanda.codec.documents import decode_document
from quitanda.codec.protobuf import kind_to_proto, refused_from_proto
from quitanda.domain.model import Kind
from quitanda.v1 import replica_pb2

_LIST_KINDS: Final = {
    Kind.CUSTOMER: replica_pb2.ListItem.KIND_CUSTOMERS,
    Kind.PRODUCT: replica_pb2.ListItem.KIND_PRODUCTS,
    Kind.ORDER: replica_pb2.ListItem.KIND_ORDERS,
}

_DOCUMENT_KIB: Final = {Kind.CUSTOMER: 24, Kind.PRODUCT: 32, Kind.ORDER: 256}
"""The largest documents that the limits of the rules allow, rounded up."""

_PAGE_KIB: Final = 1024 + 256
"""A replica ends a page at the document with which it passes one MiB."""


def weight_of(item: ReadItem) -> int:
    """Tell how large the answer may become, in KiB."""
    return _DOCUMENT_KIB[item.kind] if isinstance(item, Get) else _PAGE_KIB


def item_to_proto(item: ReadItem) -> replica_pb2.ReadItem:
    """Write a question."""
    if isinstance(item, List):
        page = replica_pb2.ListItem(
            kind=_LIST_KINDS[item.kind],
            customer_id=item.customer_id,
            page_size=item.page_size,
            page_token=item.page_token,
        )
        return replica_pb2.ReadItem(list=page)
    get = replica_pb2.GetItem(kind=kind_to_proto(item.kind), id=item.document_id)
    if item.known_version is not None:
        get.known_version = item.known_version
    if item.known_digest is not None:
        get.known_digest = item.known_digest
    return replica_pb2.ReadItem(get=get)


def results_from_proto(items: Sequence[ReadItem], response: replica_pb2.ReadResponse) -> dict[ReadItem, Result]:
    """Read the results by question; ValueError where they do not fit the questions or are corrupt."""
    return {item: _result_from_proto(item, result) for item, result in zip(items, response.results, strict=True)}


def _result_from_proto(item: ReadItem, result: replica_pb2.ReadResult) -> Result:
    match result.WhichOneof("result"):
        case "unchanged":
            return Unchanged()
        case "absent":
            return Absent()
        case "document":
            return Found(decode_document(item.kind, result.document))
        case "page":
            documents = tuple(decode_document(item.kind, data) for data in result.page.documents)
            return Page(documents, result.page.next_page_token, result.page.revision)
        case "refused":
            return refused_from_proto(result.refused)
        case _:
            raise ValueError("a result that says nothing")
