"""Is the process alive, can it answer, what did it count."""

import numpy as np
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.metrics import Metrics
from service.api.openapi import problems
from service.api.schemas import HealthOut
from service.api.serving import Serving


def make_health_routes(serving: Serving, metrics: Metrics) -> APIRouter:
    """Build `/livez`, `/readyz` and `/metrics`."""
    router = APIRouter(tags=["operations"])

    # Not in the thread pool, whose threads may all be busy with searches.
    @router.get("/livez", summary="The process runs")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="The process answers: a canary is embedded, by every tier, and searched",
        responses=problems(503),
    )
    def readyz() -> HealthOut:
        snapshot = serving.live.snapshot()
        size = serving.encoder.manifest.preprocess.size
        canary = np.full((1, size, size, 3), 127, dtype=np.uint8)
        for encoder in serving.search.embedder.looking.tiers.open.values():
            snapshot.index.search(encoder.encode(canary), 1)
        return HealthOut(
            status="ready",
            provider=serving.encoder.provider,
            index_version=snapshot.manifest.version,
        )

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def get_metrics() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router
