"""Who may use which topics of the broker."""

import pytest

from quitanda.mqtt.access_rules import ADMIN_PORTAL, CLIENT_PORTAL, REPLICA, Access, AccessRules

RULES = AccessRules(
    {
        "replica/replica1": REPLICA,
        "portal/admin-portal-1": ADMIN_PORTAL,
        "portal/client-portal-1": CLIENT_PORTAL,
    }
)
FEED = "quitanda/v1/feed"
READ, WRITE = Access.READ, Access.WRITE


@pytest.mark.parametrize(
    ("user", "access", "topics"),
    [
        ("replica/replica1", WRITE, FEED),
        ("portal/admin-portal-1", READ, FEED),
        ("portal/client-portal-1", READ, FEED),
        ("portal/client-portal-1", READ, "quitanda/v1/customers/+/requests/+"),
        ("portal/client-portal-1", WRITE, "quitanda/v1/customers/ana/replies/s1"),
        ("ana", WRITE, "quitanda/v1/customers/ana/requests/create_order"),
        ("ana", READ, "quitanda/v1/customers/ana/replies/s1"),
        ("ana", READ, "quitanda/v1/customers/ana/replies/+"),
    ],
)
def test_everybody_may_do_what_its_work_needs(user, access, topics):
    assert RULES.permit(user, access, topics)


@pytest.mark.parametrize(
    ("user", "access", "topics"),
    [
        ("replica/replica1", READ, FEED),
        ("replica/replica1", READ, "quitanda/v1/customers/+/requests/+"),
        ("replica/replica1", WRITE, "quitanda/v1/customers/ana/replies/s1"),
        ("replica/replica9", WRITE, FEED),
        ("portal/admin-portal-1", READ, "quitanda/v1/customers/+/requests/+"),
        ("portal/admin-portal-1", WRITE, "quitanda/v1/customers/ana/replies/s1"),
        ("portal/client-portal-1", WRITE, FEED),
        ("portal/client-portal-1", READ, "quitanda/v1/customers/+/replies/+"),
        ("portal/client-portal-1", READ, "quitanda/v1/customers/#"),
        ("ana", READ, FEED),
        ("ana", WRITE, FEED),
        ("ana", READ, "quitanda/v1/customers/bob/replies/s1"),
        ("ana", READ, "quitanda/v1/customers/+/replies/+"),
        ("ana", READ, "quitanda/v1/customers/ana/requests/create_order"),
        ("ana", READ, "quitanda/v1/customers/ana/replies/#"),
        ("ana", READ, "quitanda/v1/customers/ana/replies"),
        ("ana", READ, "#"),
        ("ana", READ, "$SYS/#"),
        ("ana", READ, "$share/client-portals/quitanda/v1/customers/+/requests/+"),
        ("ana", WRITE, "quitanda/v1/customers/bob/requests/create_order"),
        ("ana", WRITE, "quitanda/v1/customers/ana/replies/s1"),
        ("#", READ, "quitanda/v1/customers/ana/replies/s1"),
        ("#", READ, "quitanda/v1/customers/#/replies/s1"),
        ("+", WRITE, "quitanda/v1/customers/ana/requests/create_order"),
        ("+", WRITE, "quitanda/v1/customers/+/requests/create_order"),
        ("ana/replies", READ, "quitanda/v1/customers/ana/replies/replies/s1"),
        ("replica", WRITE, FEED),
        ("client-portal-1", READ, FEED),
        ("", READ, FEED),
    ],
)
def test_nobody_may_do_more(user, access, topics):
    assert not RULES.permit(user, access, topics)


@pytest.mark.parametrize("name", ["replica1", "", "replica/1\ntopic read #"])
def test_no_process_has_a_name_that_a_customer_could_have_or_that_adds_a_line_to_the_list(name):
    with pytest.raises(ValueError, match="cannot be named"):
        AccessRules({name: REPLICA})


def test_mosquitto_gets_the_same_rules():
    lines = RULES.mosquitto_acl().splitlines()

    assert [line for line in lines if line and line[0] != "#"] == [
        "user replica/replica1",
        "topic write quitanda/v1/feed",
        "user portal/admin-portal-1",
        "topic read quitanda/v1/feed",
        "user portal/client-portal-1",
        "topic read quitanda/v1/feed",
        "topic read quitanda/v1/customers/+/requests/+",
        "topic write quitanda/v1/customers/+/replies/+",
        "pattern write quitanda/v1/customers/%u/requests/+",
        "pattern read quitanda/v1/customers/%u/replies/+",
    ]


def test_the_rules_are_read_back_from_mosquittos_list():
    acl = RULES.mosquitto_acl()

    assert AccessRules.read(acl).mosquitto_acl() == acl


@pytest.mark.parametrize(
    "change",
    [
        lambda acl: acl.replace("topic write quitanda/v1/feed", "topic write #"),
        lambda acl: acl.replace("topic write quitanda/v1/feed", "topic all quitanda/v1/feed"),
        lambda acl: acl.replace("pattern read", "pattern readwrite"),
        lambda acl: acl.replace("user replica/replica1", "user replica1"),
        lambda acl: acl + "topic read #\n",
        lambda acl: "topic read #\n" + acl,
        lambda acl: acl[:-10],
    ],
)
def test_a_list_that_was_changed_by_hand_is_not_taken(change):
    with pytest.raises(ValueError, match=r"rules of no role|changed by hand|not a valid Access|could have this name"):
        AccessRules.read(change(RULES.mosquitto_acl()))
