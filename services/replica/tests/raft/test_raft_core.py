"""What we rely on of PySyncObj, and looking up host names."""

import socket
import time
from itertools import pairwise

import pytest
from pysyncobj import syncobj
from raft_cluster import wait_for

from quitanda_replica.raft.raft_core import (
    APPLIED_PER_STEP,
    REQUIRED_NAMES,
    SUPPORTED_VERSION,
    UnsupportedLibrary,
    check_library,
)
from quitanda_replica.raft.resolver import Resolver


class Library:
    def __init__(self, names):
        for name in names:
            setattr(self, name, None)


def test_the_known_library_with_all_its_private_names_is_taken():
    check_library(SUPPORTED_VERSION, Library(REQUIRED_NAMES))


def test_another_version_is_refused_even_with_all_names():
    with pytest.raises(UnsupportedLibrary, match=r"0\.3\.18 is installed; this replica needs exactly 0\.3\.17"):
        check_library("0.3.18", Library(REQUIRED_NAMES))


def test_a_library_that_lacks_a_private_name_is_refused_by_that_name():
    with pytest.raises(UnsupportedLibrary, match=r"lacks _SyncObj__raftLog$"):
        check_library(SUPPORTED_VERSION, Library(name for name in REQUIRED_NAMES if name != "_SyncObj__raftLog"))


def test_numbers_are_known_at_once_and_names_after_a_while():
    resolver = Resolver(["127.0.0.1:1", "localhost:2", "no-such-host.invalid:3"])
    resolver.start()

    assert resolver.lookup("127.0.0.1:1")[1] == ("127.0.0.1", 1)
    assert wait_for(lambda: resolver.lookup("localhost:2"))[1][1] == 2
    assert resolver.lookup("no-such-host.invalid:3") is None
    resolver.close()


def test_importing_the_library_leaves_the_sockets_of_the_process_alone():
    packed = socket.inet_pton(socket.AF_INET, "127.0.0.1")

    assert socket.inet_ntop(socket.AF_INET, packed) == "127.0.0.1"


def test_the_library_measures_time_with_the_clock_that_its_deadlines_are_compared_with():
    assert syncobj.monotonicTime is time.monotonic


@pytest.mark.parametrize(("size", "most"), [(100, 10), (1, APPLIED_PER_STEP)], ids=["by bytes", "by number"])
def test_a_replica_that_catches_up_applies_no_more_in_one_step_than_its_bound(cluster, size, most):
    # while it applies it hears nobody, and the whole log may be waiting
    cluster.start(pipeline_bytes_max=1000)
    away = cluster.followers()[0].name
    cluster.stop(away)
    for number in range(200):
        cluster.submit(b"%0*d" % (size, number))

    cluster.start(away, pipeline_bytes_max=1000)
    cluster.wait_equal()

    commits = cluster[away].machine.commits
    assert len(commits) >= 200 // most
    assert max(later - earlier for earlier, later in pairwise(commits)) <= most
