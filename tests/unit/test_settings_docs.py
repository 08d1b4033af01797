"""docs/settings.md has every setting, with the default and the meaning that it has in the code."""

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from service.settings import DEFAULT_BUNDLE, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = re.findall(r"^\| `VITRINE_.*$", PAGE, re.MULTILINE)


def shown(default: object) -> str:
    if default is None or default == "":
        return "none"
    if default == DEFAULT_BUNDLE:
        return "the one that ships"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`"


def row(name: str, setting: FieldInfo) -> str:
    return f"| `VITRINE_{name.upper()}` | {shown(setting.default)} | {setting.description} |"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_on_the_page(name: str) -> None:
    expected = row(name, Settings.model_fields[name])
    assert expected in ROWS, f"docs/settings.md needs this line:\n{expected}"


def test_nothing_else_is_on_the_page() -> None:
    assert len(ROWS) == len(Settings.model_fields)
    named = set(re.findall(r"VITRINE_[A-Z_]+", PAGE))
    assert named == {f"VITRINE_{name.upper()}" for name in Settings.model_fields}
