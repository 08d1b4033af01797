"""What is wrong with a catalogue, as far as its pictures tell.

    snapshot -> distinct pictures -> looked at: blank? missing?
             -> neighbours, block by block -> the same but for encoding -> shared, placeholders
                                           -> votes of the others       -> labels that disagree

One pass over the small pictures and one over the index; docs/catalog-report.md has what that costs.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from service.core.quality import Disagreement, QualityOptions, QualityReport, Shared, Shown
from service.core.snapshot import Snapshot
from service.core.store import ThumbnailStore
from service.core.types import StoredProduct
from service.pipeline.catalog_labels import Labels, Shower, first_rows, words
from service.pipeline.label_votes import NEIGHBOURS, LabelVotes, Verdicts
from service.pipeline.picture_looks import look_at_all
from service.pipeline.picture_neighbours import neighbours
from service.pipeline.same_pictures import SamePictures

_DEEPEST = 200
_Rows = NDArray[np.int64]


def inspect_catalog(
    snapshot: Snapshot,
    thumbnails: ThumbnailStore,
    without_picture: Sequence[StoredProduct],
    options: QualityOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> QualityReport:
    """Look at every picture and at its neighbours.

    Args:
        snapshot: What to look at.
        thumbnails: Its small pictures.
        without_picture: Products that its catalogue has, and no vector of them.
        options: What counts as a finding.
        progress: Told how many steps more were done, of how many.

    Raises:
        InvalidFilterError: The products have no such field.
    """
    rows = np.arange(len(snapshot.index))
    labels = Labels(snapshot, options.field)
    first = first_rows(snapshot.image_ids)
    pictures = np.flatnonzero(first == rows)
    steps = 2 * len(pictures)

    def looked(count: int) -> None:
        progress(count, steps)

    looks = look_at_all(snapshot.image_ids, pictures, thumbnails, looked)
    places = np.full(len(rows), -1)
    places[pictures] = np.arange(len(pictures))
    same = SamePictures(places, looks)
    votes = LabelVotes(labels.of_pictures(first), snapshot.product_rows, len(labels.names))
    with_content = pictures[~looks.blank]
    for near in neighbours(snapshot, with_content, _depth(snapshot)):
        copies = same.copies(near)
        same.join(near, copies)
        votes.take(near, copies)
        looked(len(near.asked))
    verdicts = votes.verdicts()
    show = Shower(snapshot, labels)
    groups = same.roots()[first]
    blank = np.isin(groups, pictures[looks.blank])
    several = _groups(show, groups, rows[~blank], fewest=2)
    placeholders = [group for group in several if _stands_for_none(group, options)]
    return QualityReport(
        version=snapshot.manifest.version,
        built_at=snapshot.manifest.built_at,
        bundle=snapshot.manifest.bundle_name,
        field=options.field,
        products=len(snapshot.fields),
        pictures=len(pictures),
        without_picture=tuple(_named(each, options.field) for each in without_picture),
        without_thumbnail=tuple(map(show, pictures[~looks.seen].tolist())),
        blank=tuple(_groups(show, groups, rows[blank], fewest=1)),
        placeholders=tuple(placeholders),
        shared=tuple(group for group in several if not _stands_for_none(group, options)),
        judged=len(verdicts.rows),
        disagreements=_disagreements(snapshot, verdicts, labels, show, options),
    )


def _named(stored: StoredProduct, field: str) -> Shown:
    product = stored.product
    label = words(product.fields().get(field))
    return Shown(product.id, next(iter(stored.image_ids), ""), product.title, label)


def _depth(snapshot: Snapshot) -> int:
    """Return how many neighbours hold enough of other products, one vote each."""
    pictures = -(-len(snapshot.index) // max(len(snapshot.fields), 1))
    return min(NEIGHBOURS * (1 + pictures), _DEEPEST)


def _groups(show: Shower, groups: _Rows, rows: _Rows, *, fewest: int) -> list[Shared]:
    """Return the groups of these rows that at least so many products share, most first."""
    found = [show.shared(members) for members in _members(groups, rows, fewest)]
    kept = [group for group in found if group.products >= fewest]
    return sorted(kept, key=lambda group: (-group.products, -group.labels))


def _members(groups: _Rows, rows: _Rows, fewest: int) -> Iterator[list[int]]:
    """Yield the rows of each group of at least so many, each in order."""
    ordered = rows[np.argsort(groups[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[ordered])) + 1
    for members in np.split(ordered, starts):
        if len(members) >= fewest:
            yield members.tolist()


def _stands_for_none(group: Shared, options: QualityOptions) -> bool:
    return group.products >= options.placeholder_products and group.labels > 1


def _disagreements(
    snapshot: Snapshot, verdicts: Verdicts, labels: Labels, show: Shower, options: QualityOptions
) -> tuple[Disagreement, ...]:
    """Fold the pictures that disagree into products, most surprising first."""
    surprising = verdicts.surprise >= options.least_surprise
    surprising &= (verdicts.share >= options.least_share) & (verdicts.own <= options.most_own)
    products = snapshot.product_rows[verdicts.rows]
    count = len(snapshot.fields)
    judged = np.bincount(products, minlength=count)
    disagree = np.bincount(products[surprising], minlength=count)
    total = np.bincount(products[surprising], verdicts.surprise[surprising], minlength=count)
    worst: dict[int, int] = {}
    for place in np.flatnonzero(surprising)[np.argsort(-verdicts.surprise[surprising])].tolist():
        worst.setdefault(int(products[place]), place)
    found = [
        Disagreement(
            shown=show(int(verdicts.rows[place])),
            suspected=labels.names[verdicts.suspected[place]],
            share=round(float(verdicts.share[place]), 4),
            own=round(float(verdicts.own[place]), 4),
            surprise=round(float(total[product] / judged[product]), 4),
            pictures=int(disagree[product]),
            of=int(judged[product]),
            evidence=tuple(show(row) for row in verdicts.evidence[place].tolist() if row >= 0),
        )
        for product, place in worst.items()
    ]
    return tuple(sorted(found, key=lambda each: -each.surprise))
