"""Trang tra cứu hồ sơ: where the QR code on the receipt leads. Code and four digits in, the dossier's way out.

    GET /tra-cuu, /tra-cuu/{mã hồ sơ}   the form; with the code filled in
    POST /tra-cuu                       the page of the dossier

Wrong digits, a code nobody has, and a dossier with nothing to compare get the same page after the same time. Digits
are never in an address; no script, no cookie.
"""

import asyncio
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Protocol
from urllib.parse import parse_qs

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from hub_web.credentials import open_to_all
from hub_web.limits import takes_up_to
from hub_web.problems import MEDIA_TYPE_UNSUPPORTED, Problem, problem_type
from hub_web.routes import RawBody, Router
from hub_worktime import Calendar, load_calendar
from services.intake.api.citizen.pages import TRACKING_PATH, Pages
from services.intake.api.desk.life_reading import LifeReading
from services.intake.api.reading import Reading
from services.intake.domain.catalogue import Procedure
from services.intake.domain.citizen.citizen_view import Around, CitizenView, citizen_view
from services.intake.domain.citizen.look_up import (
    LONGEST_TYPED,
    WRONG_PER_ADDRESS,
    WRONG_PER_CODE,
    Limit,
    dossier_code,
    last_digits,
)
from services.intake.domain.citizen.plain_words import plain
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.refusals import UnknownProcedure
from services.intake.handlers.citizen.recognise_applicant import recognise_applicant
from services.intake.handlers.office import Office

TOO_MANY_TRIES = problem_type("too-many-tries", 429, "Đã thử sai quá nhiều lần")
LONGEST_BODY = 2048
FAILED_AFTER_SECONDS = 0.3
"""A failed look-up is answered so long after it came, or a multiple of that: no work behind it shows in the time."""
LOOK_UPS = Counter(
    "hub_look_ups_total",
    "Look-ups on the citizen's page: shown, wrong or limited. Many wrong or limited ones: somebody is guessing.",
    ["outcome"],
)
_FORM = "application/x-www-form-urlencoded"


class Tries(Protocol):
    """The limit against guessing (store.wrong_tries)."""

    async def charge(self, kind: str, name: str, limit: Limit) -> timedelta | None: ...
    async def give_back(self, kind: str, name: str, limit: Limit) -> None: ...
    async def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Whose tries are counted together: an IPv4 address, or the /64 that one IPv6 customer has."""

    proxies: int

    def of(self, request: Request) -> str:
        """What the outermost of our own proxies saw; what a client wrote into the header itself is further left."""
        socket = request.client.host if request.client else "unknown"
        seen = [entry.strip() for line in request.headers.getlist("x-forwarded-for") for entry in line.split(",")]
        if self.proxies == 0 or len(seen) < self.proxies:
            return _network(socket) or socket
        return _network(seen[-self.proxies]) or _network(socket) or socket


def citizen_router(
    reading: Reading,
    lives: LifeReading,
    office: Office,
    tries: Tries,
    pages: Pages,
    address: ClientAddress,
    now: Callable[[], datetime],
) -> Router:
    """The citizen's page. `now` is business time."""
    router = Router(include_in_schema=False)

    async def within_limit(request: Request) -> None:
        await _charge(tries, "address", address.of(request), WRONG_PER_ADDRESS)

    @router.get(TRACKING_PATH)
    @router.get(f"{TRACKING_PATH}/")
    async def form(_open: Annotated[None, open_to_all(_everybody)]) -> Response:
        """Nhập mã hồ sơ và bốn số cuối."""
        return _form(pages)

    @router.get(f"{TRACKING_PATH}/{{typed}}")
    async def form_for(typed: str, _open: Annotated[None, open_to_all(_everybody)]) -> Response:
        """Mã hồ sơ đã điền sẵn; what is no code is not shown again."""
        return _form(pages, code=dossier_code(typed) or "")

    @router.post(TRACKING_PATH)
    @takes_up_to(LONGEST_BODY)
    async def look_up(_open: Annotated[None, open_to_all(within_limit)], body: RawBody, request: Request) -> Response:
        """Hồ sơ đang ở đâu."""
        arrived = asyncio.get_running_loop().time()
        sent = _fields(request, body)
        code, digits = dossier_code(sent["code"]), last_digits(sent["digits"])
        if code is None or digits is None:
            wrong = {field for field, read in (("code", code), ("digits", digits)) if read is None}
            return _form(pages, 400, code=code or plain(sent["code"][:LONGEST_TYPED]), wrong=wrong)
        await _charge(tries, "code", code, WRONG_PER_CODE)
        found = await reading.by_code(code)
        if found is None or not recognise_applicant(found[0], digits, office):
            LOOK_UPS.labels("wrong").inc()
            await tries.forget()
            await _until_next(arrived)
            return _form(pages, 404, code=code, wrong={"pair"})
        await tries.give_back("code", code, WRONG_PER_CODE)
        await tries.give_back("address", address.of(request), WRONG_PER_ADDRESS)
        dossier, progress = found
        life, steps = await lives.life_of(dossier.id), await reading.steps(dossier.id)
        view = citizen_view(dossier, progress, life, steps, _around(dossier, life, office), now())
        LOOK_UPS.labels("shown").inc()
        return _shown(pages, view)

    return router


