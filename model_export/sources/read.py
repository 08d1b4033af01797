"""What was named on the command line to a `Foreign`: which kind of source is it?

timm:NAME, a folder of timm | FILE.onnx | a folder of `transformers`, a name on the hub
"""

from pathlib import Path

from model_export.bundle import ExportError
from model_export.foreign import Foreign
from model_export.sources.hub import model_folder
from model_export.sources.huggingface import CONFIG, read_huggingface
from model_export.sources.onnx_file import read_onnx
from model_export.sources.processor import read_json
from model_export.sources.timm_models import PREFIX, read_timm

CHECKPOINTS = (".pt", ".pth")


def is_checkpoint(source: str) -> bool:
    """Return whether a source is a checkpoint of `vitrine-train`, by its name."""
    return Path(source).suffix in CHECKPOINTS


def read_source(
    source: str,
    *,
    pooling: str | None = None,
    recipe: Path | None = None,
    words: bool = True,
) -> Foreign:
    """Read a model made elsewhere.

    Args:
        source: A folder, an ONNX file, `timm:NAME`, or a name on the Hugging Face hub.
        pooling: In place of the model's own.
        recipe: The YAML of an ONNX file, if not beside it.
        words: Whether to take a text tower along.

    Raises:
        ExportError: There is no such model, or it cannot be a bundle.
    """
    path = Path(source)
    if path.suffix == ".onnx":
        if pooling:
            raise ExportError(f"{path}: how an ONNX file is pooled stands in its YAML file")
        if not path.is_file():
            raise ExportError(f"no ONNX file at {path}")
        return read_onnx(path, recipe)
    if recipe:
        raise ExportError(f"--preprocess is for ONNX files; {source} says itself what it takes")
    if path.is_file():
        raise ExportError(f"{path} is no .onnx file, no checkpoint.pt, and no folder of a model")
    if source.startswith(PREFIX):
        return _timm(source, pooling)
    folder = model_folder(source)
    if not (folder / CONFIG).is_file():
        raise ExportError(f"{folder} has no {CONFIG}: it is no folder of a model")
    if "pretrained_cfg" in read_json(folder / CONFIG):
        return _timm(str(folder), pooling)
    return read_huggingface(folder, pooling=pooling, words=words, name=path.resolve().name)


def _timm(source: str, pooling: str | None) -> Foreign:
    if pooling:
        raise ExportError(f"{source} pools as timm trained it: leave out --pooling")
    return read_timm(source)
