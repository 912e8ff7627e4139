"""What a replica that stops by itself tells the administrator to do."""

import pytest

from quitanda_replica.condemned import Condemned
from quitanda_replica.fatal import next_step
from quitanda_replica.state_access import StateCorrupt
from quitanda_replica.store import DataFolderLost, StoreFailed


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (StoreFailed("the database failed: no space left on device"), "start the replica again as it is"),
        (DataFolderLost("the data folder was replaced by another one"), "put that very folder back"),
        (StateCorrupt("the state does not match its digest"), "do not start it again on this data"),
        (Condemned("the folder is marked"), "do not start it again on this data"),
        (RuntimeError("a defect"), "if that ends alike, this is a defect"),
    ],
)
def test_the_advice_fits_the_trouble(error, advice):
    assert advice in next_step(error)
    assert "docs/OPERATIONS.md" in next_step(error)
