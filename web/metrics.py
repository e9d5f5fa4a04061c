"""Metrics as a route: for an application of their own, on an address that the public does not reach."""

from collections.abc import Callable

from fastapi import APIRouter, Response

TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


def make_metrics_router(told: Callable[[], str]) -> APIRouter:
    """`GET /metrics`; `told` gives the text anew each time."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(told(), media_type=TEXT)

    return router
