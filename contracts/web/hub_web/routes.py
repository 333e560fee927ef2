"""Routes that read like FastAPI and cost half: the declaration is FastAPI's (OpenAPI too), the handling is one pass.

    router = Router(tags=["dossiers"])

    @router.post("/v1/dossiers", status_code=201)
    async def submit(
        submission: Submission, caller: Annotated[Caller, requires("dossiers:submit")], key: IdempotencyKey
    ) -> Submitted: ...

A route may ask for: path, query and header parameters, one JSON body, `request: Request`, and dependencies that are
`async` and take nothing but the request (credentials, signatures, raw body). Anything else is refused when the route
is declared. Credentials are looked at first, the body last; a result is written by pydantic straight to bytes, and
not validated again: the types are checked by mypy.
"""

import asyncio
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi._compat import ModelField, lenient_issubclass
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette._utils import is_async_callable
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

from hub_web.bodies import validate_body
from hub_web.problems import INVALID_REQUEST, MEDIA_TYPE_UNSUPPORTED, REQUEST_TIMEOUT, Problem, invalid_request

# FastAPI loads all of pydantic's former version to ask of each type whether it is one of its models. None: not there.
sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]

BODY_SECONDS = 20.0  # within which a body must have arrived whole
JSON = "application/json"
_BODY = "hub_web.body"  # of a scope: signature, key and model each ask for the body

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Khóa chống gửi lặp: cùng khóa, cùng nội dung thì nhận cùng trả lời.",
    ),
]


async def raw_body(request: Request) -> bytes:
    """The body's bytes as sent. Raises Problem `request-timeout` when they don't arrive in time."""
    kept: bytes | None = request.scope.get(_BODY)
    if kept is not None:
        return kept
    try:
        async with asyncio.timeout(BODY_SECONDS):
            request.scope[_BODY] = body = await request.body()
            return body
    except TimeoutError:
        raise Problem(
            REQUEST_TIMEOUT, f"Nội dung chưa đến đủ sau {BODY_SECONDS:.0f} giây.", next_step="Gửi lại yêu cầu."
        ) from None


RawBody = Annotated[bytes, Depends(raw_body)]


