import pytest

from quitanda.cluster_client import ClusterOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"connect_timeout": 3.0},
        {"connect_timeout": 0},
        {"backoff_min": 0.2},
        {"commands_per_call": 5_000},
        {"execute_calls": 0},
        {"command_bytes_per_call": 1 << 30},
    ],
)
def test_relations_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ClusterOptions(**wrong)
