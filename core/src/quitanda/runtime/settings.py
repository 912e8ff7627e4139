"""What a process is told by its environment: variables QUITANDA_..., read once, at the start.

`docs/OPERATIONS.md` explains each. Nothing else in the code reads the environment.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from quitanda.domain.limits import ID_LENGTH_MAX, ID_PATTERN
from quitanda.identity.folder import OPEN_MODE, IdentityError, IdentityFile, IdentityFolder
from quitanda.mqtt.feed_key import KEY_CHARACTERS_MIN
from quitanda.runtime import variables
from quitanda.runtime.addresses import Address, parse_address, parse_named_addresses
from quitanda.runtime.webhook_settings import WebhookSettings

ENV_PREFIX: Final = variables.PREFIX
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


class GatewayMode(StrEnum):
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


def _folder_or_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in {"", OPEN_MODE} else value


def _one_source(value: Any, name: IdentityFile, read: Callable[[IdentityFolder], str], others: ValidationInfo) -> Any:
    """Give a secret, from its variable or from the identity folder; None where neither has it.

    ValueError where both have it, or where the folder's cannot be read.
    """
    if "identity" not in others.data:
        if value is None:
            raise ValueError("cannot be read from the identity folder")
        return value
    path = others.data["identity"]
    if path is None or not (folder := IdentityFolder(path)).has(name):
        return value
    if value:
        raise ValueError(
            f"is set, and {folder.file(name)} holds one, too: unset the variable, so that there is one of the two"
        )
    try:
        return SecretStr(read(folder))
    except IdentityError as error:
        raise ValueError(f"comes from the identity folder: {error}") from None


Listen = Annotated[Address, NoDecode, BeforeValidator(_one)]
OptionalAddress = Annotated[Address | None, NoDecode, BeforeValidator(_one_or_none)]
NamedAddresses = Annotated[Mapping[str, Address], NoDecode, BeforeValidator(_named)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=f"^{ID_PATTERN}$", max_length=ID_LENGTH_MAX)]


class ProcessSettings(BaseSettings):
    """What every process needs to know."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    replicas: NamedAddresses
    """Where each replica serves gRPC."""

    name: Name
    """Unique in the system; stands in the logs. A replica keeps its name for ever."""

    identity: Annotated[Path | None, BeforeValidator(_folder_or_none)] = None
    """The folder with this process's certificate and secrets, for TLS on every link; None ("off"): the open mode."""

    listen: Listen
    """Where this process serves gRPC."""

    metrics_listen: OptionalAddress = None
    """Where this process shows its metrics; nowhere if not given."""

    mqtt: OptionalAddress = None
    """The MQTT broker. Without one a replica publishes no feed and a portal's cache is off."""

    feed_key: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """Shared by the replicas and the portals; authenticates the change feed. Not the cluster's secret. From the
    identity folder where that has it."""

    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = LogLevel.INFO
    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = LogFormat.AUTO

    stop_timeout_seconds: Seconds = 10.0
    """How long an orderly end may take before the process ends anyway."""

    @field_validator("identity")
    @classmethod
    def _its_certificates_can_be_read(cls, identity: Path | None) -> Path | None:
        if identity is not None:
            folder = IdentityFolder(identity)
            try:
                folder.ca()
                folder.process()
            except IdentityError as error:
                raise ValueError(f"names no identity folder that can be used: {error}") from None
        return identity

    @field_validator("feed_key", mode="before")
    @classmethod
    def _the_feed_key_has_one_source(cls, feed_key: Any, others: ValidationInfo) -> Any:
        return _one_source(feed_key, IdentityFile.FEED_KEY, IdentityFolder.feed_key, others)

    @field_validator("feed_key")
    @classmethod
    def _the_feed_has_a_key(cls, feed_key: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        key = "" if feed_key is None else feed_key.get_secret_value()
        if others.data.get("mqtt") is not None and not key:
            raise ValueError(
                f"is needed where {ENV_PREFIX}MQTT is set: by it the change feed is told from what others publish; set "
                "the same one for every replica and portal, or do without a broker"
            )
        if key and len(key) < KEY_CHARACTERS_MIN:
            raise ValueError(f"must have at least {KEY_CHARACTERS_MIN} characters")
        return feed_key

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

    cluster_secret: SecretStr = Field(default=None, validate_default=True)
    """Shared by the replicas; encrypts and authenticates what they tell each other. From the identity folder where
    that has it."""

    cluster_secret_accepted: SecretStr = Field(default=SecretStr(""), validate_default=True)
    """Another secret that replicas may have while the secret is being changed; usually empty. From the identity folder
    where that has it."""

    bootstrap: bool = False
    """An empty disk may mean a new cluster, if all other replicas are empty too; without effect otherwise."""

    raft_election_timeout_min_seconds: Seconds = 0.5
    raft_election_timeout_max_seconds: Seconds = 1.0
    raft_heartbeat_seconds: Seconds = 0.1
    raft_connection_timeout_seconds: Seconds | None = None
    """A silent connection between replicas is given up after this; by default twice the longest election time-out."""

    feed_heartbeat_seconds: Seconds = 0.25
    """How often the leader tells on the feed that it lives; well below the portals' staleness bound."""

    # Each looks at fields above its own, where those are right themselves: so everything wrong is told at once.

    @field_validator("name")
    @classmethod
    def _it_is_among_the_replicas(cls, name: str, others: ValidationInfo) -> str:
        if name not in others.data.get("replicas", (name,)):
            raise ValueError(f"{name!r} is not among {ENV_PREFIX}REPLICAS")
        return name

    @field_validator("raft_addresses")
    @classmethod
    def _they_are_the_same(cls, addresses: Mapping[str, Address], others: ValidationInfo) -> Mapping[str, Address]:
        if "replicas" in others.data and set(addresses) != set(others.data["replicas"]):
            raise ValueError(f"must have the same names as {ENV_PREFIX}REPLICAS")
        return addresses

    @field_validator("cluster_secret", mode="before")
    @classmethod
    def _the_secret_has_one_source(cls, secret: Any, others: ValidationInfo) -> Any:
        secret = _one_source(secret, IdentityFile.CLUSTER_SECRET, IdentityFolder.cluster_secret, others)
        if secret is None:
            raise PydanticCustomError("missing", "Field required")
        return secret

    @field_validator("cluster_secret_accepted", mode="before")
    @classmethod
    def _the_accepted_secret_has_one_source(cls, secret: Any, others: ValidationInfo) -> Any:
        return _one_source(secret, IdentityFile.CLUSTER_SECRET_ACCEPTED, IdentityFolder.cluster_secret_accepted, others)

    @field_validator("cluster_secret", "cluster_secret_accepted")
    @classmethod
    def _it_is_a_secret(cls, secret: SecretStr, others: ValidationInfo) -> SecretStr:
        if not secret.get_secret_value() and others.field_name == "cluster_secret_accepted":
            return secret
        if len(secret.get_secret_value()) < _SECRET_LENGTH_MIN:
            raise ValueError(f"must have at least {_SECRET_LENGTH_MIN} characters")
        if secret == others.data.get("feed_key"):
            raise ValueError(
                f"must not be {ENV_PREFIX}FEED_KEY: every portal knows the feed's key, and only replicas may know "
                "the secret"
            )
        return secret

    @field_validator("raft_election_timeout_max_seconds")
    @classmethod
    def _elections_do_not_collide(cls, longest: float, others: ValidationInfo) -> float:
        if longest <= others.data.get("raft_election_timeout_min_seconds", 0.0):
            raise ValueError(
                f"must be above {ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MIN_SECONDS, so that elections do not collide for "
                "ever"
            )
        return longest

    @field_validator("raft_heartbeat_seconds")
    @classmethod
    def _a_late_one_is_borne(cls, pause: float, others: ValidationInfo) -> float:
        if pause * 3 >= others.data.get("raft_election_timeout_min_seconds", math.inf):
            raise ValueError(
                f"must be below a third of {ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MIN_SECONDS, so that one late heartbeat "
                "starts no election"
            )
        return pause

    @field_validator("raft_connection_timeout_seconds")
    @classmethod
    def _a_silent_leader_keeps_it(cls, silence: float | None, others: ValidationInfo) -> float | None:
        if silence is not None and silence < others.data.get("raft_election_timeout_max_seconds", 0.0):
            raise ValueError(
                f"must be at least {ENV_PREFIX}RAFT_ELECTION_TIMEOUT_MAX_SECONDS, so that a silent leader does not "
                "lose its connections"
            )
        return silence


class PortalSettings(ProcessSettings):
    """What every portal needs to know."""

    course_listen: OptionalAddress = None
    """Where this portal serves the course's contract; nowhere if not given."""

    course_credential: Path | None = Field(default=None, validate_default=True)
    """The file with the token by which callers of the course's contract act, which has no place for one; needed where
    the contract is served and the process has an identity."""

    cache_entries: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    """Documents that the cache holds at most; 0 turns it off."""

    staleness_seconds: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 1.0
    """How old the answer to a CACHED read may be."""

    request_timeout_seconds: Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)] = 10.0
    """How long a call may take whose caller gives no deadline, and the longest one that is granted."""

    caller_calls_per_second: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000
    """Calls that one caller may make at this portal in a second; twice as many at once."""

    caller_calls_max: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    """Reads of one caller that this portal works on at a time, and as many writes."""

    @field_validator("course_credential")
    @classmethod
    def _the_course_acts_by_a_token(cls, file: Path | None, others: ValidationInfo) -> Path | None:
        served = others.data.get("course_listen") is not None and others.data.get("identity") is not None
        if served and file is None:
            raise ValueError(
                f"is needed where {ENV_PREFIX}COURSE_LISTEN and {ENV_PREFIX}IDENTITY are set: the course's contract "
                "has no place for tokens, so its callers act by the token in this file"
            )
        return file

    def course_token(self) -> str:
        """Read the token by which callers of the course's contract act; empty where there is none to be read."""
        try:
            return "" if self.course_credential is None else self.course_credential.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError):
            return ""


