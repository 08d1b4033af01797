"""A bundle at a shop's tasks: queries and gallery -> vectors -> exact neighbours -> P@k.

Pictures go the same way as in search; neighbours are exact, so the figures are the model's alone. A
gallery may be centralised, as `vitrine reindex --centralize` does it; queries stay as they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from service.core.centralize import centralized, middle, mutual, nearest
from service.core.cores import core_count
from service.core.errors import CatalogSourceError
from service.core.manifest import PreprocessSpec
from service.core.metrics import mean_average_precision, precision_at
from service.core.preprocess import decode_for, preprocess
from service.core.tasks import Item, Task
from service.core.types import Encoder, Pixels, Vectors

_BATCH = 64
_DEPTH = 50


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The figures of one task, 0-1.

    Attributes:
        p1_by_label: P@1 judged by each label alone.
        chance: Share of the gallery that is right for the mean query.
        centralize: Neighbours that vectors of the gallery were averaged with; 0 is none.
    """

    name: str
    queries: int
    gallery: int
    p1: float
    p5: float
    map50: float
    p1_by_label: dict[str, float]
    chance: float
    centralize: int = 0


def evaluate_task(task: Task, encoder: Encoder, query_encoder: Encoder | None = None) -> TaskResult:
    """Measure an encoder at one task; a query never finds itself.

    Args:
        task: Who asks, what may be found, and what is right.
        encoder: Embeds the gallery, and the queries too by default.
        query_encoder: Embeds the queries: another tier of the same bundle.

    Raises:
        CatalogSourceError: The task has no queries, or no gallery.
        InvalidImageError: One of its pictures cannot be decoded.
    """
    (result,) = evaluate_centralized(task, encoder, (0,), query_encoder)
    return result


def evaluate_centralized(
    task: Task, encoder: Encoder, ks: Sequence[int], query_encoder: Encoder | None = None
) -> list[TaskResult]:
    """Measure an encoder at one task, once for each number of neighbours to centralise with.

    Args:
        task: As for `evaluate_task`, and so the encoders and what is raised.
        encoder: Its vectors are made once for all.
        ks: Neighbours that a vector of the gallery is averaged with where mutual; 0 is none.
        query_encoder: Embeds the queries.
    """
    queries, query_vectors = embed_items(task.queries(), query_encoder or encoder)
    gallery, gallery_vectors = embed_items(task.gallery(), encoder)
    if not queries or not gallery:
        raise CatalogSourceError(
            f"task {task.name!r} has {len(queries)} queries and {len(gallery)} gallery pictures; "
            "look at its files, where and hold_out"
        )
    right_by_label = [_agreement(task, queries, gallery, i) for i in range(len(task.labels))]
    gallery_ids = np.array([item.id for item in gallery])
    itself = np.array([item.id for item in queries])[:, None] == gallery_ids[None, :]
    right = {
        name: agrees & ~itself for name, agrees in zip(task.labels, right_by_label, strict=True)
    }
    results = []
    for k in ks:
        similarities = _similarities(query_vectors, gallery_vectors, itself, k)
        results.append(_judged(task.name, np.where(itself, -np.inf, similarities), right, k))
    return results


def _judged(
    name: str, similarities: Vectors, right_by_label: dict[str, NDArray[np.bool_]], k: int
) -> TaskResult:
    """Figures of (queries, gallery) similarities and, by label, of which are right."""
    queries, gallery = similarities.shape
    depth = min(_DEPTH, gallery)
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :depth]
    right = np.logical_and.reduce(list(right_by_label.values()))
    found = np.take_along_axis(right, order, axis=1)
    return TaskResult(
        name=name,
        queries=queries,
        gallery=gallery,
        p1=precision_at(found, 1),
        p5=precision_at(found, min(5, depth)),
        map50=mean_average_precision(found, right.sum(axis=1)),
        p1_by_label={
            label: precision_at(np.take_along_axis(agrees, order, axis=1), 1)
            for label, agrees in right_by_label.items()
        },
        chance=float(right.mean()),
        centralize=k,
    )


def _similarities(queries: Vectors, gallery: Vectors, itself: NDArray[np.bool_], k: int) -> Vectors:
    """Cosines of queries with a gallery that is centralised, but for what it has of the query.

    A shop's customers ask by pictures that are not in the catalogue. Where a task's are, a vector
    that was averaged with the query would be nearer to it for that alone.
    """
    if not k:
        similarities: Vectors = queries @ gallery.T
        return similarities
    near = nearest(gallery, k)
    similarities = queries @ np.concatenate(list(centralized(near, gallery.__getitem__))).T
    kept = mutual(near, slice(None))
    for query in np.flatnonzero(itself.any(axis=1)):
        of_query = kept & itself[query][near]
        rows = np.flatnonzero(of_query.any(axis=1))
        without = middle(gallery[rows], gallery[near[rows]], (kept & ~of_query)[rows])
        similarities[query, rows] = without @ queries[query]
    return similarities


def _agreement(
    task: Task, queries: list[Item], gallery: list[Item], label: int
) -> NDArray[np.bool_]:
    """(queries, gallery) bool: whether this label agrees."""
    values = np.array([item.labels[label] for item in gallery])
    wanted = [task.aliases.get(q.labels[label], frozenset({q.labels[label]})) for q in queries]
    return np.stack([np.isin(values, sorted(names)) for names in wanted])


def embed_items(items: Iterable[Item], encoder: Encoder) -> tuple[list[Item], Vectors]:
    """Embed pictures; the items come back without their bytes, beside (n, dim) unit vectors.

    Raises:
        InvalidImageError: A picture cannot be decoded.
    """
    kept: list[Item] = []
    vectors: list[Vectors] = []
    for batch, pixels in decoded_batches(items, encoder.manifest.preprocess):
        kept += batch
        vectors.append(encoder.encode(pixels))
    return kept, np.concatenate(vectors) if vectors else np.empty((0, 0), np.float32)


def decoded_batches(
    items: Iterable[Item], spec: PreprocessSpec
) -> Iterator[tuple[list[Item], Pixels]]:
    """Yield items without their bytes, and their (n, size, size, 3) uint8, some at a time.

    Raises:
        InvalidImageError: A picture cannot be decoded.
    """

    def pixels(item: Item) -> Pixels:
        return preprocess(spec, decode_for(spec, item.data))

    with ThreadPoolExecutor(core_count()) as pool:
        for batch in _batches(items):
            kept = [Item(item.id, b"", item.labels) for item in batch]
            yield kept, np.stack(list(pool.map(pixels, batch)))


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
