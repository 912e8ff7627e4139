"""What a process is told by its environment: variables QUITANDA_..., read once, at the start.

`docs/OPERATIONS.md` explains each. Nothing else in the code reads the environment.
"""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from quitanda.domain.limits import ID_LENGTH_MAX, ID_PATTERN
from quitanda.feed_key import KEY_CHARACTERS_MIN
from quitanda.runtime.addresses import Address, parse_address, parse_named_addresses

ENV_PREFIX: Final = "QUITANDA_"
EXIT_CODE: Final = 2
"""How a process ends whose settings are wrong."""

_SECRET_LENGTH_MIN: Final = 16


class LogFormat(StrEnum):
    """How log lines are written; AUTO means console on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severe log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class MqttGateway(StrEnum):
    """Whether a client portal takes requests over MQTT, and whether it shares them with the other portals."""

    OFF = "off"
    SHARED = "shared"
    EXCLUSIVE = "exclusive"


class SettingsError(Exception):
    """The environment is not usable; the text names each variable and what is wrong with it."""


def _one(value: Any) -> Any:
    return parse_address(value) if isinstance(value, str) else value


def _one_or_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else _one(value)


def _named(value: Any) -> Any:
    return parse_named_addresses(value) if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


Listen = Annotated[Address, NoDecode, BeforeValidator(_one)]
OptionalAddress = Annotated[Address | None, NoDecode, BeforeValidator(_one_or_none)]
NamedAddresses = Annotated[Mapping[str, Address], NoDecode, BeforeValidator(_named)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=f"^{ID_PATTERN}$", max_length=ID_LENGTH_MAX)]


class ProcessSettings(BaseSettings):
    """What every process needs to know."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    """Unique in the system; stands in the logs. A replica keeps its name for ever."""

    replicas: NamedAddresses
    """Where each replica serves gRPC."""

    listen: Listen
    """Where this process serves gRPC."""

    metrics_listen: OptionalAddress = None
    """Where this process shows its metrics; nowhere if not given."""

    mqtt: OptionalAddress = None
    """The MQTT broker. Without one a replica publishes no feed and a portal's cache is off."""

    feed_key: SecretStr | None = None
    """Shared by the replicas and the portals; authenticates the change feed. Not the cluster's secret."""

    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = LogLevel.INFO
    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = LogFormat.AUTO

    stop_timeout_seconds: Seconds = 10.0
    """How long an orderly end may take before the process ends anyway."""

    @model_validator(mode="after")
    def _feed_has_a_key(self) -> Self:
        key = "" if self.feed_key is None else self.feed_key.get_secret_value()
        if self.mqtt is not None and not key:
            raise ValueError(
                f"{ENV_PREFIX}MQTT needs {ENV_PREFIX}FEED_KEY, by which the change feed is told from what others "
                "publish: set the same one for every replica and portal, or do without a broker"
            )
        if key and len(key) < KEY_CHARACTERS_MIN:
            raise ValueError(f"{ENV_PREFIX}FEED_KEY must have at least {KEY_CHARACTERS_MIN} characters")
        return self

    def required_feed_key(self) -> str:
        """Give the text of the feed's key, which there is wherever there is a broker."""
        if self.feed_key is None:
            raise ValueError("there is no broker, so there is no feed")
        return self.feed_key.get_secret_value()


