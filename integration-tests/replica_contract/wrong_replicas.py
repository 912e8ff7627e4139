"""Servers of the contract with one mistake each, and the checks that must find it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from grpc import ServicerContext

from quitanda.backup import decode_pairs, encode_pairs
from quitanda.codec.documents import id_of, kind_of
from quitanda.domain.model import Credential, Document, Kind
from quitanda.domain.outcomes import Refused
from quitanda.domain.state import Change, Put
from quitanda.mqtt.feed_message import FeedMessage
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.documents_pb2 import HistoryEntry
from quitanda_testing.in_memory_replica import InMemoryReplica, KeptList
from quitanda_testing.in_memory_state import InMemoryState


class ForgetsRequests(InMemoryReplica):
    """Decides a repeated request again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state = InMemoryState(remembered_max=0)


class RemembersEveryOutcome(InMemoryReplica):
    """Answers a request id with its first outcome, even where that was that the request was invalid."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.known: dict[tuple[str, str], pb.Outcome] = {}

    def decide(self, message: pb.Request) -> tuple[pb.Outcome, Sequence[Change]]:
        key = (message.scope, message.request_id)
        if key in self.known:
            return self.known[key], ()
        self.known[key], changes = super().decide(message)
        return self.known[key], changes


class KnowsNoScopes(RemembersEveryOutcome):
    """Takes the request ids of all customers for those of one."""

    def decide(self, message: pb.Request) -> tuple[pb.Outcome, Sequence[Change]]:
        if not message.scope:
            return InMemoryReplica.decide(self, message)
        key = ("anybody", message.request_id)
        if key in self.known:
            return self.known[key], ()
        self.known[key], changes = InMemoryReplica.decide(self, message)
        return self.known[key], changes


class SplitsCalls(InMemoryReplica):
    """Makes an entry of every request, so that others see a call half done."""

    def Execute(self, request: pb.ExecuteRequest, context: ServicerContext) -> pb.ExecuteResponse:  # noqa: N802
        outcomes: list[bytes] = []
        for message in request.requests:
            single = pb.ExecuteRequest(requests=[message])
            outcomes += super().Execute(single, context).outcomes
            time.sleep(0.001)
        return pb.ExecuteResponse(outcomes=outcomes)


class ReadsOneWriteLate(InMemoryReplica):
    """Reads a document as it was before the last write."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.before: dict[tuple[Kind, str], Document] = {}

    def decide(self, message: pb.Request) -> tuple[pb.Outcome, Sequence[Change]]:
        self.before = {(kind_of(document), id_of(document)): document for document in self.state.documents()}
        return super().decide(message)

    def document(self, kind: Kind, document_id: str) -> Document | None:
        return self.before.get((kind, document_id)) or super().document(kind, document_id)


class ConfirmsByVersion(InMemoryReplica):
    """Confirms a document that never was, if only its version is that of the one that is."""

    def holds(self, item: pb.GetItem, document: Document | None) -> bool:
        return item.HasField("known_version") and item.known_version == (document.version if document else 0)


class AnswersQuestionsApart(InMemoryReplica):
    """Answers each question of a call at a moment of its own."""

    def Read(self, request: pb.ReadRequest, context: ServicerContext) -> pb.ReadResponse:  # noqa: N802
        response = super().Read(pb.ReadRequest(), context)
        for item in request.reads:
            response.results.extend(super().Read(pb.ReadRequest(reads=[item]), context).results)
            time.sleep(0.002)
        return response


class PagesOfNow(InMemoryReplica):
    """Shows on later pages what there is by then."""

    def rest(self, kept: KeptList) -> Sequence[bytes]:
        now = self.listed(kept.item)
        if isinstance(now, Refused) or not kept.documents:
            return kept.documents
        return now.documents[len(now.documents) - len(kept.documents) :]


class LeavesOutOfTheFeed(InMemoryReplica):
    """Publishes every third change not at all."""

    def tell(self, message: FeedMessage) -> None:
        if not message.changes or message.revision % 3:
            super().tell(message)


class HidesGapsOfTheFeed(InMemoryReplica):
    """Publishes every third change not at all, and chains the others as if it had never been."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.told = 0

    def tell(self, message: FeedMessage) -> None:
        if message.changes and message.revision % 3 == 0:
            return
        super().tell(replace(message, previous_revision=self.told))
        if message.changes:
            self.told = message.revision


class KeepsDeletionsQuiet(InMemoryReplica):
    """Publishes what is new and changed, not what is gone."""

    def announce(self, changes: Sequence[Change]) -> None:
        super().announce([change for change in changes if isinstance(change, Put)])


class BeatsBeforeItPublishes(InMemoryReplica):
    """Publishes heartbeats that cover changes which it publishes only later."""

    def tell(self, message: FeedMessage) -> None:
        if message.changes:
            super().tell(FeedMessage(message.term, message.revision, message.revision, ()))
        super().tell(message)


class BacksUpUnsorted(InMemoryReplica):
    """Sends a backup's pairs in no order."""

    def Backup(self, request: pb.BackupRequest, context: ServicerContext) -> Iterator[admin.BackupPart]:  # noqa: N802
        for part in super().Backup(request, context):
            if part.HasField("chunk"):
                pairs = sorted(decode_pairs(part.chunk.pairs), reverse=True)
                yield admin.BackupPart(chunk=admin.BackupChunk(pairs=encode_pairs(pairs)))
            else:
                yield part


