"""The JSON of the index and its versions."""

from pydantic import BaseModel, ConfigDict, Field

from service.api.answer_schemas import TierOut
from service.api.errors import public_detail
from service.api.serving import Serving
from service.api.source_request import Whole
from service.core.snapshot import KeptVersion
from service.pipeline.versions import State


class BundleOut(BaseModel):
    """The model a process runs."""

    name: str
    version: str
    digest: str = Field(description="Of all that changes a vector.")
    dim: int = Field(description="Length of a vector.")
    provider: str = Field(description="Execution provider in use: cpu, cuda, tensorrt or openvino.")
    tiers: dict[str, TierOut] = Field(
        description="What `tier` may ask for: `best`, of which all products are, and `fast` where "
        "the model has a cheaper one."
    )


class IndexOut(BaseModel):
    """The index a process serves."""

    version: int = Field(description="Of the snapshot; 0 before the first reindex.")
    built_at: str
    rows: int = Field(description="Pictures that may be found.")
    products: int = Field(description="Products that may be found.")
    index_factory: str = Field(description="Kind of the index, as FAISS names it.")
    sequence: int = Field(
        description="Number of a write to the catalogue; every live write up to it is seen."
    )
    delta_rows: int = Field(
        description="Pictures written since the snapshot was built, searched beside it."
    )
    dead_rows: int = Field(
        description="Pictures passed over, in the snapshot or beside it, since their products were "
        "changed or deleted."
    )
    bundle: BundleOut
    problem: str | None = Field(
        description="Why this is not the newest version with every write, if so."
    )

    @classmethod
    def of(cls, serving: Serving) -> "IndexOut":
        """Show what is served; raises as `LiveIndex.snapshot` does."""
        view = serving.live.snapshot()
        manifest, encoder, problem = view.manifest, serving.encoder, serving.live.problem
        return cls(
            version=manifest.version,
            built_at=manifest.built_at,
            rows=view.rows,
            products=view.products,
            index_factory=manifest.index_factory,
            sequence=view.sequence,
            delta_rows=view.delta_rows,
            dead_rows=view.dead_rows,
            bundle=BundleOut(
                name=encoder.manifest.name,
                version=encoder.manifest.version,
                digest=encoder.bundle_digest,
                dim=encoder.manifest.dim,
                provider=encoder.provider,
                tiers=TierOut.by_role(serving.search.embedder.looking.tiers.open),
            ),
            problem=public_detail(problem) if problem else None,
        )


class VersionOut(BaseModel):
    """A version of the index on disk; what it says of itself is null where it is damaged."""

    version: int
    state: State = Field(
        description="`serves`; `served`, which a rollback may go to; or `not promoted`."
    )
    sound: bool = Field(
        description="Whether it says what it is and all its files are there; what is in them is "
        "checked when it is promoted or rolled back to."
    )
    bytes: int = Field(description="On disk.")
    built_at: str | None = Field(description="ISO 8601.")
    rows: int | None = Field(description="Pictures.")
    products: int | None
    index_factory: str | None = Field(description="Kind of the index, as FAISS names it.")
    recall: float | None = Field(
        description="Of the ten true neighbours, the share found when it was measured, 0 to 1."
    )
    bundle: str | None = Field(description="Digest of the model that it was built by.")

    @classmethod
    def of(cls, state: State, kept: KeptVersion) -> "VersionOut":
        """Show one."""
        said = kept.manifest
        return cls(
            version=kept.version,
            state=state,
            sound=kept.whole,
            bytes=kept.size,
            built_at=said and said.built_at,
            rows=said and said.rows,
            products=said and said.products,
            index_factory=said and said.index_factory,
            recall=said and said.chosen.recall,
            bundle=said and said.bundle_digest,
        )


class VersionsOut(BaseModel):
    """The versions of the index on disk, oldest first."""

    versions: list[VersionOut]


class PromoteRequest(BaseModel):
    """Which version shall serve."""

    model_config = ConfigDict(extra="forbid")

    version: Whole = Field(ge=1, le=2**31 - 1, description="As `/v1/index/versions` lists it.")