async def _everybody(_request: Request) -> None:
    """The empty form tells nothing and costs nothing: no limit."""


async def _charge(tries: Tries, kind: str, name: str, limit: Limit) -> None:
    wait = await tries.charge(kind, name, limit)
    if wait is not None:
        LOOK_UPS.labels("limited").inc()
        seconds = int(wait.total_seconds()) + 1
        raise Problem(
            TOO_MANY_TRIES,
            "Đã thử sai quá nhiều lần.",
            next_step="Thử lại sau thời gian nêu trong wait_seconds.",
            headers={"Retry-After": str(seconds)},
            wait_seconds=seconds,
        )


async def _until_next(arrived: float) -> None:
    passed = asyncio.get_running_loop().time() - arrived
    await asyncio.sleep(FAILED_AFTER_SECONDS - passed % FAILED_AFTER_SECONDS)


def _fields(request: Request, body: bytes) -> Mapping[str, str]:
    if request.headers.get("content-type", "").split(";", 1)[0].strip().lower() != _FORM:
        raise Problem(MEDIA_TYPE_UNSUPPORTED, f"Chỉ nhận {_FORM}.", next_step="Gửi biểu mẫu của trang tra cứu.")
    sent = parse_qs(body.decode(errors="replace"), keep_blank_values=True, errors="replace", separator="&")
    return {name: sent.get(name, [""])[0] for name in ("code", "digits")}


def _form(pages: Pages, status: int = 200, *, code: str = "", wrong: Set[str] = frozenset()) -> Response:
    return pages.show("look-up.html.j2", status, code=code, wrong=wrong)


def _shown(pages: Pages, view: CitizenView) -> Response:
    return pages.show("dossier.html.j2", dossier=view)


def _around(dossier: Dossier, life: Life | None, office: Office) -> Around:
    desk, wanted_at = office.catalogue.known_desk, life.wanted_at if life is not None else None
    other = None if wanted_at is None else desk(wanted_at)
    return Around(_procedure(dossier, office), desk(dossier.desk.code), _calendar(dossier), other)


def _procedure(dossier: Dossier, office: Office) -> Procedure | None:
    try:
        return office.catalogue.version(dossier.procedure)
    except UnknownProcedure:
        return None


def _calendar(dossier: Dossier) -> Calendar | None:
    if dossier.promise is None or dossier.promise.calendar is None:
        return None
    try:
        return load_calendar(dossier.promise.calendar)
    except LookupError:
        return None


def _network(text: str) -> str | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)
