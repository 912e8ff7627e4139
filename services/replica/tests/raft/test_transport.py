"""How much is under way to a peer."""

from raft_cluster import wait_for

from quitanda_replica.raft.transport import MESSAGES_IN_FLIGHT, SendWindow


def full_window():
    window = SendWindow()
    for number in range(MESSAGES_IN_FLIGHT):
        assert window.has_room(7)
        window.note_sent(10 * (number + 1), 0.0)
    assert not window.has_room(7)
    return window


def test_an_acknowledgement_makes_room_for_the_messages_that_it_covers():
    window = full_window()

    window.acknowledge(9, 0.0)
    assert not window.has_room(7)
    window.acknowledge(25, 0.0)
    assert window.has_room(7)
    window.note_sent(50, 0.0)
    window.note_sent(60, 0.0)
    assert not window.has_room(7)


def test_a_lost_connection_a_gap_and_a_new_term_begin_with_an_empty_window():
    window = full_window()
    window.reset()
    assert window.has_room(7)

    assert full_window().has_room(8)


def test_the_round_trip_is_that_of_one_message_from_its_sending_until_it_is_acknowledged():
    window = SendWindow()
    window.has_room(7)
    window.note_sent(10, 1.0)
    window.note_sent(20, 2.0)

    window.acknowledge(9, 3.0)
    assert window.round_trip_seconds.sum == 0.0
    window.acknowledge(20, 5.0)
    assert window.round_trip_seconds.sum == 4.0  # of the first message alone
    assert window.round_trip_seconds.cumulated()[-1] == 1


def test_a_message_that_was_lost_with_its_connection_has_no_round_trip():
    window = SendWindow()
    window.has_room(7)
    window.note_sent(10, 1.0)
    window.reset()
    window.note_sent(10, 100.0)
    window.acknowledge(10, 101.0)

    assert window.round_trip_seconds.sum == 1.0


def test_a_follower_that_lacks_many_messages_gets_them_all(cluster):
    entries, size = 40, 500_000
    cluster.start()
    away = cluster.followers()[0].name
    cluster.stop(away)
    for number in range(entries):
        cluster.submit(b"%0*d" % (size, number))

    cluster.start(away)

    state = cluster.wait_equal(20)
    assert len(state) == entries
    assert wait_for(lambda: cluster[away].machine.installed_index == 0)
