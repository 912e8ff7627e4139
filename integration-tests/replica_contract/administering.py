"""Status, backup, verification and transfer: what administrators are told is what the replicas hold."""

import grpc

from quitanda.backup import StateDigest, decode_pairs
from quitanda.domain.outcomes import Reason, Refused
from quitanda.rpc_status import from_rpc_error
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from replica_contract.documents import create_customer, stock
from replica_contract.service import ANSWER_SECONDS, CALL_SECONDS, ContractBroken, Service, expect, wait_for


def one_replica_leads_and_the_others_name_it(service: Service) -> None:
    names = list(service.target.replicas)

    def agreed() -> bool:
        leader = service.leader()
        statuses = [service.status(name) for name in names]
        leading = [status.name for status in statuses if status.role == admin.REPLICA_ROLE_LEADER]
        return leading == [leader] and {status.leader for status in statuses} == {leader}

    wait_for(agreed, "one replica leads, and each names it")
    expect([service.status(name).name for name in names] == names, "each replica tells its own name")


def equal_revisions_have_equal_digests(service: Service) -> None:
    service.done(create_customer(service, service.new_id("customer")))
    names = list(service.target.replicas)

    def at_one_revision() -> list[admin.ReplicaStatus] | None:
        statuses = [service.status(name) for name in names]
        return statuses if len({status.revision for status in statuses}) == 1 else None

    statuses = wait_for(at_one_revision, "all replicas reach one revision")
    expect(len({status.state_digest for status in statuses}) == 1, "at one revision all replicas have one digest")


def a_write_changes_digest_revision_and_counts(service: Service) -> None:
    before = service.status(service.leader())
    (outcome,) = service.done(create_customer(service, service.new_id("customer")))
    stock(service, 1)
    after = service.status(service.leader())
    expect(after.revision >= outcome.revision, "a leader's revision is not below that of an acknowledged write")
    expect(after.state_digest != before.state_digest, "a write changes the digest of the state")
    counts = (after.customers - before.customers, after.products - before.products, after.orders - before.orders)
    expect(counts == (1, 1, 0), f"the status counts the documents: {counts}")


def a_backup_is_one_moment_in_the_order_of_keys(service: Service) -> None:
    product_id = stock(service, 5)

    def change() -> None:
        service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))

    backup = service.backup(between=change)
    kinds = [part.WhichOneof("part") for part in backup.parts]
    expect(kinds == ["header", *["chunk"] * (len(kinds) - 2), "trailer"], "a backup is a header, chunks, and a trailer")
    pairs = [pair for chunk in backup.chunks for pair in decode_pairs(chunk)]
    keys = [key for key, _ in pairs]
    expect(keys == sorted(set(keys)), "a backup gives each key once, in the order of keys")
    digest = StateDigest()
    for key, value in pairs:
        digest.add(key, value)
    header, trailer = backup.header, backup.trailer
    if header is None or trailer is None:
        raise AssertionError(kinds)
    expect(digest.kept == digest.computed == header.state_digest, "a backup's pairs have the digest of its header")
    expect((trailer.chunks, trailer.keys) == (len(backup.chunks), len(pairs)), "the trailer counts chunks and keys")


def a_backup_holds_what_was_acknowledged_before(service: Service) -> None:
    (outcome,) = service.done(create_customer(service, service.new_id("customer"), name="Márcia"))
    backup = service.backup()
    expect(
        backup.header is not None and backup.header.revision >= outcome.revision,
        "a backup reaches up to every write before",
    )
    expect(
        outcome.done.document in b"".join(backup.chunks),
        "a backup holds the document of a write that was acknowledged before",
    )
    status = service.status(service.leader())
    expect(
        backup.header is not None and backup.header.customers == status.customers,
        "a backup's header counts the documents",
    )


def verification_reads_the_digest_that_is_kept(service: Service) -> None:
    (outcome,) = service.done(create_customer(service, service.new_id("customer")))
    for name in service.target.replicas:
        asked = pb.VerifyRequest(compared_revision=outcome.revision)
        verified = service.stub(name).Verify(asked, timeout=ANSWER_SECONDS).verification
        expect(
            (verified.name, verified.reachable, verified.error) == (name, True, ""),
            f"{name} can be verified: {verified.error}",
        )
        expect(verified.computed_digest == verified.kept_digest != "", f"{name} computes the digest that it keeps")
        expect(verified.revision >= outcome.revision, f"{name} first waits for the entry that is compared")
        expect(verified.keys > 0, f"{name} counts the keys that it read")


def the_leadership_goes_to_whom_is_named(service: Service) -> None:
    for name in service.target.replicas:

        def lead(name: str = name) -> bool:
            answer: admin.TransferLeadershipResponse = service.at_leader(
                lambda stub: stub.TransferLeadership(admin.TransferLeadershipRequest(to=name), timeout=CALL_SECONDS)
            )
            return answer.leader == name

        expect(lead(), f"a transfer is answered once {name} leads")
        expect(service.leader() == name, f"{name} leads after a transfer to it")


def a_transfer_to_nobody_is_refused(service: Service) -> None:
    asked = admin.TransferLeadershipRequest(to="nobody")
    try:
        service.stub(service.leader()).TransferLeadership(asked, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        failure = from_rpc_error(error)
        expect(
            isinstance(failure, Refused) and failure.field == "to", f"a name that no replica has is refused: {failure}"
        )
    else:
        raise ContractBroken("a transfer to a name that no replica has is refused")


def every_replica_supports_the_level_that_the_cluster_is_at(service: Service) -> None:
    names = list(service.target.replicas)

    def agreed() -> bool:
        statuses = [service.status(name) for name in names]
        supported = all(status.supported_level >= status.cluster_level >= 1 for status in statuses)
        return supported and len({status.cluster_level for status in statuses}) == 1

    wait_for(agreed, "every replica tells the cluster's level, and supports it")


def a_level_is_only_raised_to_what_every_replica_supports(service: Service) -> None:
    status = service.status(service.leader())

    def raise_to(level: int) -> admin.RaiseLevelResponse:
        asked = admin.RaiseLevelRequest(level=level)
        answer: admin.RaiseLevelResponse = service.stub(service.leader()).RaiseLevel(asked, timeout=CALL_SECONDS)
        return answer

    expect(raise_to(status.cluster_level).level == status.cluster_level, "a level that is reached already stays")
    try:
        raise_to(status.supported_level + 1)
    except grpc.RpcError as error:
        failure = from_rpc_error(error)
        expect(
            isinstance(failure, Refused) and failure.reason is Reason.LEVEL_NOT_SUPPORTED,
            f"a level that is not supported is refused with LEVEL_NOT_SUPPORTED: {failure}",
        )
    else:
        raise ContractBroken("a level that no replica supports is refused")
    expect(service.status(service.leader()).cluster_level == status.cluster_level, "a refused level raises nothing")
