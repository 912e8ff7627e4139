"""The identity with which a process begins: its own, and as the others will accept it."""

from pathlib import Path
from typing import Final

import structlog

from quitanda.identity.folder import IdentityError, IdentityFile
from quitanda.runtime.link_identity import LinkIdentity, judge_own
from quitanda.runtime.link_refusals import own_refusal

_OTHER_FOLDER: Final = (
    "set QUITANDA_IDENTITY to the folder that was made for this process, or QUITANDA_NAME to the name in it"
)

_log = structlog.get_logger(__name__)


def open_identity(folder: Path | None, common_name: str) -> LinkIdentity | None:
    """Open the identity folder of the process that certificates call `common_name`; None where there is no folder.

    Raises IdentityError where the folder cannot be used, or is another process's. A certificate that the others will
    refuse is only logged, since a renewal, or a clock that is set, mends it while the process runs.
    """
    if folder is None:
        return None
    identity = LinkIdentity(folder, _log)
    own = judge_own(identity.current())
    if own.problem:
        _log.error("certificate_refused", reason=own_refusal(identity))
    elif own.common_name != common_name:
        problem = f"it is the certificate of {own.common_name!r}, and this process is {common_name!r}"
        raise IdentityError(folder / IdentityFile.PROCESS, problem, _OTHER_FOLDER)
    return identity
