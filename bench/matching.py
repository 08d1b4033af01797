"""`python -m bench.matching SOURCES`: what `match`, `category: auto` and words are worth.

photos held out of training -> vectors -> nearest of a catalogue -> the service's rules -> shares

Bounds were chosen on the calibration half of the held-out photos, by the tables of `--sweep`; the
figures are of the other half. Markdown on stdout.
"""

import argparse
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.matching_measures import (
    Bench,
    changed,
    first_is_right,
    hits,
    kind_is_right,
    narrowed_p1,
    tasks,
)
from bench.matching_photos import drawn, is_held_out, photos, reporting, retaken
from bench.matching_sweep import sweeps
from bench.report import Figure, markdown
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.onnx_text import OnnxTextEncoder
from service.core.matching import match_of
from service.core.types import Hit
from service.pipeline.detecting import SURE
from service.pipeline.querying import WORDS_WEIGHT
from service.settings import DEFAULT_BUNDLE

_DRAWN = range(1000, 1400)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, help="folder of the Parquet files")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--sweep", action="store_true", help="also print what bounds would do")
    options = parser.parse_args()
    bench = load(options.bundle, options.sources)
    if options.sweep:
        print(sweeps(bench), "\n")
    print(markdown(figures(bench)))


def load(bundle: Path, sources: Path) -> Bench:
    """Embed the photos, which takes most of the time."""
    encoder = OnnxEncoder(bundle)
    hires, lowres = sources / "fashion-hires.parquet", sources / "fashion-lowres.parquet"
    held = is_held_out("id")
    all_hires = photos(encoder, hires, lambda row: True, "id")
    held_lowres = photos(encoder, lowres, held, "id")
    grocery = photos(encoder, sources / "grocery.parquet", lambda row: True, "product")
    with Path("training/tasks.toml").open("rb") as file:
        kinds: dict[str, list[str]] = tomllib.load(file)["kinds"]
    return Bench(
        encoder=encoder,
        texts=OnnxTextEncoder(bundle),
        hires=all_hires.those(held),
        fashion=all_hires.those(held).with_(held_lowres),
        large=all_hires.with_(held_lowres),
        fashion_retaken=retaken(encoder, hires, held, "id"),
        street=photos(encoder, sources / "clothing.parquet", is_held_out("sender"), "id").those(
            lambda row: row["label"] in kinds
        ),
        shelf=grocery.those(lambda row: row["split"] == "val"),
        grocery=grocery.those(lambda row: row["split"] != "val"),
        studio=drawn(encoder, _DRAWN, [0]),
        drawn_retaken=drawn(encoder, _DRAWN, [5]),
        kinds=kinds,
    )


def words(bench: Bench, found: Sequence[Sequence[Hit]]) -> NDArray[np.str_]:
    """Return the match of each query."""
    return np.array([match_of(bench.calibration, each) for each in found])


def figures(bench: Bench) -> list[Figure]:
    """Return everything that docs/search.md tells."""
    return [*_nothing(bench), *_exact(bench), *_similar(bench), *_narrowed(bench), *_changed(bench)]


def _shares(found: NDArray[np.str_]) -> str:
    counts = Counter(found.tolist())
    return ", ".join(
        f"{name} {counts[name] / len(found):.3f}" for name in ("exact", "similar", "weak", "none")
    )


def _nothing(bench: Bench) -> list[Figure]:
    fashion_retaken, shelf = reporting(bench.fashion_retaken), reporting(bench.shelf)
    street, studio = reporting(bench.street), reporting(bench.drawn_retaken)
    cases = [
        ("not sold: grocery photos to a fashion shop", shelf, bench.fashion),
        ("not sold: street photos of clothes to a grocery", street, bench.grocery),
        ("not sold: fashion to a grocery", fashion_retaken, bench.grocery),
        ("sold: fashion retaken to its shop", fashion_retaken, bench.fashion),
        ("sold: street photos of clothes to a fashion shop", street, bench.fashion),
        ("sold: shelf photos to their grocery", shelf, bench.grocery),
        ("sold: drawn products retaken to their shop", studio, bench.studio),
    ]
    told = [
        Figure(
            f"{what} ({len(asked):,} photos, {len(shop):,} pictures)",
            _shares(words(bench, hits(asked, shop))),
        )
        for what, asked, shop in cases
    ]
    return [*told, _type_not_sold(bench)]


def _type_not_sold(bench: Bench) -> Figure:
    """The hardest: photos of a type of product that this fashion shop alone does not have."""
    queries, said = reporting(bench.fashion_retaken), []
    for kind in sorted(set(queries.values("article_type"))):
        others = bench.fashion.those(lambda row, kind=kind: row["article_type"] != kind)
        asked = queries.those(lambda row, kind=kind: row["article_type"] == kind)
        said.append(words(bench, hits(asked, others)))
    what = f"not sold: fashion retaken, its article type left out ({len(queries):,} photos)"
    return Figure(what, _shares(np.concatenate(said)))


def _exact(bench: Bench) -> list[Figure]:
    """Precision of `exact`: asked of photos retaken; told of a shelf, where nothing was chosen."""
    cases = [
        ("fashion retaken", reporting(bench.fashion_retaken), bench.fashion, 0.95),
        ("fashion retaken", reporting(bench.fashion_retaken), bench.large, 0.95),
        ("drawn products retaken", reporting(bench.drawn_retaken), bench.studio, 0.95),
        ("shelf photos", bench.shelf, bench.grocery, None),
    ]
    told = []
    for what, queries, shop, asked in cases:
        found = hits(queries, shop)
        right, exact = first_is_right(queries, found), words(bench, found) == "exact"
        precision = float(right[exact].mean())
        told.append(
            Figure(
                f"`exact`, {what}, {len(shop):,} pictures: precision",
                f"{precision:.3f}, of {exact.mean():.3f} of {len(queries):,}; "
                f"P@1 {right.mean():.3f}",
                f">= {asked}" if asked else "",
                precision >= asked if asked else None,
            )
        )
    return told


def _similar(bench: Bench) -> list[Figure]:
    """Whether what is called similar is at least of the right kind."""
    queries = reporting(bench.street)
    found = hits(queries, bench.fashion)
    said, right = words(bench, found), kind_is_right(bench, queries, found)
    return [
        Figure(
            f"street photos called {name}: best result of the right kind",
            f"{right[said == name].mean():.3f} of {(said == name).sum()}",
        )
        for name in ("similar", "weak", "none")
        if (said == name).any()
    ]


def _narrowed(bench: Bench) -> list[Figure]:
    told = []
    for name, asked, shop, field, right in tasks(bench):
        queries = reporting(asked)
        plain, _ = narrowed_p1(bench, queries, shop, field, right, 2.0)
        with_auto, share = narrowed_p1(bench, queries, shop, field, right, SURE)
        told.append(
            Figure(
                f"{name}: P@1 with `category: auto` ({len(queries):,} queries)",
                f"{with_auto:.3f}, {plain:.3f} without; narrows {share:.3f}",
                "not below",
                with_auto >= plain,
            )
        )
    return told


def _changed(bench: Bench) -> list[Figure]:
    queries = reporting(bench.hires)
    plain, *_ = changed(bench, queries, 0.0)
    both, kind, colour = changed(bench, queries, WORDS_WEIGHT)
    return [
        Figure(
            "picture and colour word: first result of that colour and the picture's type",
            f"{both:.3f} (type {kind:.3f}, colour {colour:.3f}); {plain:.3f} by the picture alone",
        )
    ]


if __name__ == "__main__":
    main()
