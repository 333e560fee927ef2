"""One way to build a service's HTTP application: strict bodies, problem details, credentials, OpenAPI 3.1.

The document is at /openapi.json, and for people at /docs: our own page, since FastAPI's loads scripts from elsewhere.
"""

import re
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from hub_web.credentials import Anybody, Bearer, credential_of, unprotected_routes
from hub_web.documents import Document, DocumentRoute, document_routes
from hub_web.limits import BodyLimit, most_of
from hub_web.problems import MEDIA_TYPE, Incidents, Problem, answer_outage, answer_problem, declared_problems
from hub_web.rates import Rates
from hub_web.refusal_pages import PageOf, RefusalPages
from hub_web.routes import Route, Router
from hub_web.tokens import Verifier

MAX_BODY = 1_048_576  # bytes


def make_app(
    title: str,
    version: str,
    verifier: Verifier,
    routers: Iterable[Router],
    max_body: int = MAX_BODY,
    outages: Iterable[type[Exception]] = (),
    events: Document | None = None,
    refusal_pages: tuple[str, PageOf] | None = None,
    rates: Rates | None = None,
) -> FastAPI:
    """The application of `routers`. Raises TypeError for a route that isn't a `hub_web` route or asks no credential.

    What routes need besides the request is put on `app.state` by the service's bootstrap. `outages`: errors that mean
    that the database is away for a moment; they are answered 503 with Retry-After wherever they are met. `events`
    makes the AsyncAPI document, for the service that shows it. `refusal_pages`: a path that people visit, and what
    makes a page of a refusal there. `rates`: how often each calling system may ask.
    """
    app = _Api(
        title=title,
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its logs would hold exceptions' texts
    )
    app.state.verifier = verifier
    app.state.rates = rates
    app.max_body = max_body
    app.outages = tuple(outages)
    app.refusal_pages = refusal_pages
    for router in routers:
        # Not `include_router`: it resolves an included route anew at each request.
        app.router.routes.extend(router.routes)
    app.router.routes.extend(document_routes(app.openapi, events))
    for route in app.routes:
        if getattr(route, "path", None) != app.openapi_url and not isinstance(route, Route | DocumentRoute):
            raise TypeError(f"{route} is no hub_web route: declare it on a hub_web Router")
    if unprotected := unprotected_routes(app):
        raise TypeError(f"routes without a credential: {', '.join(unprotected)}")
    return app


class _Api(FastAPI):
    """FastAPI with a short way to its routes, whose document names every route's credentials and problems."""

    max_body = MAX_BODY
    outages: tuple[type[Exception], ...] = ()
    refusal_pages: tuple[str, PageOf] | None = None

    def build_middleware_stack(self) -> ASGIApp:
        """Only what these routes need: no form files, no debug pages, no second catch-all."""
        refusals = (Problem, HTTPException)
        handlers = dict.fromkeys(self.outages, answer_outage) | dict.fromkeys(refusals, answer_problem)
        routed = ExceptionMiddleware(self.router, handlers=handlers)
        whole = Incidents(BodyLimit(routed, self.max_body, self._larger_bodies()))
        return whole if self.refusal_pages is None else RefusalPages(whole, *self.refusal_pages)

    def _larger_bodies(self) -> list[tuple[re.Pattern[str], int]]:
        routes = [route for route in self.routes if isinstance(route, APIRoute)]
        return [(route.path_regex, most) for route in routes if (most := most_of(route.endpoint)) is not None]

    def openapi(self) -> dict[str, Any]:
        fresh = not self.openapi_schema
        document = super().openapi()
        if fresh:
            self._complete(document)
        return document

    def _complete(self, document: dict[str, Any]) -> None:
        components = document.setdefault("components", {})
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "signature": {"type": "apiKey", "in": "header", "name": "webhook-signature"},
        }
        schemas = components.setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas["Problem"] = _problem_schema()
        for route in self.routes:
            if not (isinstance(route, APIRoute) and route.include_in_schema):
                continue
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {
                    "description": "Problem details (RFC 9457)",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                operation["security"] = [_security(route)]


def _security(route: APIRoute) -> dict[str, list[str]]:
    credential = credential_of(route)
    if isinstance(credential, Anybody):
        return {}
    return {"bearer": [credential.scope]} if isinstance(credential, Bearer) else {"signature": []}


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "slug", "fault"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "slug": {"type": "string", "enum": [kind.slug for kind in declared_problems()]},
            "fault": {"type": "string", "enum": ["sender", "hub", "agency"]},
            "next_step": text,
        },
        "additionalProperties": True,
    }
