"""Who may call a route: `requires("scope")` for bearers of a token, `signed_by(secrets)` for an agency's callback."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request

from hub_web.documents import DocumentRoute
from hub_web.problems import (
    CLOCKS_DIFFER,
    CREDENTIAL_INVALID,
    CREDENTIAL_MISSING,
    ISSUER_AWAY,
    SCOPE_MISSING,
    SIGNATURE_INVALID,
    Problem,
)
from hub_web.rates import Rates
from hub_web.routes import raw_body
from hub_web.signatures import ClocksDiffer, SignatureRefused, verify
from hub_web.tokens import SCOPES, Caller, KeyUnknown, TokenRefused, Verifier

SecretsOf = Callable[[Request], Awaitable[Sequence[str]]]
Untimely = Callable[[Request], Problem]
CLOCKS_RETRY_SECONDS = 30
ISSUER_RETRY_SECONDS = 5

_CHALLENGE = 'Bearer realm="mot-cua-hub"'


@dataclass(frozen=True)
class Bearer:
    """The dependency behind `requires`: the Caller, if the token is good and holds the scope."""

    scope: str

    async def __call__(self, request: Request) -> Caller:
        sent = request.headers.getlist("authorization")
        if not sent:
            raise _missing()
        verifier: Verifier = request.app.state.verifier
        kind, _, token = sent[0].partition(" ")
        if len(sent) > 1 or kind.lower() != "bearer" or not token:
            raise _invalid("one header 'Authorization: Bearer <token>' is expected")
        try:
            caller = await verifier.patient_caller(token.strip())
        except TokenRefused as refusal:
            if isinstance(refusal, KeyUnknown) and refusal.away:
                raise _issuer_away() from None
            raise _invalid(refusal.reason) from None
        rates: Rates | None = request.app.state.rates
        if rates is not None:
            rates.take(caller.subject)
        if self.scope not in caller.scopes:
            raise Problem(
                SCOPE_MISSING,
                f"Mã truy cập không có quyền {self.scope}.",
                next_step="Xin mã truy cập có quyền này.",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{self.scope}"'},
                scope=self.scope,
            )
        return caller


@dataclass(frozen=True)
class Signature:
    """The dependency behind `signed_by`: the webhook-id, if the body carries a signature by one of the secrets."""

    secrets_of: SecretsOf
    untimely: Untimely

    async def __call__(self, request: Request) -> str:
        secrets = await self.secrets_of(request)
        try:
            return verify(request.headers, await raw_body(request), secrets)
        except ClocksDiffer:
            raise self.untimely(request) from None
        except SignatureRefused as refusal:
            raise Problem(
                SIGNATURE_INVALID,
                f"Chữ ký theo Standard Webhooks không được chấp nhận: {refusal.reason}.",
                next_step="Kiểm tra khóa bí mật, rồi ký và gửi lại.",
            ) from None


def clocks_differ(_request: Request) -> Problem:
    """Says 503 and not 4xx: what is true must not be lost because a clock is wrong for a while, be it ours."""
    return Problem(
        CLOCKS_DIFFER,
        "Thời điểm của thông điệp lệch giờ của trục hơn 5 phút.",
        next_step="Giữ nguyên nội dung và webhook-id, ký và gửi lại sau; kiểm tra đồng hồ và múi giờ.",
        headers={"Retry-After": str(CLOCKS_RETRY_SECONDS)},
    )


@dataclass(frozen=True)
class Anybody:
    """The dependency behind `open_to_all`: anybody may ask, as long as `guard` lets them (its limits)."""

    guard: Callable[[Request], Awaitable[None]]

    async def __call__(self, request: Request) -> None:
        await self.guard(request)


def requires(scope: str) -> Any:
    """`Annotated[Caller, requires("dossiers:submit")]`. Raises ValueError for a scope nobody can hold."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}")
    return Depends(Bearer(scope))


def signed_by(secrets_of: SecretsOf, untimely: Untimely = clocks_differ) -> Any:
    """`Annotated[str, signed_by(secrets_of)]`: the webhook-id of a body signed by the party the route is about.

    `secrets_of(request)` finds the party's valid secrets; none for a party that isn't known, so that it can't be told
    from a wrong signature. `untimely(request)` is the answer where the signature is good and the time is not.
    """
    return Depends(Signature(secrets_of, untimely))


def open_to_all(guard: Callable[[Request], Awaitable[None]]) -> Any:
    """`Annotated[None, open_to_all(guard)]`: a page for citizens. `guard` raises Problem for one who asks too often."""
    return Depends(Anybody(guard))


def credential_of(route: APIRoute) -> Bearer | Signature | Anybody | None:
    """What a route asks of its caller."""
    calls = [part.call for part in route.dependant.dependencies]
    return next((call for call in calls if isinstance(call, Bearer | Signature | Anybody)), None)


def unprotected_routes(app: FastAPI) -> list[str]:
    """Routes that ask for no credential, as "METHOD /path"; the API's own documents are open on purpose."""
    found: list[str] = []
    for route in app.routes:
        path = getattr(route, "path", str(route))
        if path == app.openapi_url or isinstance(route, DocumentRoute):
            continue
        if isinstance(route, APIRoute) and credential_of(route):
            continue
        methods = getattr(route, "methods", None) or {"ANY"}
        found.extend(f"{method} {path}" for method in sorted(methods))
    return found


def _missing() -> Problem:
    return Problem(
        CREDENTIAL_MISSING,
        "Yêu cầu này phải có mã truy cập.",
        next_step="Gửi tiêu đề Authorization: Bearer <mã truy cập>.",
        headers={"WWW-Authenticate": _CHALLENGE},
    )


def _issuer_away() -> Problem:
    """503 and not 401: the token may be good, and only we can't tell."""
    return Problem(
        ISSUER_AWAY,
        "Chưa lấy được khóa của nơi cấp mã truy cập này.",
        next_step="Giữ nguyên mã truy cập, gửi lại sau; quản trị xem /ready và hub_issuer_keys_age_seconds.",
        headers={"Retry-After": str(ISSUER_RETRY_SECONDS)},
    )


def _invalid(reason: str) -> Problem:
    return Problem(
        CREDENTIAL_INVALID,
        f"Mã truy cập không được chấp nhận: {reason}.",
        next_step="Xin mã truy cập mới rồi gửi lại.",
        headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
    )
