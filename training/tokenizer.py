"""The text tower's alphabet: a byte-level BPE learnt from the catalogue's own texts.

    texts -> NFKC, lower case -> words -> bytes -> merges -> ids + [EOS] -> cut or padded

Everything, the fixed length too, is in the one file that `tokenizers` reads back, so training and
serving cannot disagree about it. Byte-level: no text lacks an id.
"""

from collections.abc import Iterable, Sequence

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch import Tensor

PAD, EOS = 0, 1
_SPECIAL = ("[PAD]", "[EOS]")
_BYTES = 256


def train_tokenizer(texts: Iterable[str], vocab: int = 4096, max_length: int = 32) -> Tokenizer:
    """Learn the merges; the same texts give the same tokenizer.

    Args:
        texts: What the catalogue says of its products, repeats included: they are the weights.
        vocab: Ids at most; few texts give fewer.
        max_length: Ids of every encoded text, [EOS] and padding included.

    Raises:
        ValueError: `vocab` has no room for every byte, or `max_length` none for a word.
    """
    if vocab < _BYTES + len(_SPECIAL):
        raise ValueError(f"a vocabulary of {vocab} is smaller than {_BYTES} bytes and [PAD], [EOS]")
    if max_length < 2:
        raise ValueError(f"{max_length} tokens have no room for a word and [EOS]")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # With a space before the first word too, a word is the same token wherever it stands.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        min_frequency=2,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A [EOS]", special_tokens=[("[EOS]", EOS)]
    )
    tokenizer.enable_truncation(max_length)
    tokenizer.enable_padding(length=max_length, pad_id=PAD, pad_token=_SPECIAL[PAD])
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """(n, max_length) int64 ids: words, [EOS], then [PAD]."""
    encodings = tokenizer.encode_batch(list(texts))
    return torch.tensor([encoding.ids for encoding in encodings], dtype=torch.int64)
