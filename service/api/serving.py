"""What the routes need, built by `service.wiring` and handed to the app."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from service.api.cache_metrics import NamedCache
from service.core.events import EventStore
from service.core.store import ProductStore, ThumbnailStore
from service.core.types import Encoder
from service.pipeline.live_index import LiveIndex
from service.pipeline.load import Load
from service.pipeline.results import ResultCache
from service.pipeline.search import Search
from service.pipeline.versions import Versions
from service.pipeline.writing import Writing


@dataclass(frozen=True, slots=True)
class Workers:
    """Threads, and the requests that wait for them."""

    threads: Executor
    load: Load


@dataclass(frozen=True, slots=True)
class Serving:
    """The parts of a serving process.

    Attributes:
        searchers: What searches run in.
        batchers: What many searches in one request run in, lest they hold every searcher.
        writers: Threads that writes run in.
        results: Answers given before.
        caches: Every cache of these parts, to tell of.
    """

    search: Search
    live: LiveIndex
    store: ProductStore
    thumbnails: ThumbnailStore
    encoder: Encoder
    searchers: Workers
    batchers: Workers
    writing: Writing
    writers: Executor
    versions: Versions
    events: EventStore
    results: ResultCache = field(default_factory=ResultCache)
    caches: Sequence[NamedCache] = ()
