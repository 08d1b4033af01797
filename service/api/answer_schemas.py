"""The JSON of what an answer says of the query's picture, and of what looks at it."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from service.core.tiers import Role
from service.core.types import Encoder
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


class TierOut(BaseModel):
    """One graph of the model; all of them embed into one space."""

    name: str | None = Field(description="As the bundle has it.")
    precision: str = Field(description="Of its weights: fp32, fp16 or int8.")
    gflops: float | None = Field(description="Multiply-adds of a picture, in units of 1e9.")

    @classmethod
    def by_role(cls, tiers: Mapping[Role, Encoder]) -> "dict[str, TierOut]":
        """Show what `best` and `fast` are."""
        told = {role: encoder.tier for role, encoder in tiers.items()}
        return {
            role: cls(name=tier.name, precision=tier.precision, gflops=tier.gflops)
            for role, tier in told.items()
        }
