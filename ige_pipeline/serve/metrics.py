"""`/metrics`, as Prometheus reads it: counts only, of nobody. A proxy that faces the world should not pass it on."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ige_pipeline.postgres.connection import Pool
from ige_pipeline.settings import Settings
from ige_pipeline.watch.metrics import CONTENT_TYPE, metrics


def routes(pool: Pool, settings: Callable[[], Settings]) -> list[Route]:
    """Return the route; the settings are read anew each time, as by a run."""

    def ask() -> str:
        with pool.connection() as conn:
            return metrics(conn, settings())

    async def answer(_: Request) -> Response:
        return Response(await run_in_threadpool(ask), media_type=CONTENT_TYPE)

    return [Route("/metrics", answer)]
