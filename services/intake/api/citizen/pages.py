"""Trang cho người dân: templates made into pages that load nothing from anywhere, with one frame and its links."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from services.intake.domain.citizen.plain_words import time_of

if TYPE_CHECKING:
    from jinja2 import Environment

TRACKING_PATH = "/tra-cuu"
LISTS_PATH = "/danh-muc"
_LEVELS = {"commune": "cấp xã", "provincial": "cấp tỉnh", "district": "cấp huyện (đến 30/06/2025)"}
_FOLDER = Path(__file__).parents[2] / "data" / "pages"
_TROUBLES: Mapping[int, tuple[str, str]] = {
    404: ("Không có trang này", "Địa chỉ vừa mở không có trên hệ thống. Ông/bà có thể tra cứu lại từ đầu."),
    405: ("Không mở được trang theo cách này", "Hãy mở lại trang tra cứu và nhập mã hồ sơ."),
    408: ("Đường truyền quá chậm", "Nội dung chưa đến đủ. Hãy tra cứu lại."),
    413: ("Nội dung gửi đến quá dài", "Hãy mở lại trang tra cứu và chỉ nhập mã hồ sơ cùng bốn chữ số."),
    415: ("Không đọc được nội dung gửi đến", "Hãy mở lại trang tra cứu và nhập mã hồ sơ."),
    429: ("Đã thử quá nhiều lần", "Để bảo vệ hồ sơ, việc tra cứu tạm dừng. Ông/bà có thể thử lại sau"),
    503: (
        "Trang tra cứu tạm thời chưa phục vụ được",
        "Hồ sơ của ông/bà vẫn an toàn và vẫn được giải quyết. Hãy thử lại sau ít phút.",
    ),
}
_BUG = (
    "Trang tra cứu đang gặp lỗi",
    "Hồ sơ của ông/bà vẫn an toàn. Lỗi đã được ghi lại để sửa. Hãy thử lại sau ít phút.",
)
_FOR_ONE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_UNREADABLE = ("Không đọc được yêu cầu", "Hãy mở lại trang tra cứu và nhập mã hồ sơ.")


class Pages:
    """Renders templates. `public_url`: where citizens reach the service; its path is kept in links."""

    def __init__(self, public_url: str) -> None:
        self._base = urlsplit(public_url).path

    def show(self, template: str, status: int = 200, **content: Any) -> Response:
        """The page, as an answer that no cache keeps and no other site frames or is told of."""
        return HTMLResponse(self.render(template, **content), status, {**self._headers, **_FOR_ONE})

    def publish(self, html: bytes) -> Response:
        """A rendered page that is the same for everybody, and that search engines may show."""
        return HTMLResponse(html, headers=self._headers)

    def render(self, template: str, **content: Any) -> bytes:
        """The page as UTF-8."""
        return self._environment.get_template(template).render(content).encode()

    def refusal(self, problem: Mapping[str, Any]) -> Response:
        """The page of a problem's members; what they say to programs is left out."""
        status = int(problem["status"])
        title, text = _TROUBLES.get(status, _BUG if status >= 500 else _UNREADABLE)
        if status == 429:
            text = f"{text} {_minutes(int(problem.get('wait_seconds', 60)))}."
        return self.show("refusal.html.j2", status, title=title, text=text, incident=problem.get("incident"))

    @cached_property
    def _style(self) -> str:
        return (_FOLDER / "style.css").read_text(encoding="utf-8")

    @cached_property
    def _headers(self) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return {
            "Content-Language": "vi",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
                "base-uri 'none'; frame-ancestors 'none'"
            ),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # for the first visitor, not for the start
        from markupsafe import Markup

        environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(time_of=time_of, dialled=_dialled, day=_day, level=_level)
        environment.globals.update(
            style=Markup(self._style),  # noqa: S704
            home=self._base + TRACKING_PATH,
            lists=self._base + LISTS_PATH,
        )
        return environment


def _dialled(phone: str) -> str:
    return "".join(char for char in phone if char in "+0123456789")


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def _level(level: str | None) -> str:
    return _LEVELS.get(level or "", "mọi cấp")


def _minutes(seconds: int) -> str:
    return f"{-(-seconds // 60)} phút"
