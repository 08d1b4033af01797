"""How much a run of the benchmarks measures, and where it keeps what takes long to make."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.report import Figure


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for.

    Attributes:
        keep: Folder of models and catalogues, which a later run finds again.
        short: Whether the run only shows that everything works: every path, few requests.
    """

    keep: Path
    short: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark, as `python -m bench` runs it."""

    measure: Callable[[Plan], dict[str, Any]]
    figures: Callable[[dict[str, Any]], Sequence[Figure]]


@contextmanager
def planned(keep: Path | None, *, short: bool) -> Iterator[Plan]:
    """Lend a plan whose folder exists; without `keep` it goes away again."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield Plan(keep.resolve(), short)
        return
    with TemporaryDirectory() as name:
        yield Plan(Path(name), short)
