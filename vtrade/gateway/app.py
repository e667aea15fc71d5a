"""What is the gateway as a web application?

Rules: every route stands in one of three tables of routes; everything that is refused leaves in one form. Metrics are
the owner's, or are read on a port of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from vtrade.gateway import answers, ask_routes, room_routes, stream_routes
from vtrade.gateway.config import GatewayConfig
from vtrade.gateway.doors import Owner, gateway_of
from vtrade.gateway.express import Express
from vtrade.gateway.guard import Guard
from vtrade.gateway.pages import answering, openapi_of, page_of
from vtrade.gateway.problems import answer_of, of_status, problem
from vtrade.gateway.state import Gateway, Parts


def make_app(gateway: Gateway, *, prefix: str = "", tls: bool = False) -> ASGIApp:
    """The web application of a gateway.

    Parameters
    ----------
    prefix : str
        Beginning of every path, where a proxy leaves it there.
    tls : bool
        Whether it is reached by TLS.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await gateway.start()
        try:
            yield
        finally:
            await gateway.stop()

    app = FastAPI(
        title="VTrade gateway", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan,
        redirect_slashes=False, servers=[{"url": prefix or "/"}],
    )  # fmt: skip
    app.state.gateway = gateway
    app.state.prefix = prefix
    for kind, handler in ((Exception, _failed), (RequestValidationError, _invalid), (HTTPException, _framework)):
        app.add_exception_handler(kind, handler)
    from vtrade.errors import VTradeError

    app.add_exception_handler(VTradeError, _failed)
    app.include_router(room_routes.router)
    app.include_router(ask_routes.router)
    app.include_router(stream_routes.router)
    _own_routes(app)
    return Guard(Express(app, gateway), gateway.config, gateway.metrics, prefix=prefix, tls=tls)


def _own_routes(app: FastAPI) -> None:
    @app.get("/healthz", **answering(answers.Health))
    async def healthz() -> Response:
        """Whether the gateway lives."""
        return answers.sent(answers.Health("alive"))

    @app.get("/readyz", **answering(answers.Health))
    async def readyz(request: Request) -> Response:
        """Whether it takes requests."""
        if not gateway_of(request).ready:
            return problem(503, "starting", "the gateway is starting or being stopped; ask again in a moment")
        return answers.sent(answers.Health("ready"))

    @app.get("/metrics", **answering(None, media="text/plain"))
    async def metrics(request: Request, _: Owner) -> Response:
        """Counts and times, for Prometheus."""
        return Response(gateway_of(request).metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return answers.sent(openapi_of(app))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return HTMLResponse(page_of(openapi_of(app), request.app.state.prefix))


async def _failed(request: Request, error: Exception) -> Response:
    return answer_of(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = dict(error.errors()[0]) if error.errors() else {"loc": (), "msg": "it cannot be read"}
    where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return problem(422, "invalid", f"{where[:64]}: {str(first['msg'])[:200]}; /docs shows what goes here")


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = of_status(error.status_code)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def make_gateway(parts: Parts, config: GatewayConfig | None = None) -> Gateway:
    """A gateway over its parts."""
    return Gateway(parts, config or GatewayConfig())
