"""Who may use which topics of the broker, said once for both brokers.

Mosquitto gets the rules as a file (`AccessRules.mosquitto_acl`); the Python broker of runs without mosquitto asks
`AccessRules.permit`. A user of the broker is the common name of its certificate. A process's name has a slash
(`replica/replica1`), and an identifier of a customer has none, so no customer is taken for a process.

Mosquitto acknowledges every subscription and then delivers only what its subscriber may read. It also lets everybody
join a shared subscription (`topics.shared_requests_filter`), against which no rule here helps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from quitanda.domain.value_checks import check_id
from quitanda.mqtt.topics import FEED_TOPIC, REPLIES_FILTER, REQUESTS_FILTER, reply_topic, request_topic

_USER: Final = "%u"
"""Stands for the user's name in the rules of customers, as mosquitto has it."""


class Access(StrEnum):
    """What a rule permits, in mosquitto's words."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class TopicRule:
    """Permits to publish on topics or to receive from them; `topics` is a topic or a filter with `+`."""

    access: Access
    topics: str


REPLICA: Final = "replica"
ADMIN_PORTAL: Final = "admin-portal"
CLIENT_PORTAL: Final = "client-portal"
RULES_OF_ROLES: Final[Mapping[str, Sequence[TopicRule]]] = {
    REPLICA: (TopicRule(Access.WRITE, FEED_TOPIC),),
    ADMIN_PORTAL: (TopicRule(Access.READ, FEED_TOPIC),),
    CLIENT_PORTAL: (
        TopicRule(Access.READ, FEED_TOPIC),
        TopicRule(Access.READ, REQUESTS_FILTER),
        TopicRule(Access.WRITE, REPLIES_FILTER),
    ),
}
"""What a process of each role may do."""
CUSTOMER_RULES: Final = (
    TopicRule(Access.WRITE, request_topic(_USER, "+")),
    TopicRule(Access.READ, reply_topic(_USER, "+")),
)


class AccessRules:
    """The rules of one cluster: of its processes, whose certificates' names `roles` gives roles, and of customers.

    Raises ValueError where a process's name could be a customer's, and KeyError where there is no such role.
    """

    def __init__(self, roles: Mapping[str, str]) -> None:
        for name in roles:
            if "/" not in name or not name.isprintable():
                raise ValueError(f"a process cannot be named {name!r}: a customer could have this name")
        self._processes = {name: RULES_OF_ROLES[role] for name, role in roles.items()}

    @classmethod
    def read(cls, acl: str) -> Self:
        """Read what `mosquitto_acl` wrote. Raises ValueError where it is anything else."""
        found: dict[str, list[TopicRule]] = {}
        rules: list[TopicRule] = []
        for line in acl.splitlines():
            match line.split(" ", 2):
                case ["user", *name]:
                    rules = found.setdefault(" ".join(name), [])
                case ["topic", access, topics]:
                    rules.append(TopicRule(Access(access), topics))
        roles = {tuple(each): role for role, each in RULES_OF_ROLES.items()}
        try:
            read = cls({name: roles[tuple(each)] for name, each in found.items()})
        except KeyError as error:
            raise ValueError(f"a process with the rules of no role: {error}") from error
        if read.mosquitto_acl() != acl:
            raise ValueError("an access list that was changed by hand, or is of another version")
        return read

    def mosquitto_acl(self) -> str:
        """Write the rules as an access list of mosquitto: whoever is not in it may do nothing."""
        lines = ["# Written from quitanda.mqtt.access_rules: change it there."]
        for name, rules in self._processes.items():
            lines += ["", f"user {name}", *(f"topic {rule.access} {rule.topics}" for rule in rules)]
        lines += ["", *(f"pattern {rule.access} {rule.topics}" for rule in CUSTOMER_RULES)]
        return "".join(f"{line}\n" for line in lines)

    def permit(self, user: str, access: Access, topic_filter: str) -> bool:
        """Tell whether the user may publish on a topic, or subscribe to all that a filter can match."""
        return any(rule.access is access and _covers(rule.topics, topic_filter) for rule in self._rules_of(user))

    def _rules_of(self, user: str) -> Sequence[TopicRule]:
        if user in self._processes:
            return self._processes[user]
        if check_id("customer_id", user):
            return ()
        return [TopicRule(rule.access, rule.topics.replace(_USER, user)) for rule in CUSTOMER_RULES]


def _covers(topics: str, topic_filter: str) -> bool:
    """Tell whether everything that `topic_filter` can match is among `topics`, in which only `+` is special."""
    permitted, wanted = topics.split("/"), topic_filter.split("/")
    return len(permitted) == len(wanted) and all(
        allowed in ("+", level) and level != "#" for allowed, level in zip(permitted, wanted, strict=True)
    )
