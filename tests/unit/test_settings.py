"""Settings: documented, read from the environment, and frozen."""

from pathlib import Path

import pytest
import typer
from pydantic import ValidationError

from service.cli.options import settings_with
from service.core.errors import SettingsError
from service.settings import DEFAULT_BUNDLE, Settings
from service.settings_file import settings_lines


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


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "vitrine.env"
    monkeypatch.setenv("VITRINE_SETTINGS_FILE", str(path))
    return path


def test_a_file_sets_what_neither_command_line_nor_environment_do(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
):
    threads = "# tuned\n\nVITRINE_THREADS=3\n VITRINE_SPINNING = false\n"
    settings_file.write_text(threads + "VITRINE_PORT=1\nVITRINE_HOST=::1\n")
    monkeypatch.setenv("VITRINE_PORT", "2")

    settings = settings_with(host="::2")

    assert (settings.threads, settings.spinning, settings.max_batch) == (3, False, 16)
    assert (settings.port, settings.host) == (2, "::2")


def test_the_command_line_may_name_the_file(tmp_path: Path):
    path = tmp_path / "other.env"
    path.write_text("VITRINE_MAX_BATCH=5")
    assert settings_with(settings_file=path).max_batch == 5


def test_a_file_says_what_was_to_be_written(settings_file: Path):
    values = {"threads": 2, "spinning": False, "decode_threads": None, "index": "hnsw"}
    settings_file.write_text("\n".join(settings_lines(values)))
    settings = settings_with()
    assert {name: getattr(settings, name) for name in values} == values


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("VITRINE_COLOUR=red", "line 2: there is no setting 'VITRINE_COLOUR'"),
        ("vitrine_threads=2", "line 2: there is no setting 'vitrine_threads'"),
        ("PATH=/bin", "line 2: there is no setting 'PATH'"),
        ("VITRINE_THREADS 2", "line 2: 'VITRINE_THREADS 2' is not NAME=value"),
        ("VITRINE_THREADS=0", "line 2: VITRINE_THREADS is '0': .* greater than or equal to 1"),
        ("VITRINE_SPINNING=maybe", "line 2: VITRINE_SPINNING is 'maybe': .* boolean"),
        ("VITRINE_PORT=1", "line 2: VITRINE_PORT is set twice"),
        ("VITRINE_SETTINGS_FILE=x", "line 2: a settings file names no other"),
    ],
)
def test_a_line_that_sets_nothing_refuses_the_file(settings_file: Path, line: str, reason: str):
    settings_file.write_text(f"VITRINE_PORT=2\n{line}\nCOLOUR=blue\n")
    with pytest.raises(SettingsError, match=rf"vitrine\.env: {reason}.*; line 3: ") as caught:
        settings_with()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "no text"])
def test_a_file_that_cannot_be_read_is_named(settings_file: Path, content: bytes | None):
    if content is not None:
        settings_file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*vitrine\.env"):
        settings_with()
