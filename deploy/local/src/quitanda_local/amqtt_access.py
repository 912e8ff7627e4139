"""Two plugins by which amqtt keeps the rules of `quitanda.mqtt.access_rules`, as mosquitto does by its configuration.

amqtt has no bounds on connections, memory, the size of messages and retained messages, it sends wills without asking
anybody, and it lets whoever knows a client id take the connection over even before it proves who it is. So a user whose
will would break the rules is refused, and amqtt listens on this machine only.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from quitanda.mqtt.access_rules import Access, AccessRules

_ACCESS: Final = {Action.PUBLISH: Access.WRITE, Action.SUBSCRIBE: Access.READ, Action.RECEIVE: Access.READ}


@dataclass
class AccessConfig:
    """What both plugins are told: where the access list is."""

    acl: str = ""

    def rules(self) -> AccessRules:
        """Read the access list. Raises OSError and ValueError."""
        return AccessRules.read(Path(self.acl).read_text(encoding="utf-8"))


class CertificateNames(BaseAuthPlugin):  # type: ignore[misc]
    """Takes the common name of a verified certificate for the user's name, and refuses clients without one."""

    Config = AccessConfig

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules: AccessRules = self.config.rules()

    async def authenticate(self, *, session: Session) -> bool:
        """Tell whether the client may connect."""
        name = _common_name(session)
        session.username = name
        if name is None:
            return False
        return session.will_topic is None or self._rules.permit(name, Access.WRITE, session.will_topic)


class TopicAccess(BaseTopicPlugin):  # type: ignore[misc]
    """Permits what the rules permit the user whom `CertificateNames` found."""

    Config = AccessConfig

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules: AccessRules = self.config.rules()

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Tell whether the user may do this with the topic."""
        if session is None or session.username is None or topic is None or action is None:
            return False
        return self._rules.permit(session.username, _ACCESS[action], topic)


def _common_name(session: Session) -> str | None:
    certificate = None if session.ssl_object is None else session.ssl_object.getpeercert()
    subject = () if not certificate else certificate.get("subject", ())
    names = [value for part in subject for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 else None
