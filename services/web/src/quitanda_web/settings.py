"""What the page's process is told by its environment: variables QUITANDA_... (services/web/README.md)."""

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.numbers import list_currencies
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from quitanda.identity.folder import OPEN_MODE
from quitanda.runtime.addresses import Address, parse_addresses
from quitanda.runtime.settings import (
    ENV_PREFIX,
    Listen,
    LogFormat,
    LogLevel,
    Name,
    OptionalAddress,
    Seconds,
)
from quitanda_clients.connecting import ADMIN_PORTALS_DEFAULT, CLIENT_PORTALS_DEFAULT
from quitanda_clients.i18n.languages import Language, parse_language

SCHEMES: Final = ("http", "https")


def _portals(value: Any) -> Any:
    return parse_addresses(value) if isinstance(value, str) else value


def _folder_or_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in {"", OPEN_MODE} else value


def _language_or_none(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value or None
    language = parse_language(value)
    if language is None:
        raise ValueError(f"must be one of {', '.join(Language)}")
    return language


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA, such as America/Sao_Paulo") from None


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _origin(url: str) -> str:
    """Check that a URL is an origin: scheme, host and perhaps a port."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname or url.rstrip("/") != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("must be like https://shop.example or https://shop.example:8443, without a path")
    return url.rstrip("/").lower()


def _currency(code: str) -> str:
    if code not in list_currencies():
        raise ValueError("must be a currency's code of ISO 4217, such as BRL")
    return code


Portals = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_portals)]


class WebSettings(BaseSettings):
    """What the page's process needs to know."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name = "web"
    """Stands in the logs."""

    identity: Annotated[Path | None, BeforeValidator(_folder_or_none)] = None
    """The folder with the CA of the portals, this process's certificate and the key of the sessions; None ("off"): the
    open mode, in which nobody proves who calls."""

    web_listen: Listen = Address("127.0.0.1", 7080)
    """Where the page is served, over HTTP without TLS."""

    web_url: Annotated[str, AfterValidator(_origin)] = ""
    """How browsers reach the page, if something before it speaks TLS. Without it the page serves this machine only."""

    web_forwarded_from: str = ""
    """The addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas."""

    admin_portals: Portals = parse_addresses(ADMIN_PORTALS_DEFAULT)
    client_portals: Portals = parse_addresses(CLIENT_PORTALS_DEFAULT)
    """Where the portals serve gRPC."""

    request_timeout_seconds: Seconds = 10.0
    """How long a portal may take to answer, all attempts together."""

    metrics_listen: OptionalAddress = None
    """Where this process shows its metrics; nowhere if not given."""

    lang: Annotated[Language | None, BeforeValidator(_language_or_none)] = None
    """The language of people who have chosen none and whose browsers name none of ours."""

    currency: Annotated[str, AfterValidator(_currency)] = "BRL"
    time_zone: Annotated[ZoneInfo, BeforeValidator(_zone)] = ZoneInfo("UTC")
    """How money and times are shown."""

    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = LogLevel.INFO
    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = LogFormat.AUTO

    stop_timeout_seconds: Seconds = 10.0
    """How long an orderly end may take before the process ends anyway."""

    @property
    def secure(self) -> bool:
        """Whether browsers reach the page by TLS."""
        return self.web_url.startswith("https://")
