"""What a folder says of itself: `bundle.json` of a model, `manifest.json` of an index.

Both carry a schema version, which their readers check first so that a file from a newer Vitrine is
named as such, and refuse unknown fields.
"""

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from service.core.gate import Gate, Truncation
from service.core.index_choice import IndexChoice

BUNDLE_SCHEMA = 1
SNAPSHOT_SCHEMA = 2


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PreprocessSpec(_Strict):
    """How a picture becomes the encoder's square input.

    Attributes:
        size: Side of the input in pixels.
        resize: `squash` ignores the aspect ratio, `shortest` crops the centre, `pad` letterboxes.
        crop_pct: With `shortest`, the share of the shorter side that is kept.
        interpolation: Filter of the resize; always antialiased.
        background: RGB behind a letterboxed picture.
        resize_side: In place of `crop_pct`, what models made elsewhere do: the picture is brought
            to this many pixels (both sides with `squash`, the shorter with `shortest`), and the
            middle `size` whole pixels of it are kept.
        decoding: How far a large picture may be shrunk on the way. `quick` leaves twice the
            model's size, which a model that was trained so does not notice; `faithful` leaves four
            times, true to a fraction of a pixel, for one that was trained on whole pictures.

    The last two are written only where they are used: bundles without them keep their digests.
    """

    size: int = Field(ge=16, le=2048)
    resize: Literal["squash", "shortest", "pad"] = "squash"
    crop_pct: float = Field(default=1.0, gt=0.0, le=1.0)
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bicubic"
    background: tuple[int, int, int] = (255, 255, 255)
    resize_side: int | None = Field(default=None, le=4096, exclude_if=lambda side: side is None)
    decoding: Literal["quick", "faithful"] = Field(
        default="quick", exclude_if=lambda decoding: decoding == "quick"
    )

    @model_validator(mode="after")
    def _the_crop_is_within(self) -> "PreprocessSpec":
        if self.resize_side is None:
            return self
        if self.resize == "pad" or self.crop_pct < 1.0:
            raise ValueError("resize_side goes with squash or shortest, and without crop_pct")
        if self.resize_side < self.size:
            raise ValueError(f"resize_side {self.resize_side} is below the size, {self.size}")
        return self


class Tier(_Strict):
    """One graph of the encoder: (n, size, size, 3) uint8 -> (n, dim) float32.

    Attributes:
        name: What a request asks for it by, such as `best` or `fast`; older bundles have none.
        patch: Side of a patch in pixels; not known of every graph made elsewhere.
        tokens: A picture makes, likewise.
        gflops: Multiply-adds of a picture in units of 1e9, likewise.
        weights: File of the weights that variants of its precision read, if it is one.
        gate: Of a variant: how it compares with the tier it was made of, for which it stands in.
            Variants are no part of the bundle's digest.
    """

    name: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9-]*$")
    file: str
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    patch: int | None = None
    tokens: int | None = None
    gflops: float | None = None
    weights: str | None = Field(default=None, exclude_if=lambda file: file is None)
    gate: Gate | None = Field(default=None, exclude_if=lambda gate: gate is None)


