"""How much one request may bring: its body here, its head in `hub_web.server`."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub_web.problems import BAD_REQUEST, BODY_TOO_LARGE, Problem


class BodyLimit:
    """ASGI middleware: 413 `body-too-large` when a body says it is, or turns out to be, above `most` bytes."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = b"0"
        for name, value in scope.get("headers", ()):
            if name == b"content-length":
                declared = value
        if not declared.isdigit() or len(declared) > 18:
            refusal = Problem(BAD_REQUEST, "Content-Length phải là số.", headers={"Connection": "close"})
            return await refusal.response()(scope, receive, send)
        if int(declared) > self._most:
            return await self._too_large().response()(scope, receive, send)
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._most:
                raise self._too_large()
            return message

        return await self._app(scope, counted, send)

    def _too_large(self) -> Problem:
        return Problem(
            BODY_TOO_LARGE,
            f"Nội dung vượt quá {self._most} byte.",
            next_step="Giảm nội dung; tệp đính kèm gửi bằng liên kết.",
            headers={"Connection": "close"},
            limit_bytes=self._most,
        )
