"""Trang của người dân: where a dossier is, what was promised and what to do, in words for its owner.

Offices and dates only: no name, number or address of a person, no officer, no sealed text ever gets in here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub_worktime import Calendar, is_late
from services.intake.domain.catalogue import Desk, Procedure
from services.intake.domain.citizen.citizen_result import how_to_collect, how_to_pay, result_place
from services.intake.domain.citizen.citizen_steps import CitizenStep, citizen_steps, held_by, last_correction
from services.intake.domain.citizen.plain_words import plain, time_of
from services.intake.domain.citizen.promise_words import PromiseWords, promise_words, working_days_late
from services.intake.domain.desk.life import Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.judgement import judgement
from services.intake.domain.national_status import national_status, standing_of
from services.intake.domain.progress import Progress
from services.intake.domain.standing import Standing
from services.intake.domain.timeline import Step

Tone = Literal["calm", "act", "late", "done"]

HEADLINES: dict[int, tuple[str, Tone]] = {
    1: ("Hồ sơ đang chờ kiểm tra", "calm"),
    2: ("Hồ sơ đã được tiếp nhận", "calm"),
    3: ("Hồ sơ không được tiếp nhận", "act"),
    4: ("Hồ sơ đang được giải quyết", "calm"),
    5: ("Hồ sơ cần bổ sung giấy tờ", "act"),
    6: ("Hồ sơ chờ ông/bà nộp phí, lệ phí", "act"),
    7: ("Đã nhận yêu cầu rút hồ sơ", "calm"),
    8: ("Hồ sơ đã dừng giải quyết", "act"),
    9: ("Hồ sơ đã có kết quả", "done"),
    10: ("Kết quả đã được trả", "done"),
}
"""By national status: what it means to the owner, and how the page looks."""

OTHER_PAPERS = "Giấy tờ khác: hỏi Bộ phận Một cửa"
LATE = "Hồ sơ đã quá ngày hẹn"

_OVER = frozenset({3, 7, 8, 9, 10})


@dataclass(frozen=True, slots=True)
class CitizenView:
    """What the page shows. `papers`: what to bring, None: nothing is asked for; `late`: said when the date passed."""

    code: str
    procedure: str
    status: str
    headline: str
    tone: Tone
    place: str
    actions: tuple[str, ...]
    papers: tuple[str, ...] | None
    promised: PromiseWords | None
    reappointed: str | None
    """The date of the apology letter, where one was issued."""
    late: tuple[str, ...]
    desk: str
    phone: str | None
    steps: tuple[CitizenStep, ...]
    at: datetime
    corrected: str | None
    """What was corrected last, so that its owner notices."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the register knows beside the dossier; None: no longer there. `calendar`: the one the promise names."""

    procedure: Procedure | None
    desk: Desk | None
    calendar: Calendar | None
    result_desk: Desk | None = None
    """Where the result is wanted, if not at the receiving desk."""


def citizen_view(
    dossier: Dossier, progress: Progress, life: Life | None, steps: Sequence[Step], around: Around, now: datetime
) -> CitizenView:
    """The page's content at `now`, business time. `life`: what happened at the desk; None: nothing did."""
    status = national_status(dossier, progress, life)
    standing = standing_of(dossier, progress, life)
    headline, tone = HEADLINES[status.code]
    late = _late(standing, status.code, around, now)
    overdue = bool(late) and tone == "calm"
    return CitizenView(
        code=dossier.code or "",
        procedure=plain(dossier.procedure.name),
        status=status.name,
        headline=LATE if overdue else headline,
        tone="late" if overdue else tone,
        place=_place(standing, status.code, steps, around),
        actions=_actions(standing, status.code, around),
        papers=_papers(dossier, around.procedure) if status.code == 5 else None,
        promised=_promised(standing, around.calendar),
        reappointed=_reappointed(standing.reappointed_to),
        late=late,
        desk=plain((around.desk.ref if around.desk else dossier.desk).name),
        phone=plain(around.desk.phone) if around.desk else None,
        steps=citizen_steps(steps),
        at=now,
        corrected=last_correction(steps),
    )


def _place(standing: Standing, status: int, steps: Sequence[Step], around: Around) -> str:
    """Who holds it since when."""
    dossier, progress, life = standing
    desk = plain(dossier.desk.name)
    held = held_by(steps)
    if life.stopped_at is not None:
        return f"{desk} dừng giải quyết hồ sơ lúc {time_of(life.stopped_at)}."
    if (where := result_place(life, desk, around.result_desk)) is not None:
        return where
    if progress.completed_at is not None:
        agency = held.agency if held else plain(progress.agency_name or "") or "Cơ quan giải quyết"
        return f"{agency} đã giải quyết xong lúc {time_of(progress.completed_at)}."
    if dossier.refused_at is not None:
        return f"{desk} trả lời lúc {time_of(dossier.refused_at)}."
    waiting = ""
    if status == 5 and dossier.supplement is not None:
        waiting = f" Đang chờ giấy tờ của ông/bà từ {time_of(dossier.supplement.requested_at)}."
    if held is not None:
        return f"{held.agency} đang giữ hồ sơ, từ {time_of(held.since)}.{waiting}"
    since = time_of(dossier.accepted_at or dossier.received_at)
    there = f"{desk} đang giữ hồ sơ, từ {since}.{waiting}"
    if dossier.accepted and progress.agency_name and not waiting:
        return f"{there} Hồ sơ đang được chuyển đến {plain(progress.agency_name)}."
    return there


