"""A model's tokenizer as the service reads it: one file that cuts and pads every text alike.

tokenizer.json -> tokenizer of `transformers` -> cut and padding -> `Tokenizer`, the same ids
"""

import string
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Regex, Tokenizer, normalizers
from torch import nn

from model_export.bundle import ExportError
from model_export.foreign import WordGraph, WordSide
from model_export.parity import sample_texts
from model_export.sources.processor import read_json
from model_export.sources.quiet import quiet_transformers

FILE, SETTINGS = "tokenizer.json", "tokenizer_config.json"
_ODD_TEXTS = ("", "  Two  Spaces ", "UPPER-case, d'été & 3/4!", "word " * 100)


def read_words(folder: Path, text_model: Any, projection: nn.Module) -> WordSide:
    """Return a model's text side.

    Args:
        folder: Of the model.
        text_model: Its text model.
        projection: From that into the space of the pictures.

    Raises:
        ExportError: Its tokenizer is missing, damaged, or not this text model's.
    """
    length = int(text_model.config.max_position_embeddings)
    tokenizer = service_tokenizer(folder, length)
    vocabulary = int(text_model.config.vocab_size)
    if tokenizer.get_vocab_size() > vocabulary:
        raise ExportError(
            f"{folder / FILE} has {tokenizer.get_vocab_size()} tokens, the text tower beside it "
            f"{vocabulary}: they are not of one model"
        )
    return WordSide(WordGraph(text_model, projection), tokenizer, length)


def service_tokenizer(folder: Path, max_length: int) -> Tokenizer:
    """Return a tokenizer that gives `max_length` ids for every text.

    They are those that the model's own gives when told to cut and pad to that length.

    Raises:
        ExportError: There is none, or its ids differ from the model's own.
    """
    theirs = _theirs(folder)
    if theirs.pad_token_id is None:
        raise ExportError(f"{folder / SETTINGS} names no pad_token, which a fixed length needs")
    tokenizer = Tokenizer.from_str(theirs.backend_tokenizer.to_str())
    tokenizer.enable_truncation(max_length, direction=theirs.truncation_side)
    tokenizer.enable_padding(
        length=max_length,
        direction=theirs.padding_side,
        pad_id=theirs.pad_token_id,
        pad_token=theirs.pad_token,
    )
    texts = [*sample_texts(20), *_ODD_TEXTS]
    expected = theirs(texts, padding="max_length", truncation=True, max_length=max_length)
    if [encoding.ids for encoding in tokenizer.encode_batch(texts)] != expected["input_ids"]:
        raise ExportError(f"{folder / FILE} makes other tokens than the model's own tokenizer")
    return tokenizer


def _theirs(folder: Path) -> Any:
    """Return the tokenizer that `transformers` makes of the folder."""
    if not (folder / FILE).is_file():
        raise ExportError(
            f"{folder} has a text tower but no {FILE}: save its tokenizer as a fast one, "
            "or leave its words out with --pictures-only"
        )
    settings = read_json(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    # Its own class wants sentencepiece, and does in Python what `_canonical` does.
    plain = str(settings.get("tokenizer_class", "")).startswith("SiglipTokenizer")
    maker = transformers.PreTrainedTokenizerFast if plain else transformers.AutoTokenizer
    try:
        with quiet_transformers():
            theirs = maker.from_pretrained(folder, local_files_only=True)
        backend = theirs.backend_tokenizer
    except Exception as exc:  # what tokenizers raises has no name of its own
        reason = " ".join(str(exc).split())[:200]
        raise ExportError(f"{folder / FILE} cannot be read as a tokenizer: {reason}") from exc
    if plain:
        backend.normalizer = _canonical(backend.normalizer)
    return theirs


def _canonical(after: normalizers.Normalizer | None) -> normalizers.Normalizer:
    """What SigLIP's texts went through in training: lower case, no punctuation, single spaces."""
    punctuation = "[" + "".join(f"\\{mark}" for mark in string.punctuation) + "]"
    steps = [
        normalizers.Lowercase(),
        normalizers.Replace(Regex(punctuation), ""),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ]
    return normalizers.Sequence([*steps, after] if after else steps)
