"""What `vitrine reindex` is told, as the command line has it; `options` has what others share."""

from pathlib import Path
from typing import Annotated

import typer

from service.adapters.catalog_formats import CatalogFormat
from service.cli.options import MOST_NEIGHBOURS
from service.pipeline.preparing import ThumbnailPolicy

Source = Annotated[
    Path, typer.Argument(help="Parquet, CSV or JSONL file, or a folder of pictures.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--map", help="FIELD=COLUMN, e.g. title=productDisplayName; repeatable."),
]
Layout = Annotated[
    CatalogFormat,
    typer.Option(
        "--format",
        help="Columns of a CSV: Product Search's (google), Merchant Center's (merchant), "
        "Shopify's, or the shop's own (plain); auto looks at the first line.",
    ),
]
MaxFailed = Annotated[str, typer.Option(help="Share of pictures that may fail, as 1% or 0.01.")]
DeleteMissing = Annotated[bool, typer.Option(help="Remove products that the source no longer has.")]
Since = Annotated[
    str | None,
    typer.Option(
        help="Leave rows alone that are older, ISO 8601; needs a column `updated_at`, or "
        "--map updated_at=COLUMN."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what a run would do, and write nothing.")
]
Thumbnails = Annotated[
    ThumbnailPolicy,
    typer.Option(help="Small pictures to show: auto keeps all but those behind URLs."),
]
IndexKind = Annotated[
    str | None,
    typer.Option(
        help="auto, flat, hnsw, ivf, ivf-rabitq, binary, or a FAISS factory string. "
        "[default: VITRINE_INDEX, else auto]"
    ),
]
TargetRecall = Annotated[
    float, typer.Option(min=0, max=1, help="Recall@10 that the index must reach.")
]
Centralize = Annotated[
    int,
    typer.Option(
        min=0,
        max=MOST_NEIGHBOURS,
        help="Average each vector with its mutual ones among so many nearest; 0 does not.",
    ),
]
GivesWay = Annotated[
    bool, typer.Option("--yield/--no-yield", help="Let searches on this machine go first.")
]
ReceiptAsJson = Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")]
