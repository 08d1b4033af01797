"""Everything that was measured of a bundle, as one value that JSON keeps.

training.evaluate -> Evaluation -> FILE.json -> training.card
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from training.evaluate_heads import HeadResult
from training.evaluate_matches import MatchResult
from training.evaluate_retrieval import Retrieval
from training.evaluate_text import TextResult
from training.evaluate_tiers import TierCost
from training.labels import DataError


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """Which bundle it was.

    Attributes:
        digest: Of all that changes a vector.
        files: MB of each file.
        megabytes: Of all of them.
    """

    name: str
    version: str
    licence: str
    digest: str
    dim: int
    size: int
    files: dict[str, float]
    megabytes: float


@dataclass(frozen=True, slots=True)
class AimResult:
    """An aim and what came of it.

    Attributes:
        figure: What was measured; None where it could not be.
        threshold: What was aimed at.
        at_least: Whether more is better.
    """

    name: str
    figure: float | None
    threshold: float
    at_least: bool

    @property
    def margin(self) -> float | None:
        """By how much it was met; negative where it was missed."""
        if self.figure is None:
            return None
        above = self.figure - self.threshold
        return above if self.at_least else -above


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one bundle.

    Attributes:
        limit: Queries of each task at most, if not all were asked.
        machine: What the tiers were timed on.
        skipped: What was not measured, and why.
    """

    bundle: BundleFacts
    limit: int | None
    retrieval: list[Retrieval]
    text: TextResult | None
    heads: list[HeadResult]
    matches: MatchResult | None
    tiers: list[TierCost]
    machine: str
    skipped: list[str]
    aims: list[AimResult]


_ADAPTER = TypeAdapter(Evaluation)


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write it as JSON."""
    path.write_bytes(_ADAPTER.dump_json(evaluation, indent=2) + b"\n")


def read_evaluation(path: Path) -> Evaluation:
    """Read what `write_evaluation` wrote.

    Raises:
        DataError: It is missing, or something else.
    """
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError) as exc:
        raise DataError(
            f"{path} is not an evaluation: write one with "
            f"`python -m training.evaluate BUNDLE --data DIR --json {path}` ({exc})"
        ) from exc
