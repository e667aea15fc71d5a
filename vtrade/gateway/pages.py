"""How does the OpenAPI page come to say what is true?

Rules: bodies and answers are the very structs that are read and written; every route says what it answers and which
errors it may give. The page itself is plain HTML made here: it loads nothing from anywhere.
"""

from __future__ import annotations

import html
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import vtrade
from vtrade.gateway import answers
from vtrade.gateway.problems import ProblemAnswer
from vtrade.services import commands as asked

REF: Final = "#/components/schemas/{name}"
JSON: Final = "application/json"
ERRORS: Final = {
    401: "The token is missing, unknown, expired or revoked.",
    403: "The token is for another room, or its role may not do this.",
    404: "It is not there, or not there for you.",
    409: "The room or the gateway is not in a state for this.",
    413: "The body is too large.",
    422: "A value cannot be read; the message names it.",
    429: "Too often; Retry-After says when to come again.",
    503: "Too much is going on, or something behind the gateway is away; try again.",
}
"""Answers that any route may give."""


def answering(
    answer: type[Any] | None, *, body: type[Any] | None = None, media: str = JSON, status: int = 200,
    optional: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """What a route answers and takes, for its decorator."""
    schema: dict[str, Any] = {"$ref": REF.format(name=answer.__name__)} if answer is not None else {"type": "string"}
    problem = {JSON: {"schema": {"$ref": REF.format(name=ProblemAnswer.__name__)}}}
    told: dict[str, Any] = {
        "responses": {
            status: {"description": "Fine.", "content": {media: {"schema": schema}}},
            **{code: {"description": text, "content": problem} for code, text in ERRORS.items()},
        },
        "status_code": status,
        "response_model": None,
    }
    if body is not None:
        content = {JSON: {"schema": {"$ref": REF.format(name=body.__name__)}}}
        told["openapi_extra"] = {"requestBody": {"required": not optional, "content": content}}
    return told


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title="VTrade gateway",
        version=vtrade.__version__,
        summary="Rooms of a trading simulator",
        description=ABOUT,
        routes=app.routes,
        servers=app.servers,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(
        msgspec.json.schema_components((*answers.SEEN, ProblemAnswer, asked.Body, asked.Reply), ref_template=REF)[1]
    )
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None) if path in OPEN else None
            operation["security"] = [] if path in OPEN else [{"token": []}]
    app.openapi_schema = document
    return document


OPEN: Final = frozenset({"/healthz", "/readyz"})
"""Addresses that ask for no token."""
ABOUT: Final = (
    "Send the header `Authorization: Bearer TOKEN` with every request. What changes is streamed on the WebSocket "
    '`/v1/rooms/{room}/stream?after=SEQ`, which takes the same header, or `{"token": ...}` as its first message.'
)


def page_of(document: dict[str, Any], root: str) -> str:
    """The document as a page to read."""
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            text = html.escape(operation.get("description") or operation.get("summary", ""))
            named = ", ".join(p["name"] for p in operation.get("parameters", ()) if p["in"] == "query")
            rows.append(
                f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td><td>{text}</td>"
                f"<td>{html.escape(named)}</td></tr>"
            )
    about = html.escape(document["info"]["description"])
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>VTrade gateway</title><style>"
        "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;max-width:72rem;color-scheme:light dark}"
        "td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}code{font-size:.9em}</style>"
        f"<h1>VTrade gateway {html.escape(document['info']['version'])}</h1><p>{about}</p>"
        f"<p>For programs: <a href='{html.escape(root)}/openapi.json'>openapi.json</a></p><table>"
        "<tr><th>Method<th>Address<th>What it does<th>May be asked with</tr>" + "".join(rows) + "</table></html>"
    )
