"""Settings in a file, as `vitrine tune` writes one: lines of NAME=value.

    VITRINE_SETTINGS_FILE -> lines -> names known? values possible? -> beneath the environment

systemd's EnvironmentFile and `docker run --env-file` read the same lines.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from service.core.errors import SettingsError

PREFIX = "VITRINE_"
ITSELF = "settings_file"


def read_settings(path: Path, fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """Return what a file sets, by the names of the fields.

    Raises:
        SettingsError: It cannot be read, or a line is none, sets what there is not or sets it
            twice, or to a value that it cannot have. All such lines are named.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeError) as exc:
        raise SettingsError(f"cannot read the settings file {path}: {exc}") from exc
    values: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, given, value = (part.strip() for part in line.partition("="))
        field = name.removeprefix(PREFIX).lower()
        if reason := _reason(name, given, field, fields) or _twice(field, values):
            wrong.append(f"line {number}: {reason}")
        elif reason := _impossible(fields[field], value):
            wrong.append(f"line {number}: {name} {reason}")
        values[field] = value
    if wrong:
        raise SettingsError(f"{path}: {'; '.join(wrong)}; docs/settings.md has every setting")
    return values


def settings_lines(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield the lines of a file that sets these; None is left out, as the default."""
    for field, value in values.items():
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"{PREFIX}{field.upper()}={text}"


def _reason(name: str, given: str, field: str, fields: Mapping[str, FieldInfo]) -> str | None:
    """Tell why a line sets nothing, or None."""
    if not given:
        return f"{name[:80]!r} is not NAME=value"
    if name != f"{PREFIX}{field.upper()}" or field not in fields:
        return f"there is no setting {name[:80]!r}"
    return "a settings file names no other" if field == ITSELF else None


def _twice(field: str, values: Mapping[str, str]) -> str | None:
    return f"{PREFIX}{field.upper()} is set twice" if field in values else None


def _impossible(field: FieldInfo, value: str) -> str | None:
    try:
        TypeAdapter(_allowed(field)).validate_python(value)
    except ValidationError as exc:
        return f"is {value[:80]!r}: {exc.errors()[0]['msg']}"
    return None


def _allowed(field: FieldInfo) -> Any:
    """Return the type of a field with its bounds."""
    return Annotated[field.annotation, field]