class ImageTower(_Strict):
    """The encoder's tiers, which embed into one space; the first is the default.

    Attributes:
        weights: File of the weights that all tiers read, if they are not within the graphs.
    """

    tiers: tuple[Tier, ...] = Field(min_length=1)
    weights: str | None = None

    @model_validator(mode="after")
    def _a_name_means_one_tier(self) -> "ImageTower":
        names = [tier.name for tier in self.tiers if tier.name]
        if len(set(names)) < len(names):
            raise ValueError(f"several tiers have one name: {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _a_variant_is_of_a_tier(self) -> "ImageTower":
        if self.tiers[0].gate:
            raise ValueError("the first tier is the default, and not a variant of another")
        known = {tier.name for tier in self.tiers if not tier.gate}
        made_of = {tier.gate.of for tier in self.tiers if tier.gate}
        if unknown := sorted(made_of - known):
            raise ValueError(f"variants of tiers that are not there: {', '.join(unknown)}")
        return self


class TextTower(_Strict):
    """A text encoder into the same space."""

    file: str
    tokenizer: str
    max_length: int


class Head(_Strict):
    """A classifier's output of the graph, and what its columns mean."""

    output: str
    name: str
    labels: tuple[str, ...]


class Parity(_Strict):
    """Torch against ONNX, measured at export on real pictures."""

    images: int
    min_cosine: float
    max_abs_difference: float


class BundleManifest(_Strict):
    """`bundle.json`: everything the service must know of a model."""

    schema_version: int = BUNDLE_SCHEMA
    name: str
    version: str
    licence: str
    dim: int = Field(ge=1)
    image: ImageTower
    preprocess: PreprocessSpec
    files: dict[str, str]
    heads: tuple[Head, ...] = ()
    text: TextTower | None = None
    calibration: dict[str, float] | None = None
    parity: Parity | None = None
    quality: dict[str, float] = Field(default_factory=dict)
    truncation: Truncation | None = Field(default=None, exclude_if=lambda cut: cut is None)

    @model_validator(mode="after")
    def _every_file_has_a_digest(self) -> "BundleManifest":
        named = {tier.file for tier in self.image.tiers}
        named |= {tier.weights for tier in self.image.tiers if tier.weights}
        if self.image.weights:
            named.add(self.image.weights)
        if self.text:
            named |= {self.text.file, self.text.tokenizer}
        if missing := sorted(named - self.files.keys()):
            raise ValueError(f"files without a sha256: {', '.join(missing)}")
        return self


class Receipt(_Strict):
    """What a reindex did, or with `--dry-run` would have done.

    Attributes:
        products: Products the source has.
        seen: Pictures the source has: embedded, reused and failed.
        new: Products that the store did not have.
        changed: Products whose fields or pictures are others than they were.
        embedded: Pictures that the encoder ran on, each once.
        reused: Pictures whose vectors were there.
        failed: Pictures that could not be read or decoded.
        removed: Products that the source no longer has.
        coverage: Share of the store's products that have a vector, 0-1; None where that is not
            known, as of a dry run.
        seconds: From the first row on.
    """

    products: int
    seen: int
    new: int = 0
    changed: int = 0
    embedded: int
    reused: int
    failed: int
    removed: int = Field(validation_alias=AliasChoices("removed", "removed_products"))
    coverage: float | None = Field(default=None, ge=0.0, le=1.0)
    seconds: float


class SearchPoint(_Strict):
    """How hard an index looks; a knob that its kind lacks is None.

    Attributes:
        ef_search: Nodes of an HNSW graph kept in sight.
        nprobe: Lists of an inverted file looked into.
        depth: Candidates rescored exactly for each result asked for; 1 where codes are exact.
    """

    ef_search: int | None = Field(default=None, ge=1)
    nprobe: int | None = Field(default=None, ge=1)
    depth: int = Field(default=1, ge=1)


class OperatingPoint(_Strict):
    """What a way of searching was measured to be worth.

    Attributes:
        recall: Share of the ten true neighbours found, 0-1 (`recall@10`), by held-out queries.
        recall_at_least: What other queries will find too, with a certainty of 99 %; None in
            manifests of before it was told.
        milliseconds: A query, on one thread.
    """

    search: SearchPoint
    recall: float = Field(ge=0.0, le=1.0)
    recall_at_least: float | None = Field(default=None, ge=0.0, le=1.0)
    milliseconds: float = Field(ge=0.0)

    @property
    def promised(self) -> float:
        """The recall that it is held to."""
        return self.recall if self.recall_at_least is None else self.recall_at_least


class SnapshotManifest(_Strict):
    """`manifest.json` of a snapshot: what was built, from what, by which model.

    Attributes:
        index_asked: What was asked for, an `IndexKind` or a FAISS factory string.
        index_kind: The same, or what `auto` picked.
        index_factory: The same as FAISS names it.
        built_on: What its lists or graph were computed on, `cpu` or `gpu`; the file is the same.
        bytes_per_vector: Of the index file; the vectors kept beside it take `2 * dim` more.
        target_recall: What the gate asks of `chosen`, of the recall that it promises.
        operating_points: Everything that was measured.
        chosen: The point that serves: the cheapest that reaches the target, or else the best.
        centralize: Neighbours that each vector was averaged with, where mutual; 0 is as embedded.
    """

    schema_version: int = SNAPSHOT_SCHEMA
    version: int
    bundle_digest: str
    bundle_name: str
    dim: int
    rows: int
    products: int
    index_asked: str = "auto"
    index_kind: str = "flat"
    index_factory: str
    built_on: Literal["cpu", "gpu"] = "cpu"
    bytes_per_vector: float = 0.0
    target_recall: float = 0.0
    operating_points: tuple[OperatingPoint, ...] = ()
    chosen: OperatingPoint = OperatingPoint(search=SearchPoint(), recall=1.0, milliseconds=0.0)
    centralize: int = Field(default=0, ge=0)
    sequence: int
    built_at: str
    files: dict[str, str]
    receipt: Receipt

    @property
    def asked(self) -> IndexChoice:
        """What whoever had it built asked for."""
        return IndexChoice(self.index_asked, self.target_recall, self.centralize)
