"""Held-out photos and words to show, drawn by a seed and not picked by what they find.

tasks -> queries, galleries -> seeded choice -> tier -> Question (vector, gallery, what is right)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from service.adapters.evaluation_tasks import read_tasks
from service.core.tasks import Item, Task
from service.core.types import Encoder, TextEncoder, Vectors
from service.pipeline.evaluate import embed_items
from training.evaluate_text import askable_pairs, phrase
from training.sources import TASKS_FILE

_T = TypeVar("_T")

MOST_TEXTS = 2
KINDS = ("catalogue", "street", "shelf")


@dataclass(frozen=True, slots=True)
class Gallery:
    """What may be found: items with their pictures' bytes, and (n, dim) unit vectors."""

    items: Sequence[Item]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Question:
    """One row of the sheet.

    Attributes:
        caption: Of the query.
        item: The query photo; None for words, which the caption is.
        vector: (dim,) of unit length.
        gallery: Who answers.
        right: Whether an answer is.
    """

    caption: str
    item: Item | None
    vector: NDArray[np.float32]
    gallery: Gallery
    right: Callable[[Item], bool]

    def answers(self, count: int) -> list[tuple[Item, float]]:
        """Return the nearest items and their cosines, best first; never the query itself."""
        cosines = self.gallery.vectors @ self.vector
        order = np.argsort(-cosines, kind="stable")
        own = self.item.id if self.item else None
        items = self.gallery.items
        found = ((items[row], float(cosines[row])) for row in order if items[row].id != own)
        return list(islice(found, count))


def draw_questions(
    data: Path, encoder: Encoder, texts: TextEncoder | None, *, rows: int, seed: int
) -> list[Question]:
    """Draw the rows: catalogue, street and shelf photos in equal parts, and up to two of words.

    Args:
        data: Folder of the photos.
        encoder: Embeds photos and galleries.
        texts: Embeds words; None for a bundle that takes none.
        rows: How many.
        seed: Of the choice.

    Raises:
        CatalogSourceError: The photos cannot be read.
        InvalidImageError: A photo cannot be decoded.
    """
    tasks = {task.name: task for task in read_tasks(TASKS_FILE, data)}
    fashion = _embedded(tasks["catalogue"], encoder)
    galleries = {
        "catalogue": fashion,
        "street": fashion,
        "shelf": _embedded(tasks["shelf"], encoder),
    }
    words = min(MOST_TEXTS, rows // 4) if texts else 0
    kinds = list(islice(cycle(KINDS), rows - words))
    random = np.random.default_rng(seed)
    questions = []
    for kind in KINDS:
        task, wanted = tasks[kind], kinds.count(kind)
        for item in _drawn(list(task.queries()), wanted, random):
            _, vectors = embed_items([item], encoder)
            caption = ", ".join(item.labels)
            right = _rule(task, item)
            questions.append(Question(caption, item, vectors[0], galleries[kind], right))
    if texts and words:
        for pair in _drawn(_colours_and_types(fashion), words, random):
            query = phrase(*pair)
            (vector,) = texts.encode([query])
            questions.append(Question(query, None, vector, fashion, _both(pair)))
    return questions


def _embedded(task: Task, encoder: Encoder) -> Gallery:
    items = list(task.gallery())
    return Gallery(items, embed_items(items, encoder)[1])


def _drawn(options: Sequence[_T], count: int, random: np.random.Generator) -> list[_T]:
    chosen = random.choice(len(options), size=min(count, len(options)), replace=False)
    return [options[place] for place in chosen]


def _rule(task: Task, query: Item) -> Callable[[Item], bool]:
    """A hit is right when the task's labels agree; galleries may say more than a task asks."""
    wanted = [task.aliases.get(label, frozenset({label})) for label in query.labels]
    return lambda item: all(
        label in names for label, names in zip(item.labels, wanted, strict=False)
    )


def _colours_and_types(gallery: Gallery) -> list[tuple[str, str]]:
    """The pairs that evaluation asks for; the catalogue's labels are type, colour, gender."""
    swapped = [Item(i.id, b"", (i.labels[1], i.labels[0])) for i in gallery.items]
    return askable_pairs(swapped)


def _both(pair: tuple[str, str]) -> Callable[[Item], bool]:
    colour, kind = pair
    return lambda item: item.labels[:2] == (kind, colour)
