"""Thời hạn theo hình thức nộp và theo trường hợp."""

from datetime import time
from decimal import Decimal

from hub_worktime import Reason, Term, TermRow, TermTable, Unit, parse_term

REFUND = TermTable([TermRow("6 WORKING_DAY", channel="online"), TermRow("40 ngày", channel="direct")])
RESIDENCE = TermTable([TermRow("1 WORKING_DAY", case="known"), TermRow("3 WORKING_DAY", case="to be verified")])


def test_each_channel_has_its_own_term() -> None:
    assert REFUND.term_for("online") == parse_term("6 WORKING_DAY")
    assert REFUND.term_for("direct") == parse_term("40 ngày")


def test_each_case_has_its_own_term() -> None:
    assert RESIDENCE.term_for("online", "known") == parse_term("1 WORKING_DAY")


def test_a_person_decides_where_no_row_fits_or_the_case_is_not_given() -> None:
    assert REFUND.term_for("post").reason is Reason.NEEDS_A_PERSON
    assert RESIDENCE.term_for("online").reason is Reason.NEEDS_A_PERSON
    assert TermTable([]).term_for().reason is Reason.NEEDS_A_PERSON


def test_a_person_decides_where_two_rows_of_one_channel_disagree() -> None:
    table = TermTable([TermRow("15 ngày", channel="direct"), TermRow("10 ngày", channel="direct")])
    assert table.term_for("direct").reason is Reason.NEEDS_A_PERSON


def test_rows_that_say_the_same_in_other_words_agree() -> None:
    table = TermTable([TermRow("5 WORKING_DAY", channel="direct"), TermRow("05 ngày làm việc", channel="direct")])
    assert table.term_for("direct").amount == 5


def test_the_row_that_fits_more_exactly_wins() -> None:
    table = TermTable([TermRow("10 ngày"), TermRow("5 ngày", channel="online"), TermRow("2 ngày", "online", "known")])
    assert [table.term_for(*asked).amount for asked in ((), ("online", None), ("online", "known"))] == [10, 5, 2]


def test_a_rows_cut_off_belongs_to_its_term() -> None:
    table = TermTable([TermRow("Trong ngày", cut_off=time(15))])
    assert table.term_for("direct") == Term("Trong ngày", Unit.WORKING_DAY, Decimal(0), cut_off=time(15))


def test_a_person_decides_where_text_and_row_name_different_cut_offs() -> None:
    table = TermTable([TermRow("Trong ngày; sau 16 giờ thì ngày làm việc tiếp theo", cut_off=time(15))])
    assert table.term_for().reason is Reason.NEEDS_A_PERSON
