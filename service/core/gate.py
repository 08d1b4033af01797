"""What a change to a model cost and gained, measured on pictures of a catalogue: in `bundle.json`.

Figures are against the model before the change, on the same pictures; shares are 0..1.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quality(_Strict):
    """How retrieval changed.

    Attributes:
        pictures: All that were embedded.
        top10_agreement: Mean share of a picture's ten nearest that both have in common.
        labelled: Pictures whose label another has too; without any there are no figures below.
        p_at_1: Share of these whose nearest had their label before the change.
        p_at_1_change: That share after the change less `p_at_1`.
        p_at_1_error: Standard error of the change; of pairs, since the pictures are the same.
    """

    pictures: int = Field(ge=2)
    top10_agreement: float = Field(ge=0, le=1)
    labelled: int = Field(default=0, ge=0)
    p_at_1: float | None = Field(default=None, ge=0, le=1)
    p_at_1_change: float | None = Field(default=None, ge=-1, le=1)
    p_at_1_error: float | None = Field(default=None, ge=0)


class Rate(_Strict):
    """Pictures a second at one batch size, the two timed in alternating rounds."""

    batch: int = Field(ge=1)
    before: float = Field(gt=0)
    after: float = Field(gt=0)


class Gate(Quality):
    """A variant against the tier it was made of.

    Attributes:
        of: Name of the tier.
        recipe: How it was made; `docs/export-variants.md` has them.
        cosine_mean: Of a picture's vector by the one and by the other.
        cosine_p1: First percentile: of a hundred pictures, one is below.
        timed_on: Provider and threads of `rates`; empty where nothing was timed, since the
            machine lacked what the variant is for.
    """

    of: str
    recipe: str
    cosine_mean: float = Field(ge=-1, le=1)
    cosine_p1: float = Field(ge=-1, le=1)
    timed_on: str = ""
    rates: tuple[Rate, ...] = ()


class Truncation(Quality):
    """A whole bundle against one of more dimensions; measured on the default tier.

    Attributes:
        method: `pca` turns the space first, `prefix` takes the first dimensions as they are.
        of_dim: Dimensions before.
    """

    method: Literal["pca", "prefix"]
    of_dim: int = Field(ge=2)
