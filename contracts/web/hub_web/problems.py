"""Báo lỗi: every refusal as RFC 9457 problem details, with a stable slug and whose fault it is.

`ProblemType` is the meaning (slug, status, Vietnamese title, fault), declared once; `Problem` is one occurrence,
raised anywhere under a route:

    TERM_NEEDS_A_PERSON = problem_type("term-needs-a-person", 422, "Thời hạn cần người quyết định")
    raise Problem(TERM_NEEDS_A_PERSON, "Thời hạn không tính được.", next_step="Nhập ngày hẹn trả và lý do.")

What the sender submitted is never in an answer nor in a log: only where it is wrong and why.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import structlog
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

Fault = Literal["sender", "hub", "agency"]

MEDIA_TYPE = "application/problem+json"
SHOWN_ERRORS = 20
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
SHOWN_FRAMES = 12
RETRY_AFTER_SECONDS = 2

_log = structlog.get_logger("hub_web")


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What a slug means, wherever it is met."""

    slug: str
    status: int
    title: str
    fault: Fault

    @property
    def uri(self) -> str:
        """The `type` member of RFC 9457."""
        return f"urn:mot-cua-hub:problem:{self.slug}"


_DECLARED: dict[str, ProblemType] = {}


def problem_type(slug: str, status: int, title: str, fault: Fault = "sender") -> ProblemType:
    """Declares a slug. Raises ValueError when it is no slug, or already means something else."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or not 400 <= status <= 599:
        raise ValueError(f"{slug!r} with status {status} is no problem type")
    declared = ProblemType(slug, status, title, fault)
    if _DECLARED.setdefault(slug, declared) != declared:
        raise ValueError(f"the slug {slug!r} already means something else")
    return declared


def declared_problems() -> tuple[ProblemType, ...]:
    """Every slug declared so far, sorted: the closed list that the documents print."""
    return tuple(_DECLARED[slug] for slug in sorted(_DECLARED))


MALFORMED_JSON = problem_type("malformed-json", 400, "Nội dung không phải JSON hợp lệ")
BAD_REQUEST = problem_type("bad-request", 400, "Yêu cầu không hợp lệ")
IDEMPOTENCY_KEY_MISSING = problem_type("idempotency-key-missing", 400, "Thiếu khóa chống gửi lặp (Idempotency-Key)")
CURSOR_INVALID = problem_type("cursor-invalid", 400, "Con trỏ trang không hợp lệ")
CREDENTIAL_MISSING = problem_type("credential-missing", 401, "Thiếu thông tin xác thực")
CREDENTIAL_INVALID = problem_type("credential-invalid", 401, "Thông tin xác thực không hợp lệ")
SIGNATURE_INVALID = problem_type("signature-invalid", 401, "Chữ ký không hợp lệ")
SCOPE_MISSING = problem_type("scope-missing", 403, "Không có quyền thực hiện")
NOT_FOUND = problem_type("not-found", 404, "Không tìm thấy")
METHOD_NOT_ALLOWED = problem_type("method-not-allowed", 405, "Phương thức không được hỗ trợ")
REQUEST_TIMEOUT = problem_type("request-timeout", 408, "Nội dung gửi đến quá chậm")
NOTHING_TO_REDO = problem_type("nothing-to-redo", 409, "Không có việc chờ gửi lại")
NOTHING_TO_SETTLE = problem_type("nothing-to-settle", 409, "Không có việc nào chờ người quyết định")
BODY_TOO_LARGE = problem_type("body-too-large", 413, "Nội dung quá lớn")
MEDIA_TYPE_UNSUPPORTED = problem_type("media-type-unsupported", 415, "Kiểu nội dung không được hỗ trợ")
INVALID_REQUEST = problem_type("invalid-request", 422, "Dữ liệu gửi đến không hợp lệ")
IDEMPOTENCY_KEY_REUSED = problem_type("idempotency-key-reused", 422, "Khóa đã dùng cho nội dung khác")
INTERNAL = problem_type("internal", 500, "Lỗi của hệ thống", fault="hub")
CLOCKS_DIFFER = problem_type("clocks-differ", 503, "Đồng hồ hai bên lệch nhau quá 5 phút", fault="agency")
ISSUER_AWAY = problem_type("issuer-unavailable", 503, "Nơi cấp mã truy cập chưa trả lời", fault="hub")
UNAVAILABLE = problem_type("unavailable", 503, "Hệ thống tạm thời chưa phục vụ được", fault="hub")


class Problem(Exception):
    """A refusal on its way to the sender. `detail` and `extra` must hold no submitted value and no personal data."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        next_step: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(kind.slug)
        self.kind = kind
        self.detail = detail
        self.next_step = next_step
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self) -> bytes:
        """The JSON object of RFC 9457 with the members `slug`, `fault`, `next_step` and `extra`."""
        members = {
            **self.extra,
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "slug": self.kind.slug,
            "fault": self.kind.fault,
        }
        if self.next_step is not None:
            members["next_step"] = self.next_step
        return orjson.dumps(members)

    def response(self) -> Response:
        return Response(self.body(), self.kind.status, self.headers, MEDIA_TYPE)


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The refusal for pydantic's error list: field, rule and message of each, never the value."""
    if any(error["type"] == "missing" and _field(error) == "header.Idempotency-Key" for error in errors):
        return Problem(
            IDEMPOTENCY_KEY_MISSING,
            "Yêu cầu này phải có tiêu đề Idempotency-Key.",
            next_step="Gửi lại với một khóa riêng cho việc này; gửi lặp thì giữ nguyên khóa.",
        )
    shown = [
        {"field": _field(error), "rule": error["type"], "message": _message(error)} for error in errors[:SHOWN_ERRORS]
    ]
    return Problem(
        INVALID_REQUEST,
        f"Có {len(errors)} chỗ chưa đúng.",
        next_step="Sửa các trường nêu trong errors rồi gửi lại.",
        errors=shown,
    )


