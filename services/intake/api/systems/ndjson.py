"""NDJSON: a body of many lines, each a JSON object."""

from starlette.requests import Request

from hub_web.problems import MEDIA_TYPE_UNSUPPORTED, Problem

NDJSON = "application/x-ndjson"


async def only_ndjson(request: Request) -> None:
    """Refuses what isn't NDJSON before its body is read."""
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind != NDJSON or request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(
            MEDIA_TYPE_UNSUPPORTED,
            f"Chỉ nhận nội dung {NDJSON}, không nén: mỗi dòng một đối tượng JSON.",
            next_step=f"Gửi lại với Content-Type: {NDJSON}.",
        )
