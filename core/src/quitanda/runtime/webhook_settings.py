"""What an admin portal is told about webhooks by its environment; a part of `settings.AdminPortalSettings`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings


class WebhookSettings(BaseSettings):
    """Where events may be sent to, and how often they are tried."""

    webhook_private_addresses: bool = False
    """Webhooks may be sent to hosts with private addresses: to whatever this portal reaches in its own network."""

    webhook_plain_http: bool = False
    """The address of a webhook may begin with http://, so that whoever is on the way reads and changes what is sent."""

    webhook_ca: Path | None = None
    """A file with certificates of authorities that receivers' certificates may be of, besides those of the system."""

    webhook_attempts: Annotated[int, Field(ge=1, le=1_000)] = 10
    """How often an event is tried before it becomes a dead letter; with 10 that is after some four minutes."""

    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 10.0
    """How long one attempt may take as a whole."""
