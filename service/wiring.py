"""The only place that reads Settings and builds adapters, with `doors`, `caches` and `encoders`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from service.adapters.bundles import read_bundle
from service.adapters.compactor import Compactor
from service.adapters.data_lock import writing_to
from service.adapters.faiss_gpu import use_gpu
from service.adapters.http_images import HttpImageFetcher
from service.adapters.index_kinds import check_choice
from service.adapters.lazy_text import LazyTextEncoder
from service.adapters.onnx_encoder import OnnxEncoder
from service.adapters.run_records import RunFolder
from service.adapters.snapshots import SnapshotFolder
from service.adapters.sqlite_events import SqliteEvents
from service.adapters.sqlite_store import SqliteStore
from service.adapters.sqlite_thumbnails import SqliteThumbnails
from service.api.serving import Serving, Workers
from service.caches import Caches, make_caches
from service.core.cores import core_count
from service.core.errors import StoreError
from service.core.index_choice import BY_SIZE, BuildOn, IndexChoice
from service.core.keys import text_tower_digest
from service.core.receipts import NoRecords
from service.core.types import ImageFetcher
from service.doors import make_url_fetcher
from service.encoders import (
    for_runs_in_turn,
    image_limits,
    make_batcher,
    make_decoding,
    make_encoder,
    make_fast_encoder,
    make_text_encoder,
)
from service.pipeline.batching import Batcher
from service.pipeline.compacting import Compacting, Due
from service.pipeline.embedder import Embedder
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.fetching import Fetching
from service.pipeline.live_index import LiveIndex
from service.pipeline.load import Load
from service.pipeline.looking import Looking
from service.pipeline.pictures import PictureMaker
from service.pipeline.recent_pictures import RecentPictures
from service.pipeline.refused_pictures import RefusedPictures
from service.pipeline.reindex import Reindex
from service.pipeline.results import ResultCache
from service.pipeline.search import Search
from service.pipeline.texts import TextSide
from service.pipeline.threads import Threads
from service.pipeline.tiering import Tiers
from service.pipeline.versions import Versions
from service.pipeline.writing import Writing
from service.settings import Settings

_KEPT_PRODUCTS = 10_000
"""That a serving process keeps as it read them."""


def snapshots(settings: Settings) -> SnapshotFolder:
    """Return the versions of the index."""
    return SnapshotFolder(settings.data_dir, build_on=BuildOn(settings.index_build))


@contextmanager
def alone_in(settings: Settings) -> Iterator[SnapshotFolder]:
    """Lend the versions of the index while nobody else builds or promotes one."""
    with writing_to(settings.data_dir):
        yield snapshots(settings)


@contextmanager
def inspecting(
    settings: Settings, *, embeds: bool
) -> Iterator[tuple[SqliteStore, OnnxEncoder | None]]:
    """Lend what the gate looks at: the store, and the encoder if there is something to embed."""
    store = SqliteStore(settings.data_dir / "catalog.db")
    try:
        yield store, make_encoder(settings) if embeds else None
    finally:
        store.close()


@contextmanager
def compacting(settings: Settings) -> Iterator[Compacting]:
    """Build what compaction needs over the locked data directory; closes it at the end."""
    with alone_in(settings) as folder:
        store = SqliteStore(settings.data_dir / "catalog.db")
        try:
            yield Compacting(read_bundle(settings.bundle), store, folder)
        finally:
            store.close()


@contextmanager
def compacting_beside(settings: Settings, live: LiveIndex) -> Iterator[None]:
    """Compact in a child process whenever what is served is due for it."""
    if not settings.compact_rows:
        yield
        return
    command = [sys.executable, "-m", "service", "index", "compact"]
    command += ["--data-dir", str(settings.data_dir), "--bundle", str(settings.bundle)]
    command += ["--ends-with-stdin"]
    compactor = Compactor(command, Due(live, snapshots(settings), settings.compact_rows))
    compactor.start()
    try:
        yield
    finally:
        compactor.close()


@contextmanager
def examining(settings: Settings) -> Iterator[tuple[SqliteStore, SqliteThumbnails]]:
    """Lend what a report on the catalogue is made of, beside a snapshot."""
    with ExitStack() as stack:
        store = SqliteStore(settings.data_dir / "catalog.db")
        stack.callback(store.close)
        thumbnails = SqliteThumbnails(settings.data_dir / "thumbnails.db")
        stack.callback(thumbnails.close)
        yield store, thumbnails


@contextmanager
def reported(settings: Settings) -> Iterator[SqliteEvents]:
    """Lend the events that shops reported."""
    with closing(SqliteStore(settings.data_dir / "catalog.db")) as store:
        yield store.events(settings.max_events)


@contextmanager
def reindexing(
    settings: Settings, index: IndexChoice = BY_SIZE, *, dry: bool = False
) -> Iterator[Reindex]:
    """Build the catalogue flow over the locked data directory; closes its files at the end.

    A dry one takes no lock, since it writes nothing: what it compares with may be written to
    meanwhile, as it may be after it.

    Raises:
        IndexChoiceError: There is no such kind of index as `index` asks for, or no GPU to build on.
    """
    build_on = BuildOn(settings.index_build)
    use_gpu(build_on)
    with ExitStack() as stack:
        encoder = make_encoder(for_runs_in_turn(settings))
        check_choice(index, encoder.manifest.dim)
        data_dir = settings.data_dir
        if not dry:
            stack.enter_context(writing_to(data_dir))
        elif not (data_dir / "catalog.db").exists():
            data_dir = Path(stack.enter_context(TemporaryDirectory()))
        store = SqliteStore(data_dir / "catalog.db")
        stack.callback(store.close)
        thumbnails = SqliteThumbnails(data_dir / "thumbnails.db")
        stack.callback(thumbnails.close)
        fetcher = HttpImageFetcher(max_bytes=settings.max_image_bytes)
        stack.callback(fetcher.close)
        yield Reindex(
            encoder=encoder,
            store=store,
            thumbnails=thumbnails,
            snapshots=SnapshotFolder(data_dir, build_on=build_on),
            fetcher=fetcher,
            records=NoRecords() if dry else RunFolder(data_dir),
        )


@contextmanager
def serving(settings: Settings, *, fetcher: ImageFetcher | None = None) -> Iterator[Serving]:
    """Build the query and the write flow with the current index loaded; closes it all at the end.

    Args:
        settings: What the operator chose.
        fetcher: What gets pictures behind callers' URLs, in place of what the settings say.
    """
    with ExitStack() as stack:
        encoder = make_encoder(settings)
        store = SqliteStore(settings.data_dir / "catalog.db", keeps=_KEPT_PRODUCTS)
        stack.callback(store.close)
        thumbnails = SqliteThumbnails(settings.data_dir / "thumbnails.db")
        stack.callback(thumbnails.close)
        live = LiveIndex(SnapshotFolder(settings.data_dir), store, encoder.manifest)
        live.refresh()
        stack.callback(live.close)
        if fetcher is None and (safe := make_url_fetcher(settings)):
            fetcher = stack.enter_context(safe)
        caches = make_caches(settings, stack)
        # Half a run is no queue, however long it takes.
        load = Load(few=settings.max_batch // 2)
        fast = make_fast_encoder(settings, encoder)
        target = settings.latency_target_seconds
        tiers = Tiers(encoder, fast, load=load, target_seconds=target)
        batcher = make_batcher(settings, encoder, *([fast] if fast else []))
        embedder = _embedder(settings, caches, tiers, batcher, store, fetcher)
        search = Search(encoder=encoder, embedder=embedder, live=live, store=store)
        # Apart from the threads of the other routes, so that a flood of searches starves none.
        searchers = _threads(stack, "search", settings.search_threads)
        some = max(1, settings.search_threads // 4)
        batchers = _threads(stack, "batch", some)
        yield Serving(
            search=search,
            live=live,
            store=store,
            thumbnails=thumbnails,
            encoder=encoder,
            searchers=Workers(searchers, load),
            batchers=Workers(batchers, Load(few=some)),
            writing=_writing(search, thumbnails, stack),
            writers=_threads(stack, "write", settings.write_threads),
            versions=Versions(
                snapshots(settings), store, live, alone=lambda: writing_to(settings.data_dir)
            ),
            events=store.events(settings.max_events),
            results=ResultCache(caches.results),
            caches=caches.named,
        )


def read_ahead(parts: Serving) -> None:
    """Read every product, if all can be kept, so that the first visitors wait for none.

    For a process that goes on: whoever asks once would read all of them for ten.
    """
    view = parts.live.served
    if view is not None and view.products <= _KEPT_PRODUCTS:
        with suppress(StoreError):  # which the index tells of, and recovers from
            parts.store.get_many([*dict.fromkeys(view.product_ids)])


def _threads(stack: ExitStack, name: str, count: int) -> Threads:
    """Make threads that end with the stack; what they have not begun by then is dropped."""
    pool = Threads(count, name)
    stack.callback(pool.shutdown, cancel_futures=True)
    return pool


def _embedder(
    settings: Settings,
    caches: Caches,
    tiers: Tiers,
    batcher: Batcher,
    store: SqliteStore,
    fetcher: ImageFetcher | None,
) -> Embedder:
    """Build what turns queries into vectors."""
    encoder, manifest = tiers.best, tiers.best.manifest
    tower = text_tower_digest(manifest)
    texts = None
    if tower is not None:
        texts = TextSide(
            encoder=LazyTextEncoder(lambda: make_text_encoder(settings)),
            cache=EmbeddingCache(caches.embeddings, tower, manifest.dim),
        )
    # A quarter of the threads that search, so that slow hosts leave the others to search.
    fetches = max(1, settings.search_threads // 4)
    looking = Looking(
        tiers=tiers,
        batcher=batcher,
        cache=EmbeddingCache(
            caches.embeddings, encoder.bundle_digest, manifest.dim, manifest.heads
        ),
        recent=RecentPictures(caches.pictures),
        stored=store,
        limits=image_limits(settings),
        decoding=make_decoding(settings),
        fetcher=None if fetcher is None else Fetching(fetcher, fetches),
        refused=RefusedPictures(caches.refused),
    )
    return Embedder(looking=looking, products=store, texts=texts)


def _writing(search: Search, thumbnails: SqliteThumbnails, stack: ExitStack) -> Writing:
    """Build the write flow out of the parts of the query flow."""
    # As many as decode at once: more would only stand longer in front of queries.
    pool = _threads(stack, "picture", core_count())
    looking = search.embedder.looking
    pictures = PictureMaker(
        encoder=search.encoder,
        batcher=looking.batcher,
        store=search.store,
        thumbnails=thumbnails,
        limits=looking.limits,
        pool=pool,
        fetcher=looking.fetcher,
        decoding=looking.decoding,
    )
    digest = search.encoder.bundle_digest
    return Writing(pictures, search.store, thumbnails, search.live, digest)
