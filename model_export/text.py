"""The text side of a bundle: a folder of text.pt and tokenizer.json -> `TextSource` -> files."""

import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from model_export.bundle import ExportError
from model_export.graph import round_to_half, to_onnx
from model_export.parity import checked, measure_parity, sample_texts
from model_export.shared_weights import halve, save
from service.core.manifest import Parity, TextTower
from training import lit
from training import text_tower as towers

FILE, TOKENIZER = "text.onnx", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class TextSource:
    """A trained text tower.

    Attributes:
        tower: (n, max_length) int64 ids -> (n, dim) float32 of unit length.
        tokenizer: Path of the file that `tokenizers` reads.
    """

    tower: towers.TextTower
    tokenizer: Path


def read_text(folder: Path) -> TextSource:
    """Read what training a text tower left behind.

    Raises:
        CheckpointError: `text.pt` cannot be read.
        ExportError: `tokenizer.json` cannot be read, or is not this tower's.
    """
    config, tower = lit.load_text(folder / "text.pt")
    path = folder / TOKENIZER
    tokenizer = _tokenizer(path)
    length = len(tokenizer.encode("").ids)
    if length != config.max_length or tokenizer.get_vocab_size() > config.vocab:
        raise ExportError(
            f"{path} makes {length} of {tokenizer.get_vocab_size()} tokens, the tower beside it "
            f"takes {config.max_length} of {config.vocab}: they are not of one run"
        )
    return TextSource(tower, path)


def write_text(source: TextSource, folder: Path) -> tuple[TextTower, Parity]:
    """Export a text tower into a bundle's folder.

    Raises:
        ExportError: The graph does not compute what torch computes.
    """
    tower = deepcopy(source.tower).eval()
    round_to_half(tower)
    length = tower.config.max_length
    example = torch.ones((2, length), dtype=torch.int64)
    model = to_onnx(tower, example, "tokens", ["embedding"])
    halve(model)
    file = folder / FILE
    save(model, file)
    shutil.copyfile(source.tokenizer, folder / TOKENIZER)
    encodings = _tokenizer(source.tokenizer).encode_batch(sample_texts())
    tokens = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    parity = checked(measure_parity(tower, file, tokens), file, "texts")
    return TextTower(file=FILE, tokenizer=TOKENIZER, max_length=length), parity


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as exc:  # what tokenizers raises has no name of its own
        raise ExportError(f"{path} cannot be read as a tokenizer: {exc}") from exc
