"""`hub due` and `hub terms` through the front door: one answer for each line, in order, whatever the line is."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HUB = Path(sys.executable).with_name("hub")
GOOD = {"received_at": "2026-02-13T15:30:00+07:00", "term": "5 ngày làm việc"}
DUE = {
    "due_at": "2026-02-27T17:00:00+07:00",
    "unit": "working_day",
    "amount": 5,
    "calendar": "vn@2026.1",
    "provisional": False,
}
BAD = {"due_at": None, "reason": "bad-input"}


def _hub(*arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([HUB, *arguments], input=given, capture_output=True, check=False, timeout=60)


def _answers(command: str, given: bytes) -> list[Any]:
    run = _hub(command, given=given)
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout == b"" or run.stdout.endswith(b"\n")
    return [json.loads(line) for line in run.stdout.decode().split("\n")[:-1]]


def _asked(**fields: object) -> bytes:
    return json.dumps(GOOD | fields, ensure_ascii=False).encode()


def test_one_due_date_by_options() -> None:
    run = _hub("due", "--received", GOOD["received_at"], "--term", GOOD["term"])
    assert run.returncode == 0
    assert run.stdout.decode() == (
        '{"due_at":"2026-02-27T17:00:00+07:00","unit":"working_day","amount":5,"calendar":"vn@2026.1","provisional":false}\n'
    )


def test_one_due_date_by_line() -> None:
    run = _hub("due", given=_asked(id=1))
    assert run.stdout.decode() == (
        '{"id":1,"due_at":"2026-02-27T17:00:00+07:00","unit":"working_day","amount":5,"calendar":"vn@2026.1",'
        '"provisional":false}\n'
    )


def test_one_term_by_line() -> None:
    run = _hub("terms", given="2.5 WORKING_DAY\nTheo mô tả OTHER\n".encode())
    assert run.stdout.decode() == (
        '{"text":"2.5 WORKING_DAY","unit":"working_day","amount":2.5}\n'
        '{"text":"Theo mô tả OTHER","unit":null,"reason":"see-description"}\n'
    )


def test_options_go_together() -> None:
    for arguments in (["--term", "1 ngày"], ["--received", "2026-03-02T08:00"], ["--cut-off", "15:00"], ["--nonsense"]):
        run = _hub("due", *arguments)
        assert (run.returncode, run.stdout) == (2, b"")


def test_an_option_that_cant_be_read_is_answered_like_a_line() -> None:
    run = _hub("due", "--received", "yesterday", "--term", "1 ngày")
    assert (run.returncode, json.loads(run.stdout)) == (0, BAD)


@pytest.mark.parametrize("id_", [1, 0, -7, 1.5, "x", "", "Nguyễn", None, True, [1, {"a": None}], {"n": [2]}, "\ud800"])
def test_an_id_is_echoed_whatever_it_is(id_: object) -> None:
    line = json.dumps(GOOD | {"id": id_}).encode()
    assert _answers("due", line) == [{"id": id_} | DUE]
    assert _answers("due", json.dumps({"id": id_}).encode()) == [{"id": id_} | BAD]


def test_without_an_id_none_is_invented() -> None:
    assert _answers("due", _asked()) == [DUE]


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"",
            b" ",
            b"\r",
            b"x",
            b"[]",
            b"1",
            b"null",
            b'"x"',
            b"{",
            b"{}",
            b"{'id':1}",
            b'{"id":1}x',
            b"\xff\xfe",
            b"\x00",
        ),
        *(b'{"id":NaN}', b'{"id":1e999}', b"[" * 100_000, b'{"id":' + b"9" * 5_000 + b"}"),
        b'{"received_at":"2026-03-02T08:00"}',
        b'{"term":"1 HOUR"}',
    ],
)
def test_a_line_that_is_no_question_is_answered_as_such(line: bytes) -> None:
    assert _answers("due", line + b"\n") == [BAD]


def test_a_key_that_stands_twice_is_not_chosen_between() -> None:
    line = b'{"id":1,"received_at":"2026-03-02T08:00","received_at":"2026-03-03T08:00","term":"1 HOUR"}'
    assert _answers("due", line) == [{"id": 1} | BAD]


def test_a_line_that_isnt_utf8_keeps_its_id() -> None:
    assert _answers("due", b'{"id":1,"received_at":"2026-03-02T08:00","term":"1 ng\xc3y"}') == [{"id": 1} | BAD]


@pytest.mark.parametrize(
    "received",
    [
        *(
            None,
            1,
            True,
            [],
            "",
            "x",
            "2026-02-13",
            "2026-02-30T08:00",
            "2026-02-13T25:00",
            "2026-02-13T08:60",
            "2026-W07-5",
        ),
        *("2026-02-13T08", "2026-02-13T08:00+25:00", "13/02/2026 08:00", "1999-12-31T08:00", "2101-01-01T08:00"),
        *("0001-01-01T00:00+12:00", "9999-12-31T23:59-12:00", "٢٠٢٦-02-13T08:00", "2026-02-13x08:00"),
    ],
)
def test_a_receipt_that_is_no_moment_is_bad_input(received: object) -> None:
    assert _answers("due", _asked(received_at=received)) == [BAD]


@pytest.mark.parametrize(
    "received",
    [
        *(
            "2026-02-13T15:30:00+07:00",
            "2026-02-13T15:30:00",
            "2026-02-13T15:30",
            "2026-02-13 15:30",
            "2026-02-13T08:30:00Z",
        ),
        *("2026-02-13t08:30:00z", "2026-02-13T08:30+00:00", "2026-02-12T22:30-10:00", "2026-02-13T15:30:00.123456789"),
        *("20260213T153000+0700", " 2026-02-13T15:30 ", "2026-02-13T15:30:00,5+07"),
    ],
)
def test_a_moment_is_read_in_every_iso_form_and_is_vietnamese_time_without_offset(received: str) -> None:
    assert _answers("due", _asked(received_at=received)) == [DUE]


@pytest.mark.parametrize("term", [None, 5, 2.5, True, [], {}, "5 ng\ufffdy", "9" * 400 + " ngày"])
def test_a_term_that_is_no_text_is_bad_input(term: object) -> None:
    assert _answers("due", _asked(term=term)) == [BAD]


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        *(("Trả ngay", "immediate"), ("", "unstated"), ("OTHER", "unstated"), ("Theo mô tả OTHER", "see-description")),
        *(("1 OTHER", "needs-a-person"), ("3-5 ngày", "needs-a-person"), ("1.5 tháng", "needs-a-person")),
        *(("Không phải trả kết quả", "not-applicable"), ("15/12 OTHER", "fixed-date"), ("99 năm", "needs-a-person")),
    ],
)
def test_a_term_without_a_date_has_its_reason(term: str, reason: str) -> None:
    assert _answers("due", _asked(id=1, term=term)) == [{"id": 1, "due_at": None, "reason": reason}]


def test_a_cut_off_is_given_with_the_question_or_not_at_all() -> None:
    at = {"received_at": "2026-02-13T15:20:00+07:00", "term": "Trong ngày"}
    lines = [_asked(**at), _asked(**at, cut_off="15:00"), _asked(**at, cut_off=None), _asked(**at, cut_off="3pm")]
    answers = _answers("due", b"\n".join(lines))
    assert [answer["due_at"] and answer["due_at"][:16] for answer in answers] == [
        *("2026-02-13T17:00", "2026-02-23T17:00", "2026-02-13T17:00", None)
    ]
    run = _hub("due", "--received", at["received_at"], "--term", at["term"], "--cut-off", "15:00")
    assert json.loads(run.stdout)["due_at"] == "2026-02-23T17:00:00+07:00"


def test_each_line_has_one_answer_in_order() -> None:
    lines = [_asked(id=n) if n % 3 else [b"", b"[]", b"\xff"][n // 3 % 3] for n in range(5_000)]
    answers = _answers("due", b"\n".join(lines) + b"\n")
    assert answers == [{"id": n} | DUE if n % 3 else BAD for n in range(5_000)]


def test_a_line_end_of_windows_is_a_line_end() -> None:
    assert _answers("due", _asked() + b"\r\n\r\n") == [DUE, BAD]
    assert _answers("terms", "5 ngày\r\n\r\n".encode()) == [
        {"text": "5 ngày", "unit": "calendar_day", "amount": 5},
        {"text": "", "unit": None, "reason": "unstated"},
    ]


def test_no_input_has_no_answer() -> None:
    assert _answers("due", b"") == []
    assert _answers("terms", b"") == []


def test_only_a_line_feed_ends_a_line() -> None:
    text = "5 ngày\u2028làm\x0bviệc\x85"
    assert _answers("terms", text.encode()) == [{"text": text, "unit": "working_day", "amount": 5}]


def test_a_huge_line_is_one_line_and_the_next_is_answered() -> None:
    assert _answers("due", b"x" * 5_000_000 + b"\n" + _asked() + b"\n") == [BAD, DUE]
    huge, small = _answers("terms", b"5 " * 3_000_000 + "\n5 ngày".encode())
    assert (huge["unit"], huge["reason"], small["amount"]) == (None, "needs-a-person", 5)


def test_a_published_text_is_echoed_as_it_came() -> None:
    text = "  5\u00a0nga\u0300y  la\u0300m vie\u0323\u0302c "
    assert _answers("terms", text.encode()) == [{"text": text, "unit": "working_day", "amount": 5}]


def test_a_text_with_line_breaks_comes_in_an_object() -> None:
    line = json.dumps({"id": "a", "text": "Không quá 15 ngày\nkể từ ngày nhận đủ hồ sơ"}).encode()
    assert _answers("terms", line)[0] | {"text": ""} == {"id": "a", "text": "", "unit": "calendar_day", "amount": 15}
    for odd in ("{}", '{"text":5}', "{x"):
        assert _answers("terms", odd.encode()) == [{"text": odd, "unit": None, "reason": "needs-a-person"}]


def test_a_broken_text_is_bad_input() -> None:
    assert [answer["reason"] for answer in _answers("terms", b"5 ng\xc3y\n5 ng\x00")] == ["bad-input", "bad-input"]


def test_a_cut_off_in_a_text_is_told() -> None:
    text = "Trong ngày; sau 15 giờ thì ngày làm việc tiếp theo"
    assert _answers("terms", text.encode()) == [{"text": text, "unit": "working_day", "amount": 0, "cut_off": "15:00"}]


def test_texts_can_be_arguments() -> None:
    run = _hub("terms", "1 HOUR", "-")
    assert [json.loads(line)["unit"] for line in run.stdout.splitlines()] == ["working_hour", None]


def test_answers_come_while_the_input_is_still_open() -> None:
    with subprocess.Popen([HUB, "due"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hub:
        assert hub.stdin is not None
        assert hub.stdout is not None
        for _ in range(3):
            hub.stdin.write(_asked() + b"\n")
            hub.stdin.flush()
            assert json.loads(hub.stdout.readline()) == DUE


def test_a_reader_that_leaves_causes_no_trace() -> None:
    with subprocess.Popen([HUB, "due"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as hub:
        assert hub.stdin is not None
        assert hub.stdout is not None
        assert hub.stderr is not None
        hub.stdout.close()
        hub.stdin.write(_asked() + b"\n")
        hub.stdin.close()
        assert hub.stderr.read() == b""
        assert hub.wait(timeout=30) == 1


def test_the_answer_is_utf8_whatever_the_locale() -> None:
    run = subprocess.run(
        [HUB, "terms"],
        input="5 ngày".encode(),
        capture_output=True,
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert json.loads(run.stdout.decode())["text"] == "5 ngày"


def test_a_hundred_thousand_lines_take_seconds() -> None:
    started = time.monotonic()
    assert len(_answers("due", (_asked(id=1) + b"\n") * 100_000)) == 100_000
    assert time.monotonic() - started < 20
