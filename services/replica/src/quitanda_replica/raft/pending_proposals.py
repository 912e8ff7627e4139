"""A leader's submissions between the moment they are in its log and their answer."""

from quitanda.errors import OutcomeUnknown
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposal import Proposal, ProposalQueue


class PendingProposals:
    """Knows which entry belongs to whom; the raft thread's alone."""

    def __init__(self, queue: ProposalQueue, options: RaftOptions) -> None:
        self._queue = queue
        self._options = options
        self._bytes = 0
        self._answers: list[tuple[Proposal, bytes]] = []
        self.pending: dict[int, tuple[int, Proposal]] = {}
        """By index: the term in which it was appended, and the submission."""

    @property
    def has_room(self) -> bool:
        """One more may be appended: what is committed together is applied in one round, which must not take long."""
        room = self._options.pipeline_bytes_max - self._bytes
        return not self.pending or (room > 0 and len(self.pending) < self._options.pipeline_entries_max)

    def appended(self, index: int, term: int, submission: Proposal) -> None:
        """Note that the entry `index` of `term` is the submission's."""
        self.pending[index] = term, submission
        self._bytes += len(submission.payload)

    def applied(self, index: int, term: int, answer: bytes) -> None:
        """Keep the answer of the entry `index`, which is of `term`, for whoever submitted that very entry."""
        appended_in, submission = self.pending.pop(index, (0, None))
        if submission is None:
            return
        self._bytes -= len(submission.payload)
        if appended_in == term:
            self._answers.append((submission, answer))
        else:
            self._lose(submission)

    def answer(self) -> None:
        """Give the answers that were kept; what was applied is durable."""
        answers, self._answers = self._answers, []
        for submission, answer in answers:
            submission.answer(answer)
            self._queue.release(submission)

    def forget(self) -> None:
        """Tell those whose entries the own leadership has not seen through: a later leader may still commit them."""
        pending, self.pending, self._bytes = self.pending, {}, 0
        for _, submission in pending.values():
            self._lose(submission)

    def _lose(self, submission: Proposal) -> None:
        submission.fail(OutcomeUnknown("the leadership ended before the command was confirmed"))
        self._queue.release(submission)
