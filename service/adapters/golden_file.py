"""Golden queries of a shop: JSONL of `{"image": "photos/1.jpg", "expect": ["sku-1", "sku-2"]}`.

Paths are relative to the file.
"""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.core.errors import CatalogSourceError
from service.core.tasks import GoldenQuery


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    image: Path
    expect: frozenset[str] = Field(min_length=1)


def read_golden(path: Path) -> tuple[GoldenQuery, ...]:
    """Read queries and their pictures.

    Raises:
        CatalogSourceError: The file or one of its pictures cannot be read, a line is not of that
            form, or there is none.
    """
    queries = []
    try:
        for number, text in enumerate(path.read_text().splitlines(), start=1):
            if text.strip():
                line = _parsed(text, f"{path}, line {number}")
                data = (path.parent / line.image).read_bytes()
                queries.append(GoldenQuery(str(line.image), data, line.expect))
    except (OSError, UnicodeDecodeError) as exc:
        where = getattr(exc, "filename", None) or path
        raise CatalogSourceError(f"{where} cannot be read: {exc}") from exc
    if not queries:
        raise CatalogSourceError(f"{path} has no golden queries")
    return tuple(queries)


def _parsed(text: str, where: str) -> _Line:
    try:
        return _Line.model_validate(json.loads(text))
    except (ValueError, ValidationError) as exc:
        raise CatalogSourceError(
            f'{where} is not of the form {{"image": path, "expect": [product ids]}}'
        ) from exc
