"""The JSON of what an answer says of the query's picture, and of what looks at it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from service.core.tiers import Role
from service.core.types import Encoder


class DetectedOut(TypedDict):
    """What the query's picture shows, by one head of the model."""

    label: str
    probability: Annotated[float, Field(description="0 to 1.")]


class CategoryOut(TypedDict):
    """What became of `category: auto`."""

    label: Annotated[
        str | None, Field(description="The likeliest category; null without a picture.")
    ]
    probability: Annotated[float | None, Field(description="Of it, 0 to 1.")]
    applied: Annotated[
        bool, Field(description="Whether products of that category alone were searched.")
    ]
    reason: Annotated[str | None, Field(description="Why not.")]


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
