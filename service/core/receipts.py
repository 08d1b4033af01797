"""What a reindex leaves behind for its operator: what it did, and which pictures failed why.

run -> RunRecord.add_failures, as they come -> close(report) -> kept
    -> left without a report                -> nothing is kept
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from service.core.manifest import OperatingPoint, Receipt
from service.core.types import Failure


class RunEnd(StrEnum):
    """How a run ended."""

    PROMOTED = "promoted"
    UNCHANGED = "unchanged"
    """The version that serves has all that the source has: no other was built."""
    REFUSED = "refused"
    """By a limit or a check: what served still serves."""
    DRY = "dry run"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        version: Of the index: the one that serves, or that was refused; None where none was built.
        rows: Pictures in that version.
        index_kind: What kind of index that is.
        built_on: What it was built on, `cpu` or `gpu`.
        chosen: The point of it that serves.
        failures: The first of them.
        failures_file: Where all of them are, if there are any.
        why: What refused it, or would refuse what was run dry.
    """

    end: RunEnd
    receipt: Receipt
    version: int | None = None
    rows: int = 0
    index_kind: str = ""
    built_on: str = ""
    chosen: OperatingPoint | None = None
    failures: Sequence[Failure] = field(default_factory=tuple)
    failures_file: str | None = None
    why: str = ""


class RunRecord(Protocol):
    """The record of one run, while it lasts."""

    @property
    def failures_path(self) -> str | None:
        """Where failures are kept, if there is any so far."""
        ...

    def add_failures(self, failures: Sequence[Failure]) -> None:
        """Keep some more failures, on disk."""
        ...

    def close(self, report: RunReport) -> None:
        """Keep the report, and with it the failures."""
        ...


class RunRecords(Protocol):
    """The records of the last runs."""

    def begin(self) -> AbstractContextManager[RunRecord]:
        """Open the record of a run; raises StoreError where it cannot be written."""
        ...


class NoRecords:
    """Satisfies `RunRecords` for runs that leave nothing behind, as a dry one."""

    failures_path: str | None = None

    @contextmanager
    def begin(self) -> Iterator["NoRecords"]:
        """Stand for the record too."""
        yield self

    def add_failures(self, failures: Sequence[Failure]) -> None:
        """Keep nothing."""

    def close(self, report: RunReport) -> None:
        """Keep nothing."""
