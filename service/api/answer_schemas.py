"""The JSON of what an answer says of the query's picture."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from service.pipeline.detecting import Detected, Narrowing


class DetectedOut(BaseModel):
    """What the query's picture shows, by one head of the model."""

    label: str
    probability: float = Field(description="0 to 1.")

    @classmethod
    def by_head(cls, found: Mapping[str, tuple[Detected, ...]]) -> "dict[str, list[DetectedOut]]":
        """Show what every head says."""
        return {
            head: [cls(label=d.label, probability=round(d.probability, 4)) for d in labels]
            for head, labels in found.items()
        }


class CategoryOut(BaseModel):
    """What became of `category: auto`."""

    label: str | None = Field(description="The likeliest category; null without a picture.")
    probability: float | None = Field(description="Of it, 0 to 1.")
    applied: bool = Field(description="Whether products of that category alone were searched.")
    reason: str | None = Field(description="Why not.")

    @classmethod
    def of(cls, narrowing: Narrowing) -> "CategoryOut":
        """Show it."""
        probability = narrowing.probability
        return cls(
            label=narrowing.label,
            probability=None if probability is None else round(probability, 4),
            applied=narrowing.applied,
            reason=narrowing.reason,
        )