def answer(result: BaseModel | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer with its own status or headers; bytes are taken as JSON (a kept answer given once more)."""
    content = result if isinstance(result, bytes) else result.__pydantic_serializer__.to_json(result)
    return Response(content, status, headers, JSON)


class Route(APIRoute):
    """An APIRoute handled in one pass."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(self.get_route_handler())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plan = _Plan(self)
        return plan.handle


class Router(APIRouter):
    """An APIRouter of such routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=Route, redirect_slashes=False, **options)


class _Plan:
    """What one route needs of a request, worked out when it is declared."""

    def __init__(self, route: APIRoute) -> None:
        wanted = route.dependant
        _refuse_unknown(route)
        self._call: Callable[..., Awaitable[Any]] = route.endpoint
        self._status = route.status_code or 200
        self._dependencies = [(part.name, part.call) for part in wanted.dependencies if part.call is not None]
        self._path = [_Parameter(field, "path") for field in wanted.path_params]
        self._header = [_Parameter(field, "header") for field in wanted.header_params]
        self._query = wanted.query_params
        for field in self._query:
            _adapter(field)
        self._request_name = wanted.request_param_name
        self._body_name = wanted.body_params[0].name if wanted.body_params else None
        self._body = _adapter(route.body_field) if route.body_field else None
        self._result = _adapter(route.response_field) if route.response_field else None
        self._query_names = frozenset(_names_of(self._query))
        self._without_none = route.response_model_exclude_none

    async def handle(self, request: Request) -> Response:
        """Credentials, parameters, body, call, bytes."""
        values: dict[str, Any] = {}
        for name, dependency in self._dependencies:
            value = await dependency(request)
            if name is not None:
                values[name] = value
        self._take_parameters(request, values)
        if self._body is not None and self._body_name is not None:
            _refuse_other_media(request)
            values[self._body_name] = validate_body(self._body, await raw_body(request))
        if self._request_name is not None:
            values[self._request_name] = request
        result = await self._call(**values)
        if isinstance(result, Response):
            return result
        if self._result is None:
            return Response(status_code=self._status)
        content = self._result.dump_json(result, by_alias=True, exclude_none=self._without_none)
        return Response(content, self._status, media_type=JSON)

    def _take_parameters(self, request: Request, values: dict[str, Any]) -> None:
        scope = request.scope
        if b"%00" in scope["query_string"] or "\0" in scope["path"]:
            raise Problem(INVALID_REQUEST, "Địa chỉ chứa ký tự U+0000.", next_step="Sửa địa chỉ rồi gửi lại.")
        errors: list[Any] = []
        for parameter in self._path:
            parameter.take(request.path_params, values, errors)
        for parameter in self._header:
            parameter.take(request.headers, values, errors)
        if self._query:
            taken, wrong = request_params_to_args(self._query, request.query_params)
            values.update(taken)
            errors.extend(wrong)
            errors.extend(self._misunderstood(request.query_params))
        if errors:
            raise invalid_request(errors)

    def _misunderstood(self, sent: QueryParams) -> Iterable[Mapping[str, Any]]:
        """A filter misspelt, or given twice, would answer another question than was asked, and nobody would see it.

        What answers a page or a file may be opened from a message, and apps add parameters of their own to a link.
        """
        names = [name for name, _ in sent.multi_items()]
        for name in dict.fromkeys(names):
            if name not in self._query_names:
                if self._result is not None:
                    yield {"type": "extra_forbidden", "loc": ("query", name), "msg": "Unknown parameter"}
            elif names.count(name) > 1:
                yield {"type": "repeated", "loc": ("query", name), "msg": "Given more than once"}


def _names_of(query: Iterable[ModelField]) -> Iterator[str]:
    """As they stand in an address; a model stands for its fields."""
    for field in query:
        model = field.field_info.annotation
        if lenient_issubclass(model, BaseModel):
            yield from (one.alias or name for name, one in model.model_fields.items())
        else:
            yield field.validation_alias or field.alias


class _Parameter:
    """One path or header parameter, a single value: FastAPI's own reading of these costs six times as much."""

    def __init__(self, field: ModelField, place: str) -> None:
        if lenient_issubclass(field.field_info.annotation, (BaseModel, list, tuple, set)):
            raise TypeError(f"{place} parameter {field.name} must be a single value")
        self._name, self._alias, self._adapter = field.name, field.validation_alias or field.alias, _adapter(field)
        self._required, self._default = field.field_info.is_required(), field.get_default()
        self._place = (place, self._alias)

    def take(self, sent: Mapping[str, Any], values: dict[str, Any], errors: list[Any]) -> None:
        text = sent.get(self._alias)
        if text is None:
            if self._required:
                errors.append({"type": "missing", "loc": self._place, "msg": "Field required"})
            values[self._name] = self._default
            return
        try:
            values[self._name] = self._adapter.validate_python(text)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            errors.extend({**one, "loc": self._place} for one in found)


def _adapter(field: ModelField) -> Any:
    """The type adapter that FastAPI made for a field (it keeps it private; the version is pinned), ready for use."""
    with warnings.catch_warnings():  # of the parameter's own name, as FastAPI does
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
        field._type_adapter.rebuild()
    return field._type_adapter


def _refuse_unknown(route: APIRoute) -> None:
    wanted = route.dependant
    if not is_async_callable(route.endpoint):
        raise TypeError(f"{route.path}: a route is an async function")
    optional_body = route.body_field is not None and not route.body_field.field_info.is_required()
    if len(wanted.body_params) > 1 or optional_body or wanted.cookie_params or _wants_more(wanted):
        raise TypeError(
            f"{route.path}: a route asks for parameters, one required JSON body, the request and dependencies only"
        )
    for part in wanted.dependencies:
        alone = not (part.dependencies or part.path_params or part.query_params or part.header_params)
        if not (alone and part.request_param_name and is_async_callable(part.call)):
            raise TypeError(f"{route.path}: a dependency is async and takes the request only")


def _wants_more(wanted: Dependant) -> bool:
    return bool(
        wanted.response_param_name
        or wanted.background_tasks_param_name
        or wanted.http_connection_param_name
        or wanted.websocket_param_name
    )


def _refuse_other_media(request: Request) -> None:
    headers = request.headers
    kind = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind != JSON or headers.get("content-encoding", "identity") != "identity":
        raise Problem(
            MEDIA_TYPE_UNSUPPORTED,
            "Chỉ nhận nội dung application/json, không nén.",
            next_step="Gửi lại với Content-Type: application/json.",
        )
