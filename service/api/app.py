"""The application: parts in, a FastAPI app out."""

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from service import __version__
from service.api.admission import Admit
from service.api.answering import Answering
from service.api.auth import Authenticate
from service.api.batch_routes import BATCH_PATH, make_batch_routes
from service.api.embedding_routes import EMBEDDINGS_PATH, make_embedding_routes
from service.api.errors import install_error_handlers
from service.api.event_routes import EVENTS_PATH, MAX_EVENTS_BYTES, make_event_routes
from service.api.health import make_health_routes
from service.api.index_routes import make_index_routes
from service.api.limits import BodyLimit
from service.api.metrics import Metrics
from service.api.observe import Observe
from service.api.openapi import DescribedApp
from service.api.pages import add_pages
from service.api.plain_route import PlainRoute
from service.api.product_routes import BULK_PATH, make_product_routes
from service.api.rate_limits import RateLimit
from service.api.routes import SEARCH_PATH, make_picture_routes, make_search, make_search_routes
from service.api.serving import Serving
from service.api.similar_routes import make_similar_routes
from service.core.access import Keyring
from service.core.rates import Buckets

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""What is measured is in `metrics`; FastAPI would look for a provider of each in every request."""


def create_app(
    serving: Serving,
    *,
    max_image_bytes: int,
    max_batch_bytes: int = 64_000_000,
    max_in_flight: int = 256,
    latency_target_seconds: float = 0.5,
    keys: Keyring | None = None,
    buckets: Buckets | None = None,
) -> FastAPI:
    """Build the app.

    Args:
        serving: The parts of this process, opened and closed by the caller.
        max_image_bytes: Of one picture; a body may be as large as that in base64.
        max_batch_bytes: Of a body that brings many queries, or many inputs to embed.
        max_in_flight: Searches and writes at once, waiting ones included.
        latency_target_seconds: How long a search should take; what would take much more is refused.
        keys: Who may do what; without any, everyone may.
        buckets: How often each key may ask; without, as often as it likes.
    """
    max_body_bytes = max_image_bytes * 4 // 3 + 65_536
    metrics = Metrics(serving)
    app = DescribedApp(
        title="Vitrine",
        version=__version__,
        summary="Visual product search: what do we sell that looks like this picture?",
        docs_url=None,  # those of FastAPI are made of files of other hosts
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    _add_routes(app, serving, metrics, max_body_bytes)
    # Of what stands before the routes, the last to be added is the first that a request comes to.
    app.add_middleware(
        BodyLimit,
        usual=max_body_bytes,
        others={
            BULK_PATH: None,
            BATCH_PATH: max_batch_bytes,
            EMBEDDINGS_PATH: max_batch_bytes,
            EVENTS_PATH: MAX_EVENTS_BYTES,
        },
    )
    if buckets is not None:
        app.add_middleware(RateLimit, buckets=buckets)
    app.add_middleware(
        Admit,
        serving=serving,
        max_in_flight=max_in_flight,
        target_seconds=latency_target_seconds,
    )
    if keys:
        app.add_middleware(Authenticate, keys=keys)
    app.add_middleware(Observe, metrics=metrics)
    install_error_handlers(app)
    add_pages(app)
    return app


def _add_routes(app: FastAPI, serving: Serving, metrics: Metrics, max_body_bytes: int) -> None:
    """Add what is served, in the order in which an address is looked up."""
    answering = Answering(serving)
    search = make_search(answering, max_body_bytes)
    app.add_middleware(PlainRoute, path=SEARCH_PATH, endpoint=search)
    app.include_router(make_search_routes(search))
    app.include_router(make_batch_routes(answering))
    app.include_router(make_embedding_routes(serving))
    app.include_router(make_similar_routes(answering))  # products' ids may have slashes
    app.include_router(make_product_routes(serving, metrics, max_body_bytes))
    app.include_router(make_event_routes(serving, metrics))
    app.include_router(make_picture_routes(serving))
    app.include_router(make_index_routes(serving))
    app.include_router(make_health_routes(serving, metrics))