def _actions(standing: Standing, status: int, around: Around) -> tuple[str, ...]:
    """What to do next, in the order in which to do it."""
    dossier, progress = standing.dossier, standing.progress
    desk = plain((around.desk.ref if around.desk else dossier.desk).name)
    match status:
        case 3:
            return ("Lý do và cách làm tiếp nằm trong văn bản trả lời ông/bà. Nếu chưa rõ, hãy hỏi Bộ phận Một cửa.",)
        case 5:
            after = (
                "Khi đã đủ giấy tờ, thời hạn được tính lại từ đầu và ông/bà nhận ngày hẹn mới."
                if dossier.accepted
                else "Khi đã đủ giấy tờ, hồ sơ được tiếp nhận và ông/bà nhận giấy hẹn."
            )
            named = _papers(dossier, around.procedure)
            what = "Nộp giấy tờ dưới đây" if named else "Hỏi Bộ phận Một cửa cần bổ sung giấy tờ gì, rồi nộp"
            return (f"{what} tại {desk}, hoặc theo cách ông/bà đã nộp hồ sơ.", after)
        case 6:
            return how_to_pay(standing, desk, around.result_desk)
        case 7:
            return (f"{desk} đang kiểm tra yêu cầu rút hồ sơ và sẽ trả lời ông/bà.",)
        case 8:
            return (f"Hỏi {desk} để biết lý do và nhận lại giấy tờ.",)
        case 9:
            return how_to_collect(standing, desk, around.result_desk)
        case 10:
            return ("Ông/bà không cần làm gì thêm.",)
        case _:
            return ("Ông/bà chưa cần làm gì.", _told_by(dossier, progress))


def _told_by(dossier: Dossier, progress: Progress) -> str:
    """How the next word reaches the owner: never promised where it failed."""
    if progress.notice in ("failed", "unreached"):
        return "Chúng tôi chưa báo được cho ông/bà. Hãy gọi Bộ phận Một cửa để kiểm tra cách liên lạc."
    if "sms" in dossier.contact_channels:
        return "Khi có kết quả hoặc cần bổ sung, chúng tôi nhắn tin cho ông/bà."
    if "email" in dossier.contact_channels:
        return "Khi có kết quả hoặc cần bổ sung, chúng tôi gửi thư điện tử cho ông/bà."
    return "Ông/bà không để lại cách liên lạc: hãy xem lại trang này, nhất là khi gần ngày hẹn."


def _papers(dossier: Dossier, procedure: Procedure | None) -> tuple[str, ...]:
    """The names of what is asked for; the reason is sealed, people write names into reasons."""
    if dossier.supplement is None:
        return ()
    names = {part.code: part.name for part in dossier.components if part.name}
    names |= {part.code: part.name for part in procedure.components} if procedure else {}
    asked = [plain(names.get(code, "")) or OTHER_PAPERS for code in dossier.supplement.components]
    return tuple(sorted(dict.fromkeys(asked), key=OTHER_PAPERS.__eq__))


def _promised(standing: Standing, calendar: Calendar | None) -> PromiseWords | None:
    dossier = standing.dossier
    promise = dossier.promise
    if promise is None:
        return None
    if standing.waits and promise.due_at is not None:
        before = f"Ngày hẹn trước đó là {time_of(promise.due_at)}."
        return PromiseWords(None, f"{before} Thời hạn đang dừng; có ngày hẹn mới khi ông/bà nộp đủ giấy tờ.")
    return promise_words(promise, restarted=dossier.restarted, calendar=calendar)


def _reappointed(to: datetime | None) -> str | None:
    """What the signed letter says, said here too."""
    return None if to is None else f"Đã hẹn lại: {time_of(to)}, theo phiếu xin lỗi và hẹn lại ngày trả kết quả."


def _late(standing: Standing, status: int, around: Around, now: datetime) -> tuple[str, ...]:
    """Quá hạn, said as it is; the hub doesn't apologise: that is for the head of the agency, with a new date."""
    dossier = standing.dossier
    due_at = dossier.due_at
    if due_at is None or standing.waits:
        return ()
    if (ended := judgement(standing)) is not None and dossier.state != "stopped":
        return ("Kết quả có muộn hơn ngày hẹn.",) if ended.outcome == "late" else ()
    if status in _OVER or not is_late(due_at, now):
        return ()
    days = working_days_late(due_at, now, around.calendar) if around.calendar else None
    by = f" {days} ngày làm việc" if days else ""
    return (f"Đã quá ngày hẹn{by} mà chưa có kết quả.", _new_date(standing.reappointed_to, now))


def _new_date(reappointed_to: datetime | None, now: datetime) -> str:
    if reappointed_to is None:
        return "Chưa có ngày hẹn mới."
    if is_late(reappointed_to, now):
        return f"Ngày hẹn mới là {time_of(reappointed_to)}, cũng đã qua."
    return f"Ngày hẹn mới: {time_of(reappointed_to)}."