class ReplicaSettings(ProcessSettings):
    """What a replica needs to know. The Raft times are those of one local network."""

    raft_addresses: NamedAddresses
    """Where each replica's Raft listens; the same names as in `replicas`."""

    data_dir: Path
    """Everything that the replica knows; nothing else may be in it."""

    cluster_secret: SecretStr
    """Shared by the replicas; encrypts and authenticates what they tell each other."""

    bootstrap: bool = False
    """An empty disk may mean a new cluster, if all other replicas are empty too; without effect otherwise."""

    raft_election_timeout_min_seconds: Seconds = 0.5
    raft_election_timeout_max_seconds: Seconds = 1.0
    raft_heartbeat_seconds: Seconds = 0.1
    raft_connection_timeout_seconds: Seconds | None = None
    """A silent connection between replicas is given up after this; by default twice the longest election time-out."""

    feed_heartbeat_seconds: Seconds = 0.25
    """How often the leader tells on the feed that it lives; well below the portals' staleness bound."""

    @model_validator(mode="after")
    def _relations(self) -> Self:
        if self.name not in self.replicas:
            raise ValueError(f"{ENV_PREFIX}NAME {self.name!r} is not among {ENV_PREFIX}REPLICAS")
        if set(self.raft_addresses) != set(self.replicas):
            raise ValueError(f"{ENV_PREFIX}RAFT_ADDRESSES and {ENV_PREFIX}REPLICAS must have the same names")
        if len(self.cluster_secret.get_secret_value()) < _SECRET_LENGTH_MIN:
            raise ValueError(f"{ENV_PREFIX}CLUSTER_SECRET must have at least {_SECRET_LENGTH_MIN} characters")
        if self.feed_key == self.cluster_secret:
            raise ValueError(
                f"{ENV_PREFIX}FEED_KEY must not be {ENV_PREFIX}CLUSTER_SECRET: every portal knows the feed's key, and "
                "only replicas may know the secret"
            )
        if self.raft_election_timeout_min_seconds >= self.raft_election_timeout_max_seconds:
            raise ValueError(
                f"{ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MIN_SECONDS must be below "
                f"{ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MAX_SECONDS, so that elections do not collide for ever"
            )
        if self.raft_heartbeat_seconds * 3 >= self.raft_election_timeout_min_seconds:
            raise ValueError(
                f"{ENV_PREFIX}RAFT_HEARTBEAT_SECONDS must be below a third of "
                f"{ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MIN_SECONDS, so that one late heartbeat starts no election"
            )
        given = self.raft_connection_timeout_seconds
        if given is not None and given < self.raft_election_timeout_max_seconds:
            raise ValueError(
                f"{ENV_PREFIX}RAFT_CONNECTION_TIMEOUT_SECONDS must be at least "
                f"{ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MAX_SECONDS, so that a silent leader does not lose its connections"
            )
        return self


class PortalSettings(ProcessSettings):
    """What every portal needs to know."""

    course_listen: OptionalAddress = None
    """Where this portal serves the course's contract; nowhere if not given."""

    cache_entries: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    """Documents that the cache holds at most; 0 turns it off."""

    staleness_seconds: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 1.0
    """How old the answer to a CACHED read may be."""

    request_timeout_seconds: Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)] = 10.0
    """How long a call may take whose caller gives no deadline, and the longest one that is granted."""


class AdminPortalSettings(PortalSettings):
    """What an admin portal needs to know."""


class ClientPortalSettings(PortalSettings):
    """What a client portal needs to know."""

    mqtt_gateway: Annotated[MqttGateway, BeforeValidator(_lower)] = MqttGateway.OFF

    @model_validator(mode="after")
    def _relations(self) -> Self:
        if self.mqtt_gateway is not MqttGateway.OFF and self.mqtt is None:
            raise ValueError(f"{ENV_PREFIX}MQTT_GATEWAY needs a broker: set {ENV_PREFIX}MQTT, or switch it off")
        return self


Settings = TypeVar("Settings", bound=ProcessSettings)


def load(kind: type[Settings], **given: Any) -> Settings:
    """Read the settings from the environment; a field in `given` counts instead of its variable.

    SettingsError names each variable that is missing or wrong.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def load_or_exit(kind: type[Settings]) -> Settings:
    """Read the settings, or say what is wrong with them and end the process."""
    try:
        return load(kind)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CODE) from None


def _explain(error: ValidationError) -> str:
    lines = ["The settings are not usable:"]
    for problem in error.errors(include_url=False, include_input=False):
        text = problem["msg"].removeprefix("Value error, ")
        variable = "".join(f"{ENV_PREFIX}{str(part).upper()} " for part in problem["loc"][:1])
        lines.append(f"  {variable}{_reason(problem['type'], text)}")
    return "\n".join(lines)


def _reason(kind: str, text: str) -> str:
    """Say in our words what the library says of a missing variable; the rest is clear."""
    return "is not set" if kind == "missing" else text if kind == "value_error" else f"is wrong: {text}"
