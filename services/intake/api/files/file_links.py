"""Đường dẫn tải có thời hạn: one agency fetches one file without an account, for some minutes; each use is noted.

The token is a seal (authenticated, bound to the file) around the link's id, so that guesses end before the database;
the link itself is a row, so that it can be listed and revoked.
"""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from hub_messaging.clock import real_now
from hub_messaging.errors import HubError
from hub_messaging.jobs import Job
from hub_web.credentials import open_to_all, requires
from hub_web.pages import Page
from hub_web.routes import IdempotencyKey, RawBody, Router
from hub_web.tokens import Caller
from services.intake.api.files.file_bodies import LinkView, LinkWish, link_view
from services.intake.api.files.file_commands import as_problems
from services.intake.api.files.file_problems import no_such_file, no_such_link
from services.intake.api.files.file_reading import file_in_area
from services.intake.api.files.files import Files, IfRange, RangeAsked
from services.intake.domain.files.file_kinds import kind_of
from services.intake.domain.files.files import Content, Link, StoredFile
from services.intake.handlers.files.file_ports import LINKS
from services.intake.handlers.files.give_file import make_link, revoke_link
from services.intake.handlers.ports import Seals

DossierReader = Annotated[Caller, requires("dossiers:read")]
LONGEST_TOKEN = 1024
_LINK = "hub_intake.link"  # of a request's scope


class LinkTokens:
    """Tokens of links to files."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals

    def token_of(self, link: Link) -> str:
        return self._seals.seal("form", link.file_id, {"link": str(link.id), "agency": link.agency})

    async def guard(self, request: Request) -> None:
        """Lets those pass whose token is a seal of ours around a link to this very file. Raises Problem `not-found`."""
        token = request.query_params.get("token", "")
        try:
            if len(token) > LONGEST_TOKEN:
                raise ValueError
            told = self._seals.open("form", UUID(request.path_params["file_id"]), token)
            request.scope[_LINK] = UUID(told["link"]), told["agency"]
        except (HubError, ValueError, TypeError, KeyError):
            raise no_such_link() from None


def link_router(files: Files, tokens: LinkTokens, public_url: str) -> Router:
    """What makes links, ends them and is found behind them."""
    router = Router(tags=["files"])

    @router.post("/v1/files/{file_id}/links", status_code=201, response_model=LinkView)
    async def make(
        file_id: UUID, wish: LinkWish, caller: DossierReader, key: IdempotencyKey, body: RawBody
    ) -> Response:
        """Tạo đường dẫn tải cho một cơ quan, nhiều nhất 60 phút."""
        _, content = await file_in_area(files.files, file_id, caller)
        route = f"{file_id} links"
        kept = await files.commands.repeated(caller=caller, route=route, key=key, body=body)
        if kept is not None:
            return kept
        with as_problems():
            content.check_fit_to_give(files.scanned)
        at = real_now()
        until = at + timedelta(minutes=wish.minutes)
        link = Link(uuid7(), file_id, wish.agency, caller.subject, at, until)
        url = f"{public_url}/v1/files/{file_id}/by-link?token={tokens.token_of(link)}"
        return await files.commands.once(
            lambda uow: link_view(make_link(link, uow), url),
            keys={},
            caller=caller,
            route=route,
            key=key,
            body=body,
        )

    @router.get("/v1/files/{file_id}/links")
    async def show(file_id: UUID, caller: DossierReader) -> Page[LinkView]:
        """Các đường dẫn đã tạo, mới nhất trước: for whom, until when, how often used."""
        await file_in_area(files.files, file_id, caller)
        found = await files.files.links_of(file_id)
        return Page(items=[link_view(link, None, times, last_at) for link, times, last_at in found])

    @router.delete("/v1/files/{file_id}/links/{link_id}")
    async def revoke(file_id: UUID, link_id: UUID, caller: DossierReader) -> LinkView:
        """Thu hồi đường dẫn; from now on it gives nothing."""
        await file_in_area(files.files, file_id, caller)
        at = real_now()
        job: Job[Any, Link] = Job(
            lambda uow: revoke_link(link_id, file_id, caller.subject, at, uow), {LINKS: (link_id,)}
        )
        return link_view(await files.commands.run(job))

    @router.get("/v1/files/{file_id}/by-link", response_class=Response)
    async def fetch(
        file_id: UUID,
        _anybody: Annotated[None, open_to_all(tokens.guard)],
        request: Request,
        token: Annotated[str, Query(max_length=LONGEST_TOKEN)],
        asked: RangeAsked = None,
        if_range: IfRange = None,
    ) -> Response:
        """Tải tệp bằng đường dẫn, không cần mã truy cập."""
        link_id, agency = request.scope[_LINK]
        found = await files.files.file(file_id)
        if found is None:
            raise no_such_file()
        file = found[0]
        return await files.give(file, agency, link_id, await _plain_name(files, file), asked, if_range)

    return router


async def _plain_name(files: Files, file: StoredFile) -> str:
    """A name that tells nothing about a person: an agency's systems keep names of files where they keep no content."""
    content: Content | None = await files.files.content(file.content_id)
    extension = kind_of(content.media_type).extensions[0] if content is not None else "bin"
    return f"{file.component}.{extension}"
