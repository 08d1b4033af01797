"""Settings: documented, read from the environment, and frozen."""

from pathlib import Path

import pytest
import typer
from pydantic import ValidationError

from service.cli.options import settings_with
from service.settings import DEFAULT_BUNDLE, Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VITRINE_{name.upper()}", raising=False)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_says_what_it_is(name: str):
    description = Settings.model_fields[name].description

    assert description
    assert description.endswith(".")


def test_the_defaults_need_nothing_and_reach_nothing():
    settings = Settings()

    assert settings.data_dir == Path("data")
    assert settings.bundle == DEFAULT_BUNDLE
    assert settings.redis_url is None
    assert settings.host == "127.0.0.1"
    assert not settings.fetch_urls


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data_dir", "/srv/shop", Path("/srv/shop")),
        ("provider", "openvino", "openvino"),
        ("threads", "3", 3),
        ("redis_url", "redis://cache:6379/1", "redis://cache:6379/1"),
        ("index_poll_seconds", "0.25", 0.25),
        ("port", "0", 0),
    ],
)
def test_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
):
    monkeypatch.setenv(f"VITRINE_{name.upper()}", text)

    assert getattr(Settings(), name) == value


def test_the_command_line_beats_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VITRINE_PORT", "9000")
    monkeypatch.setenv("VITRINE_HOST", "::1")

    settings = settings_with(port=9001, host=None)

    assert (settings.port, settings.host) == (9001, "::1")


@pytest.mark.parametrize(
    ("name", "text"),
    [("port", "65536"), ("threads", "0"), ("provider", "tpu"), ("max_in_flight", "many")],
)
def test_a_value_that_cannot_be_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
):
    monkeypatch.setenv(f"VITRINE_{name.upper()}", text)

    with pytest.raises(typer.BadParameter, match=name):
        settings_with()


def test_settings_are_frozen_and_take_no_others():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings(colour="red")
