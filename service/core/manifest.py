"""What a folder says of itself: `bundle.json` of a model, `manifest.json` of an index.

Both carry a schema version, which their readers check first so that a file from a newer Vitrine is
named as such, and refuse unknown fields.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    """

    size: int = Field(ge=16, le=2048)
    resize: Literal["squash", "shortest", "pad"] = "squash"
    crop_pct: float = Field(default=1.0, gt=0.0, le=1.0)
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bicubic"
    background: tuple[int, int, int] = (255, 255, 255)


class Tier(_Strict):
    """One graph of the encoder: (n, size, size, 3) uint8 -> (n, dim) float32.

    Attributes:
        name: What a request asks for it by, such as `best` or `fast`; older bundles have none.
    """

    name: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9-]*$")
    file: str
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    patch: int
    tokens: int
    gflops: float


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

    @model_validator(mode="after")
    def _every_file_has_a_digest(self) -> "BundleManifest":
        named = {tier.file for tier in self.image.tiers}
        if self.image.weights:
            named.add(self.image.weights)
        if self.text:
            named |= {self.text.file, self.text.tokenizer}
        if missing := sorted(named - self.files.keys()):
            raise ValueError(f"files without a sha256: {', '.join(missing)}")
        return self


class Receipt(_Strict):
    """What a reindex did; counts are pictures except where named otherwise."""

    products: int
    seen: int
    embedded: int
    reused: int
    failed: int
    removed_products: int
    seconds: float


class SnapshotManifest(_Strict):
    """`manifest.json` of a snapshot: what was built, from what, by which model."""

    schema_version: int = SNAPSHOT_SCHEMA
    version: int
    bundle_digest: str
    bundle_name: str
    dim: int
    rows: int
    products: int
    index_factory: str
    sequence: int
    built_at: str
    files: dict[str, str]
    receipt: Receipt
