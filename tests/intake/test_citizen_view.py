"""Lời trên trang tra cứu: what is typed, what is said, in which colours; without a server."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hub_events.intake import DeskRef, ProcedureRef, Promise, StatedTerm
from hub_events.topics import ABOUT_DOSSIERS
from hub_events.values import DossierCode
from hub_worktime import DEFAULT_HOURS, load_calendar, parse_term, read_hours
from services.intake.domain.catalogue import Desk
from services.intake.domain.citizen.citizen_steps import NOT_TOLD, TOLD, citizen_steps
from services.intake.domain.citizen.citizen_view import HEADLINES, OTHER_PAPERS, Around, citizen_view
from services.intake.domain.citizen.look_up import dossier_code, known_digits, last_digits
from services.intake.domain.citizen.plain_words import plain, term_words, time_of
from services.intake.domain.citizen.promise_words import PromiseWords, promise_words
from services.intake.domain.desk.life import Fee, Life
from services.intake.domain.dossier import Dossier, State, SupplementRequest
from services.intake.domain.progress import Progress
from services.intake.domain.promise import promise_for
from services.intake.domain.timeline import Step, step_of
from tests.intake.citizen import CODE, PAGES
from tests.intake.test_progress import EXAMPLES, START

CALENDAR = load_calendar()
CODES = TypeAdapter(DossierCode)
UNIT = st.from_regex(r"[A-Y][0-9]{2}(\.[0-9]{1,3}){1,3}", fullmatch=True)


@pytest.mark.parametrize(
    "typed",
    [
        CODE, "h26.15.01-260302-0001", " H26.15.01 - 260302 - 0001 ", "H26.15.01 260302 0001", "H26.15.012603020001",
        "H26.15.01–260302—0001", "H26 15 01 260302 0001", "h26. 15. 01-260302-0001", "H26.15.01/260302/0001",
        "\u200bH26.15.01-260302-0001\u202c", "Ｈ２６.15.01-260302-0001", "H26.15.01-260302-00 01",
        "H26.15.01\n260302\t0001", "H26.15.01--260302__0001",
    ],
)  # fmt: skip
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert dossier_code(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    ["", "-", "H26.15.01", "H26.15.01-261302-0001", "H26.15.01-260302-001", "26030200011234567", "x" * 101, "\0",
     "H26.15.01-260302-0001-0001-0001-99", "<b>H26</b>", "H26.15.01-18990302-0001"],
)  # fmt: skip
def test_what_is_no_code_or_could_be_several_is_none(typed: str) -> None:
    assert dossier_code(typed) is None


@given(UNIT, st.dates(date(2001, 1, 1), date(2099, 1, 1)), st.integers(1, 99_999_999), st.booleans())
def test_every_code_reads_as_itself(unit: str, day: date, number: int, long: bool) -> None:
    code = f"{unit}-{day:%Y%m%d}-{number:04d}" if long else f"{unit}-{day:%y%m%d}-{number:04d}"
    assert dossier_code(code) == CODES.validate_python(code)
    assert dossier_code(code.lower().replace("-", " ")) == code
    assert dossier_code(code.replace("-", "")) in (code, None), "never another one"


@given(st.text(max_size=120))
@example("ß-260302-0001")
def test_whatever_is_typed_gives_a_code_or_none(typed: str) -> None:
    code = dossier_code(typed)
    if code is not None:
        try:
            CODES.validate_python(code)
        except ValidationError:
            assert len(code) < 15, "shorter than an agency's code makes it"


@pytest.mark.parametrize(
    ("typed", "read"),
    [("5678", "5678"), (" 56 78 ", "5678"), ("0912 345 678", "5678"), ("+84912345678", "5678"), ("５６７８", "5678"),
     ("678", None), ("", None), ("56a8", None), ("٥٦٧٨", None), ("1" * 17, None), ("12²4", "1224")],
)  # fmt: skip
def test_digits_are_the_last_four(typed: str, read: str | None) -> None:
    assert last_digits(typed) == read


def test_only_what_is_long_enough_is_compared() -> None:
    assert known_digits({"phone": "+84912345678"}, {"personal_id": "001090000001"}) == ("5678", "0001")
    assert known_digits({}, {"organisation_code": "H26.15.01"}) == ("1501",)
    assert known_digits({"phone": None}, {"organisation_code": "AB-12"}) == ()


@given(st.text())
def test_others_texts_are_one_line_of_what_can_be_seen(text: str) -> None:
    shown = plain(text)
    assert shown == plain(shown)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown)


def term(text: str, received: str, channel: str = "counter") -> Promise:
    return promise_for(parse_term(text), datetime.fromisoformat(received), CALENDAR, DEFAULT_HOURS, None)


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        (term("3 ngày làm việc", "2026-03-02T18:00:00+07:00"), "ngoài giờ làm việc nên tính từ thứ Ba, 03/03/2026"),
        (term("3 ngày làm việc", "2026-03-02T09:00:00+07:00"), "thủ tục có thời hạn “3 ngày làm việc”."),
        (term("5 ngày", "2026-03-02T09:00:00+07:00"), "ngày cuối là ngày nghỉ nên chuyển sang ngày làm việc kế tiếp."),
        (term("2 ngày làm việc", "2026-04-29T09:00:00+07:00"), "các ngày nghỉ 30/04 (Ngày Chiến thắng), 01/05 ("),
        (term("5 ngày làm việc", "2026-08-20T09:00:00+07:00"), "thứ Bảy, Chủ nhật, có tính ngày làm bù 22/08"),
        (term("3 ngày làm việc", "2026-08-19T09:00:00+07:00"), "“3 ngày làm việc”, có tính ngày làm bù 22/08."),
    ],
)
def test_why_a_date_is_that_date(promise: Promise, words: str) -> None:
    told = promise_words(promise, restarted=False, calendar=CALENDAR)
    assert words in told.why
    assert told.why.startswith("Vì ")
    assert told.date
    assert told.basis == f"Quy tắc tính {promise.rule}, lịch làm việc {promise.calendar}."


def test_the_desks_own_hours_are_named_and_counted_with() -> None:
    hours = read_hours("08:00-12:00 13:00-18:00")

    def told(received: str) -> PromiseWords:
        promise = promise_for(parse_term("3 ngày làm việc"), datetime.fromisoformat(received), CALENDAR, hours, None)
        return promise_words(promise, restarted=False, calendar=CALENDAR)

    evening = told("2026-03-02T18:30:00+07:00")
    assert "ngoài giờ làm việc nên tính từ thứ Ba, 03/03/2026" in evening.why
    assert evening.basis is not None
    assert evening.basis.endswith(f", giờ làm việc {hours}.")
    assert "ngoài giờ" not in told("2026-03-02T17:20:00+07:00").why


def test_without_its_calendar_a_date_is_still_said() -> None:
    promise = term("3 ngày làm việc", "2026-03-02T18:00:00+07:00").model_copy(update={"provisional": True})
    told = promise_words(promise, restarted=True, calendar=None)
    assert told.why.endswith("thời hạn “3 ngày làm việc” của thủ tục được tính lại từ đầu.")
    assert told.doubt is not None
    other = promise.model_copy(update={"due_at": promise.due_at and promise.due_at + timedelta(days=1)})
    assert "không tính" not in promise_words(other, restarted=False, calendar=CALENDAR).why, "not computed like that"


def dossier(state: State, **changes: object) -> Dossier:
    at = START
    whole = Dossier(
        id=UUID(int=1), state=state, procedure=ProcedureRef(code="1.004222", version=1, name="Đăng ký thường trú"),
        desk=DeskRef(code="H26.15.01", name="Bộ phận Một cửa phường Ba Đình", territory="00004"), territory="00004",
        channel="online", case=None, received_at=at, components=(), findings=(), contact_channels=("email",),
        sealed_contact=None, sealed_form="", refused_at=at if state == "refused" else None,
        supplement=SupplementRequest(1, at, "cb-01", ("gone",)) if state == "supplement_requested" else None,
    )  # fmt: skip
    return whole._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_words_though_desk_procedure_and_calendar_are_gone(state: State) -> None:
    view = citizen_view(dossier(state), Progress(UUID(int=1)), None, (), Around(None, None, None), START)
    assert (view.phone, view.promised) == (None, None)
    assert view.place.endswith(".")
    assert all(action.endswith(".") for action in view.actions)
    if state == "supplement_requested":
        assert view.papers == (OTHER_PAPERS,)
        assert "hồ sơ được tiếp nhận và ông/bà nhận giấy hẹn" in view.actions[1]


def test_nobody_is_promised_a_message_that_cannot_come() -> None:
    ways = {
        ("sms", "email"): "nhắn tin", ("email",): "thư điện tử", (): "không để lại cách liên lạc",
    }  # fmt: skip
    for channels, words in ways.items():
        one = dossier("submitted", contact_channels=channels)
        view = citizen_view(one, Progress(one.id), None, (), Around(None, None, None), START)
        assert words in view.actions[1]


def test_all_ten_national_statuses_have_words() -> None:
    assert sorted(HEADLINES) == list(range(1, 11))


def test_every_event_is_told_or_left_out_on_purpose() -> None:
    assert TOLD.keys() & NOT_TOLD == set()
    assert ABOUT_DOSSIERS.keys() - TOLD.keys() - NOT_TOLD == set(), "say it to the citizen, or list it in NOT_TOLD"


def step(example: object) -> Step:
    fact = example.fact  # type: ignore[attr-defined]
    return step_of(
        fact.data, dossier_id=UUID(int=1), event_id=fact.id, occurred_at=START, recorded_at=fact.envelope.recorded_at
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_published_example_reads_well_and_names_no_officer(example: object) -> None:
    one = step(example)
    told = citizen_steps([one, one._replace(event_id=UUID(int=2))])
    assert len(told) == (one.type in TOLD)
    for line in told:
        assert line.text.endswith(".")
        assert not re.search(r"None|_|\bcb-|[a-z]-[a-z]|\{", line.text), line.text


def test_what_a_newer_version_has_kept_is_left_out() -> None:
    unknown = Step(UUID(int=1), UUID(int=2), "dossier.teleported.v1", START, START, '{"officer": "cb-01"}')
    assert citizen_steps([unknown]) == ()


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


MEETING = [
    *[("ink", on) for on in ("paper", "calm", "act", "late", "done", "focus")],
    *[("paper", on) for on in ("brand", "ink", "calm-edge", "act-edge", "late-edge", "done-edge")],
    ("soft", "paper"), ("link", "paper"), ("late-edge", "paper"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "on"), MEETING)
def test_colours_that_meet_can_be_told_apart(text: str, on: str) -> None:
    css = (PAGES / "style.css").read_text()
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css))
    assert set(re.findall(r"var\(--([a-z-]+)\)", css)) <= colours.keys()
    light, dark = sorted((luminance(colours[text]), luminance(colours[on])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_stated_term_that_no_rule_reads_says_less() -> None:
    stated = StatedTerm(text="1,5 tháng", unit="month", amount=Decimal("1.5"))
    promise = Promise(due_at=START + timedelta(days=45), counted_from=START.astimezone(UTC), term=stated, rule="r@1")
    assert "“1,5 tháng”." in promise_words(promise, restarted=False, calendar=CALENDAR).why


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5 WORKING_DAY", "5 ngày làm việc"), ("2.5 WORKING_DAY", "2.5 ngày làm việc"), ("8 HOUR", "8 giờ"),
        ("1 OTHER", "theo mô tả của thủ tục"), ("Không quá 15 ngày. OTHER", "Không quá 15 ngày."),
        ("7 ngày làm việc", "7 ngày làm việc"), ("", ""),
    ],
)  # fmt: skip
def test_a_terms_unit_is_read_in_words(text: str, words: str) -> None:
    assert term_words(text) == words


def test_what_is_owed_is_explained_and_paid_where_the_result_waits() -> None:
    one = dossier("accepted")
    fee = Fee(1, "le-phi", 20_000, START, "cb", line="1-1", basis="Lệ phí: 20.000 đồng (cấp mới)")
    there = Desk(DeskRef(code="H26.15.02", name="Quầy Ngọc Hà", territory="00008"), "01", "")
    travelled = Life(
        one.id, one.desk.code, fees=(fee,), result_ready_at=START, result_by="desk", result_desk="H26.15.02",
        result_sent_at=START, result_arrived_at=START,
    )  # fmt: skip
    view = citizen_view(one, Progress(one.id), travelled, (), Around(None, None, None, there), START)
    assert view.actions[0].startswith("Nộp 20.000 đồng phí, lệ phí tại Quầy Ngọc Hà")
    assert "“Lệ phí: 20.000 đồng (cấp mới)”" in view.actions[1]
    assert view.actions[2].startswith("Nhận kết quả tại Quầy Ngọc Hà.")


@pytest.mark.parametrize(
    ("state", "life", "status", "words"),
    [
        ("accepted", {"withdrawal_requested_at": START}, 7, "đang kiểm tra yêu cầu rút hồ sơ"),
        ("stopped", {"stopped_at": START, "stop_reason": "rut"}, 8, "để biết lý do"),
        ("accepted", {"fees": (Fee(1, "p", 12_000, START, "cb"), Fee(2, "p", 8_000, START, "cb"))}, 6, "20.000 đồng"),
        ("accepted", {"result_ready_at": START}, 9, "Nhận kết quả tại"),
        ("returned", {"result_ready_at": START, "returned_at": START, "collected_by": "proxy"}, 10, "không cần làm gì"),
    ],
)  # fmt: skip
def test_what_happened_at_the_desk_is_said(state: State, life: dict[str, Any], status: int, words: str) -> None:
    one = dossier(state)
    view = citizen_view(one, Progress(one.id), Life(one.id, one.desk.code, **life), (), Around(None, None, None), START)
    assert view.headline == HEADLINES[status][0]
    assert words in " ".join(view.actions)
    if status in (8, 9, 10):
        assert time_of(START) in view.place
