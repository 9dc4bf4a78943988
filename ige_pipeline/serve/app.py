"""The application: routes of the rooms, behind one guard, over one pool."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ige_pipeline.postgres.connection import Pool
from ige_pipeline.serve import health
from ige_pipeline.serve.guard import Guard
from ige_pipeline.serve.openapi import page


def application(pool: Pool, routes: Sequence[BaseRoute], *, described: Mapping[str, Any] | None = None) -> Starlette:
    """Return the ASGI application: the rooms' routes beside health, and a page that describes what is for machines.

    `described` is {path: its OpenAPI item} of those routes. The pool stays open for as long as the caller keeps it.
    """
    document = page({**health.DESCRIBED, **(described or {})})

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    return Starlette(
        routes=[*health.routes(pool), Route("/openapi.json", openapi), *routes], middleware=[Middleware(Guard)]
    )
