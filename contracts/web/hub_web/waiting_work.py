"""Việc chờ người xử lý: how a lane's list shows a row that waits for a person, and what a person says to end it.

The same in every service; each hands in its own rows (`hub_messaging.work.Aside`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub_web.pages import Page, page_of

Why = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=500),
    Field(description="Lý do; không ghi dữ liệu cá nhân."),
]
"""A person's reason for what they decide."""


class Waiting(Protocol):
    """A row, by its place in the list."""

    @property
    def seq(self) -> int: ...


class WorkView(BaseModel):
    """A row that the party refused, that failed again and again, or of which it is unknown what became.

    `kind`: what was to be sent; notify names the notice (`accepted:1`), by which it is sent again or settled. `outcome`
    is the last reason, or the last that leaves open whether the party has it; `withdrawn`: nobody needs it any more,
    and it may have been sent just then. `started_at`: when the attempt began whose end is unknown.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    dossier_id: UUID
    kind: str
    state: str
    outcome: str | None
    attempts: int
    created_at: datetime
    started_at: datetime | None


class Settle(BaseModel):
    """What was found out about a row: whether the party has it, and how one knows.

    `again`: whether what it does not have is sent again; false: never, a person deals with it in another way.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    sent: bool
    again: bool = True
    why: Why


def work_page(rows: Sequence[Waiting], limit: int) -> Page[WorkView]:
    """The first `limit` of the rows; one more says that another page follows."""
    return page_of(rows, limit, WorkView.model_validate, lambda row: (row.seq,))