class AdminPortalSettings(WebhookSettings, PortalSettings):
    """What an admin portal needs to know."""


class ClientPortalSettings(PortalSettings):
    """What a client portal needs to know."""

    mqtt_gateway: Annotated[GatewayMode, BeforeValidator(_lower)] = GatewayMode.OFF

    order_hold_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 0
    """How long a new order holds its units unless it is placed; 0: for ever. Another one than 0 needs level 4."""

    @field_validator("mqtt_gateway")
    @classmethod
    def _there_is_a_broker(cls, gateway: GatewayMode, others: ValidationInfo) -> GatewayMode:
        if gateway is not GatewayMode.OFF and others.data.get("mqtt", gateway) is None:
            raise ValueError(f"needs a broker: set {ENV_PREFIX}MQTT, or switch it off")
        if gateway is GatewayMode.SHARED and others.data.get("identity") is not None:
            try:
                IdentityFolder(others.data["identity"]).request_group()
            except IdentityError as error:
                raise ValueError(f"is shared, and nobody but the portals may know how: {error}") from None
        return gateway


Settings = TypeVar("Settings", bound=BaseSettings)


def load(kind: type[Settings], **given: Any) -> Settings:
    """Read the settings from the environment; a field in `given` counts instead of its variable.

    SettingsError names each variable that is missing or wrong, and each that is misspelt, all together.
    """
    slips = [
        f"{name} is not a setting; did you mean {nearest}?"
        for name, nearest in variables.misspelt(os.environ, variables.OF_PROCESSES | variables.OF_WEB)
    ]
    try:
        settings = kind(**given)
    except ValidationError as error:
        raise SettingsError(_together([*slips, *_problems(error)])) from None
    if slips:
        raise SettingsError(_together(slips))
    return settings


def load_or_exit(kind: type[Settings]) -> Settings:
    """Read the settings, or say what is wrong with them and end the process."""
    try:
        return load(kind)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_CODE) from None


def _together(problems: Sequence[str]) -> str:
    return "\n".join(("The settings are not usable:", *(f"  {problem}" for problem in problems)))


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        text = problem["msg"].removeprefix("Value error, ")
        variable = "".join(f"{ENV_PREFIX}{str(part).upper()} " for part in problem["loc"][:1])
        yield f"{variable}{_reason(problem['type'], text)}"


def _reason(kind: str, text: str) -> str:
    """Say in our words what the library says of a missing variable; the rest is clear."""
    return "is not set" if kind == "missing" else text if kind == "value_error" else f"is wrong: {text}"
