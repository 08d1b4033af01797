"""What a bare ONNX file cannot say of itself: a small YAML file beside it.

encoder.onnx, encoder.yaml -> `Recipe` -> `PreprocessSpec` and `Normalisation`
"""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_export.bundle import ExportError
from model_export.foreign import Normalisation
from service.core.manifest import PreprocessSpec

Three = tuple[float, float, float]


class Recipe(BaseModel):
    """How a graph wants its pictures, and where its vector is.

    Attributes:
        size: Side of the pictures in pixels.
        resize: As of `PreprocessSpec`.
        resize_side: As of `PreprocessSpec`.
        crop_pct: In its place, the share of the resized picture that is kept: timm's way to say it.
        interpolation: As of `PreprocessSpec`.
        background: As of `PreprocessSpec`.
        mean: Of each channel in the graph's own order, in units of `range`.
        std: Of each channel, likewise.
        range: What 0 and 255 become before mean and std.
        channels: The graph's order of colours.
        layout: The graph's order of dimensions.
        output: Name of the output; needed where there are several.
        pooling: How the output becomes one vector a picture: `none` where it is one already.
        prefix: Tokens to leave out of `gap`, such as a class token.
        patch: Side of a patch, if the network has patches; only noted in the bundle.
        licence: Of the weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    resize: Literal["squash", "shortest", "pad"]
    resize_side: int | None = None
    crop_pct: float | None = Field(default=None, gt=0.0, le=1.0)
    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    background: tuple[int, int, int] = (255, 255, 255)
    mean: Three
    std: Three
    range: tuple[float, float] = (0.0, 1.0)
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    output: str | None = None
    pooling: Literal["none", "cls", "gap"] = "none"
    prefix: int = Field(default=0, ge=0)
    patch: int | None = Field(default=None, ge=1)
    licence: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "Recipe":
        if self.resize_side is not None and self.crop_pct is not None:
            raise ValueError("resize_side and crop_pct say the same: give one")
        if not all(self.std) or self.range[0] == self.range[1]:
            raise ValueError("std and range must not be empty: pictures are divided by them")
        self.spec()
        return self

    def spec(self) -> PreprocessSpec:
        """Return how a picture is brought to the graph's size."""
        side = self.resize_side
        if self.crop_pct is not None:
            side = int(self.size / self.crop_pct)
        elif side is None and self.resize == "shortest":
            side = self.size
        return PreprocessSpec(
            size=self.size,
            resize=self.resize,
            resize_side=side,
            interpolation=self.interpolation,
            background=self.background,
            decoding="faithful",
        )

    def normalisation(self) -> Normalisation:
        """Return how its numbers are made."""
        low, high = self.range
        return Normalisation(self.mean, self.std, (high - low) / 255, low, self.channels == "bgr")


def read_recipe(onnx_file: Path, given: Path | None) -> Recipe:
    """Read the YAML of an ONNX file.

    Args:
        onnx_file: Beside which it lies, of the same name.
        given: Where it lies instead.

    Raises:
        ExportError: It is missing, or says what makes no sense.
    """
    beside = [onnx_file.with_suffix(suffix) for suffix in (".yaml", ".yml")]
    file = next((path for path in ([given] if given else beside) if path.is_file()), None)
    if file is None:
        raise ExportError(
            f"no {given or beside[0]}: an ONNX file does not say how its pictures are made; write "
            "size, resize, interpolation, mean and std there, as docs/models.md shows"
        )
    try:
        raw = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ExportError(f"{file} cannot be read as YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(raw, dict):
        raise ExportError(f"{file} holds no fields: write size, resize, interpolation, mean, std")
    try:
        return Recipe.model_validate(raw)
    except ValidationError as exc:
        raise ExportError(f"{file}: {_complaints(exc)}") from exc


def _complaints(exc: ValidationError) -> str:
    said = []
    for error in exc.errors():
        where = ".".join(str(part) for part in error["loc"])
        said.append(f"{where}: {error['msg']}" if where else error["msg"])
    if any(error["type"] == "extra_forbidden" for error in exc.errors()):
        said.append(f"known are {', '.join(Recipe.model_fields)}")
    return "; ".join(said)
