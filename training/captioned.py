"""What the text tower learns from: the locked tower's view of each product, and its texts.

    corpora -> locked image tower, best tier -> (n, 1, dim) vectors
            -> texts and labels              -> n documents

The tower is locked, so a picture is embedded once, before the first step.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.checkpoint import Checkpoint
from training.corpus import Corpus
from training.embed import embed_rows, load_tower
from training.terms import Document

_IDENTITY = "product"  # a task whose labels are ids, which nobody searches for


def captioned(
    checkpoint: Checkpoint,
    corpora: Sequence[Corpus],
    on_source: Callable[[str], None] = lambda name: None,
) -> tuple[NDArray[np.float16], list[Document]]:
    """Embed every training row at the best tier, and say what is known of it in words.

    Args:
        checkpoint: The run whose tower is locked.
        corpora: The sources it was trained on.
        on_source: Called with the name of each source before it is embedded.

    Returns:
        (n, 1, dim) float16 unit vectors and n documents.
    """
    tower = load_tower(checkpoint)
    vectors, documents = [], []
    for corpus in corpora:
        on_source(corpus.source.name)
        rows = corpus.training_rows()
        embedded = embed_rows(tower, checkpoint.config.tiers[0], corpus, rows)
        vectors.append(embedded.astype(np.float16)[:, None])
        documents += [_document(corpus, row) for row in rows]
    return np.concatenate(vectors), documents


def _document(corpus: Corpus, row: int) -> Document:
    """The product's texts, and its labels as attributes where they are words of its own."""
    unclear = {_IDENTITY, *corpus.source.stands_for}
    labels = {t: name for t, name in corpus.labels[row].items() if t not in unclear}
    return {**corpus.documents[row], **labels}