def _message(error: Mapping[str, Any]) -> str:
    """Pydantic's words, but for the one rule that repeats what was sent."""
    return "Names none of the known kinds" if error["type"] == "union_tag_invalid" else str(error["msg"])[:200]


def _field(error: Mapping[str, Any]) -> str:
    """`("body", "components", 0, "code")` → `body.components[0].code`.

    An unknown key is the sender's own: it is repeated only when it reads like a field's name, for people also type
    names of persons and numbers where a key should stand.
    """
    path = ""
    for part in error["loc"]:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if FIELD_NAME.fullmatch(str(part)) else ".?"
    return path.removeprefix(".")[:200]


async def answer_problem(_request: Request, error: Exception) -> Response:
    """The handler of every expected refusal: ours, and those of the router underneath."""
    if isinstance(error, Problem):
        return error.response()
    assert isinstance(error, HTTPException)
    kind = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: BODY_TOO_LARGE}.get(error.status_code, BAD_REQUEST)
    detail = {NOT_FOUND: "Không có địa chỉ này.", METHOD_NOT_ALLOWED: "Địa chỉ này không nhận phương thức đã dùng."}
    return Problem(kind, detail.get(kind, "Yêu cầu không đọc được."), headers=error.headers).response()


async def answer_outage(_request: Request, error: Exception) -> Response:
    """The database is away for a moment: nothing was kept."""
    _log.warning("request_without_database", trouble=type(error).__name__)
    return Problem(
        UNAVAILABLE,
        "Cơ sở dữ liệu tạm thời không phục vụ.",
        next_step="Gửi lại yêu cầu sau vài giây, giữ nguyên nội dung và khóa.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    ).response()


class Incidents:
    """ASGI middleware: an exception nobody expected becomes `internal` with an incident id.

    Logged are the id, the exception's class and where it was raised; its text, which may hold what a citizen wrote,
    is not. An answer already begun is broken off, so that the sender sees a failure and repeats.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except ClientDisconnect:
            return None
        except Exception as error:
            incident = str(uuid7())
            _log.error("request_failed", incident=incident, route=_route(scope), **_whereabouts(error))
            if begun:
                raise ConnectionAbortedError(f"answer broken off, incident {incident}") from None
            problem = Problem(
                INTERNAL,
                f"Sự cố {incident} đã được ghi lại.",
                next_step="Gửi lại với cùng Idempotency-Key; nếu vẫn lỗi, báo mã sự cố cho đơn vị vận hành.",
                incident=incident,
            )
            await problem.response()(scope, receive, send)
        return None


def _route(scope: Scope) -> str:
    """The route's pattern: a path itself may name a person's record."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', 'unknown')}"


def _whereabouts(error: BaseException) -> dict[str, Any]:
    frames: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}.{code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    kinds = [type(error).__name__]
    while (cause := error.__cause__ or error.__context__) is not None and len(kinds) < 5:
        kinds.append(type(cause).__name__)
        error = cause
    return {"error": " <- ".join(kinds), "frames": frames[-SHOWN_FRAMES:]}


def from_validation(error: ValidationError, place: str) -> Problem:
    """`invalid_request` for a ValidationError of what was found in `place` ("body", …)."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return invalid_request([{**one, "loc": (place, *one["loc"])} for one in found])
