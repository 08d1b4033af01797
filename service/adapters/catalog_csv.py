"""Files of separated values, and the plain catalogue in one: a header, then a line a row.

path -> delimiter, first line -> lines of cells -> records by column -> CatalogRow
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from service.adapters.catalog_columns import ColumnPlan, plan_columns, rows_of
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow


class CsvFile:
    """Comma, semicolon or tab separated values in UTF-8, read line by line.

    Attributes:
        header: Cells of the first line, which may be no header.
    """

    def __init__(self, path: Path) -> None:
        """Read the first line; raises CatalogSourceError."""
        self.path = path
        with reading(path), path.open(encoding="utf-8-sig", newline="") as file:
            first_line = next((line for line in file if line.strip()), "")
        tabs = path.suffix.lower() == ".tsv"
        self._delimiter = "\t" if tabs else max(",;\t", key=first_line.count)
        _, header = next(self.lines(), ("", []))
        self.header = [name.strip() for name in header]

    def lines(self) -> Iterator[tuple[str, list[str]]]:
        """Yield every line that is not empty, and where it is; raises CatalogSourceError."""
        with reading(self.path), self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter, strict=True)
            try:
                for values in reader:
                    if any(values):
                        yield f"{self.path}, line {reader.line_num}", values
            except csv.Error as exc:
                raise CatalogSourceError(f"{self.path}, line {reader.line_num}: {exc}") from exc

    def below_header(self) -> Iterator[tuple[str, list[str]]]:
        """Yield what comes after the first line, no line longer than it."""
        lines = self.lines()
        next(lines, None)
        for where, values in lines:
            if any(values[len(self.header) :]):
                raise CatalogSourceError(
                    f"{where}: {len(values)} cells under {len(self.header)} columns"
                )
            yield where, values


class CsvSource:
    """A file of columns with names of its own; several pictures in a cell are apart at `|`."""

    def __init__(self, file: CsvFile, columns: Mapping[str, str]) -> None:
        """Find the columns; raises CatalogSourceError."""
        self._file = file
        self._plan = self._planned(columns)

    @property
    def total(self) -> int | None:
        """Unknown before the file has been read."""
        return None

    @property
    def dated(self) -> bool:
        """Whether a column says when a row last changed."""
        return self._plan.dated

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every row in order; raises CatalogSourceError."""
        for where, values in self._file.below_header():
            record = dict(zip(self._file.header, values, strict=False))
            yield from rows_of(
                record, self._plan, folder=self._file.path.parent, where=where, separator="|"
            )

    def _planned(self, columns: Mapping[str, str]) -> ColumnPlan:
        return plan_columns([name for name in self._file.header if name], columns, self._file.path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Translate what may befall a reader of text; raises CatalogSourceError."""
    try:
        yield
    except UnicodeDecodeError as exc:
        raise CatalogSourceError(f"{path}: not UTF-8 text ({exc}); save it as UTF-8") from exc
    except OSError as exc:
        raise CatalogSourceError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
