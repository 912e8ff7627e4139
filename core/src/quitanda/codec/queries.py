"""What the portals' callers may ask to see: one document, or one page of a list."""

from dataclasses import dataclass

from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused, invalid


@dataclass(frozen=True, slots=True)
class GetDocument:
    """One document; `customer_id` says who asks, and is empty for administrators.

    `cached` allows an answer that is as old as the staleness bound, but never older than `min_revision`;
    otherwise it contains every write that was acknowledged before the read began.
    """

    kind: Kind
    document_id: str
    customer_id: str = ""
    cached: bool = False
    min_revision: int = 0


@dataclass(frozen=True, slots=True)
class ListDocuments:
    """One page of a list; for orders they are those of `customer_id`, who otherwise is only who asks."""

    kind: Kind
    customer_id: str = ""
    page_size: int = PAGE_SIZE_DEFAULT
    page_token: str = ""


def check_min_revision(read: GetDocument, revision: int) -> Refused | None:
    """Refuse an answer (as of `revision`) that is older than asked for.

    It holds every write acknowledged before it was asked for, so nobody has seen what is asked for here:
    it is not a revision of this shop, or of the shop before its data were replaced.
    """
    if read.min_revision <= revision:
        return None
    return invalid("min_revision", Problem.TOO_LARGE, limit=revision, value=read.min_revision)


def page_size_or_refused(page_size: int) -> int | Refused:
    """Check a page's size; 0 stands for the default."""
    if page_size < 0:
        return invalid("page_size", Problem.NEGATIVE, value=page_size)
    if page_size > PAGE_SIZE_MAX:
        return invalid("page_size", Problem.TOO_LARGE, limit=PAGE_SIZE_MAX, value=page_size)
    return page_size or PAGE_SIZE_DEFAULT
