"""Whether the process lives, and whether it can do its work: for supervisors and load balancers."""

import psycopg
from psycopg_pool import PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ige_pipeline.postgres.connection import Pool
from ige_pipeline.postgres.schema import require_schema
from ige_pipeline.refusal import Refusal

_PATIENCE_S = 2


def routes(pool: Pool) -> list[Route]:
    """Return `/healthz`, which asks nobody, and `/readyz`, which asks the database."""

    async def readyz(_: Request) -> Response:
        obstacle = await run_in_threadpool(_obstacle, pool)
        return JSONResponse({"ready": obstacle is None, "obstacle": obstacle}, status_code=503 if obstacle else 200)

    return [Route("/healthz", _healthz), Route("/readyz", readyz)]


async def _healthz(_: Request) -> Response:
    return JSONResponse({"ok": True})


def _obstacle(pool: Pool) -> str | None:
    """Say in one sentence what stands against taking requests, None for nothing."""
    try:
        with pool.connection(timeout=_PATIENCE_S) as conn:
            require_schema(conn)
    except Refusal as refusal:
        return str(refusal)
    except (PoolTimeout, psycopg.Error):
        return "The database does not answer."
    return None


_ANSWERS = {"200": {"description": "Yes."}}
DESCRIBED = {
    "/healthz": {"get": {"summary": "Whether the process lives.", "responses": _ANSWERS, "security": []}},
    "/readyz": {
        "get": {
            "summary": "Whether the database answers and is at this code's schema.",
            "responses": _ANSWERS | {"503": {"description": "No, and why."}},
            "security": [],
        }
    },
}