class BacksUpWhileItChanges(InMemoryReplica):
    """Reads the pairs of a backup later than its header."""

    def Backup(self, request: pb.BackupRequest, context: ServicerContext) -> Iterator[admin.BackupPart]:  # noqa: N802
        yield next(super().Backup(request, context))
        time.sleep(0.3)
        later = super().Backup(request, context)
        next(later)
        yield from later


class KeepsAnotherDigest(InMemoryReplica):
    """Tells a digest that is not that of the state."""

    def digest(self) -> str:
        return f"{self.revision:064x}"


class TellsOneDigest(InMemoryReplica):
    """Tells the same digest for every state."""

    def digest(self) -> str:
        return "0" * 64


class RaisesAnyLevel(InMemoryReplica):
    """Says that the cluster is at whatever level somebody asked for."""

    def RaiseLevel(self, request: admin.RaiseLevelRequest, context: ServicerContext) -> admin.RaiseLevelResponse:  # noqa: ARG002, N802
        return admin.RaiseLevelResponse(level=request.level)


class IgnoresPrincipals(InMemoryReplica):
    """Decides a request whoever asks."""

    def decide(self, message: pb.Request) -> tuple[pb.Outcome, Sequence[Change]]:
        message.ClearField("principal")
        return super().decide(message)


class PublishesCredentials(InMemoryReplica):
    """Publishes a credential as any other document."""

    def tell(self, message: FeedMessage) -> None:
        changes = message.changes and tuple(
            replace(change, document=self.document(change.kind, change.document_id)) for change in message.changes
        )
        super().tell(replace(message, changes=changes))


class KeepsHistoriesOldestFirst(InMemoryReplica):
    """Gives the changes of a document in the order in which they were made."""

    def changes_of(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        return super().changes_of(kind, document_id)[::-1]


class KeepsNoHistoryOfTheDeleted(InMemoryReplica):
    """Forgets the changes of a document that does not exist any more."""

    def changes_of(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        return super().changes_of(kind, document_id) if self.document(kind, document_id) else ()


class RecordsNobody(InMemoryReplica):
    """Does not tell who asked for a change."""

    def changes_of(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        entries = [HistoryEntry.FromString(each) for each in super().changes_of(kind, document_id)]
        for entry in entries:
            entry.ClearField("credential_id")
        return [entry.SerializeToString() for entry in entries]


class RecordsSecrets(InMemoryReplica):
    """Tells the hash of a credential's secret among what changed."""

    def changes_of(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        entries = [HistoryEntry.FromString(each) for each in super().changes_of(kind, document_id)]
        document = self.document(kind, document_id)
        if isinstance(document, Credential):
            entries[0].fields.add(name="secret_hash", after_json=f'"{document.secret_hash}"')
        return [entry.SerializeToString() for entry in entries]


class RecordsRepetitions(InMemoryReplica):
    """Records a request again each time when it is repeated."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.repeated = 0

    def decide(self, message: pb.Request) -> tuple[pb.Outcome, Sequence[Change]]:
        self.repeated += self.state.remembered(message.scope, message.request_id) is not None
        return super().decide(message)

    def changes_of(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        changes = super().changes_of(kind, document_id)
        return [*changes[: self.repeated], *changes]


FOUND_BY: Final[Mapping[type[InMemoryReplica], str]] = {
    ForgetsRequests: "a_repeated_request_has_one_effect_and_its_first_outcome",
    RemembersEveryOutcome: "an_invalid_command_may_be_corrected_under_its_id",
    KnowsNoScopes: "request_ids_of_two_scopes_are_different",
    SplitsCalls: "the_commands_of_a_call_happen_in_their_order_at_one_revision",
    ReadsOneWriteLate: "what_was_acknowledged_is_read",
    ConfirmsByVersion: "only_what_is_still_current_is_confirmed",
    AnswersQuestionsApart: "a_call_is_answered_from_one_snapshot",
    PagesOfNow: "all_pages_show_the_snapshot_of_the_first",
    LeavesOutOfTheFeed: "every_change_is_published_once_in_an_unbroken_chain",
    HidesGapsOfTheFeed: "every_change_is_published_once_in_an_unbroken_chain",
    KeepsDeletionsQuiet: "everything_that_a_command_changes_is_published_together",
    BeatsBeforeItPublishes: "a_heartbeat_comes_after_the_changes_that_it_covers",
    BacksUpUnsorted: "a_backup_is_one_moment_in_the_order_of_keys",
    BacksUpWhileItChanges: "a_backup_is_one_moment_in_the_order_of_keys",
    KeepsAnotherDigest: "a_backup_is_one_moment_in_the_order_of_keys",
    RaisesAnyLevel: "a_level_is_only_raised_to_what_every_replica_supports",
    IgnoresPrincipals: "a_revoked_credential_decides_nothing_more",
    PublishesCredentials: "the_feed_says_only_that_a_credential_changed",
    KeepsHistoriesOldestFirst: "a_history_has_every_change_the_newest_first",
    KeepsNoHistoryOfTheDeleted: "a_deleted_document_keeps_its_history",
    RecordsNobody: "a_history_says_who_asked_and_no_secret",
    RecordsSecrets: "a_history_says_who_asked_and_no_secret",
    RecordsRepetitions: "what_changed_nothing_is_not_in_a_history",
    TellsOneDigest: "a_write_changes_digest_revision_and_counts",
}
"""Each wrong server, and a check that its mistake breaks."""
