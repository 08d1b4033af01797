"""What the routes need, built by `service.wiring` and handed to the app."""

from concurrent.futures import Executor
from dataclasses import dataclass

from service.core.store import ProductStore, ThumbnailStore
from service.core.types import Encoder
from service.pipeline.live_index import LiveIndex
from service.pipeline.search import Search


@dataclass(frozen=True, slots=True)
class Serving:
    """The parts of a serving process; `searchers` are the threads that searches run in."""

    search: Search
    live: LiveIndex
    store: ProductStore
    thumbnails: ThumbnailStore
    encoder: Encoder
    searchers: Executor
