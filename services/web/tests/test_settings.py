"""What the page's environment may say."""

import pytest
from pydantic import ValidationError

from quitanda.runtime.settings import SettingsError, load
from quitanda_clients.i18n.languages import Language
from quitanda_web.settings import WebSettings


def test_without_any_setting_it_is_the_page_of_make_run():
    settings = WebSettings()

    assert str(settings.web_listen) == "127.0.0.1:7080"
    assert [str(portal) for portal in settings.admin_portals] == ["127.0.0.1:7001", "127.0.0.1:7002"]
    assert settings.lang is None
    assert not settings.secure


def test_its_language_zone_and_currency_are_read():
    settings = WebSettings(
        lang="pt_BR.UTF-8", time_zone="America/Sao_Paulo", currency="EUR", web_url="https://shop.example/"
    )

    assert settings.lang is Language.PORTUGUESE
    assert str(settings.time_zone) == "America/Sao_Paulo"
    assert settings.web_url == "https://shop.example"
    assert settings.secure


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("lang", "de", "must be one of en, pt-BR"),
        ("time_zone", "Mars/Olympus", "time zone of the IANA"),
        ("time_zone", "../etc/passwd", "time zone of the IANA"),
        ("currency", "XX", "ISO 4217"),
        ("web_url", "shop.example", "like https://shop.example"),
        ("web_url", "https://shop.example/path", "without a path"),
        ("web_url", "ftp://shop.example", "like https://shop.example"),
        ("web_listen", "7080", ""),
        ("admin_portals", "nonsense", ""),
        ("request_timeout_seconds", "0", ""),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(monkeypatch, name, value, told):
    monkeypatch.setenv(f"QUITANDA_{name.upper()}", value)

    with pytest.raises(SettingsError, match=f"QUITANDA_{name.upper()}") as refused:
        load(WebSettings)
    assert told in str(refused.value)


def test_a_misspelt_setting_is_refused(monkeypatch):
    monkeypatch.setenv("QUITANDA_WEB_LISTN", "127.0.0.1:1")

    with pytest.raises(SettingsError, match="did you mean QUITANDA_WEB_LISTEN"):
        load(WebSettings)


def test_no_field_is_taken_that_there_is_not():
    given = {"colour": "red"}

    with pytest.raises(ValidationError):
        WebSettings(**given)
