import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_web.cursors import CursorPart, decode_cursor, encode_cursor
from hub_web.problems import Problem

parts = st.lists(
    st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    max_size=4,
)


@given(parts)
def test_a_cursor_gives_back_what_it_was_made_of(made: list[CursorPart]) -> None:
    assert list(decode_cursor(encode_cursor(*made), [type(part) for part in made])) == made


@given(st.text() | parts.map(lambda made: encode_cursor(*made)))
def test_any_text_is_a_cursor_of_the_shape_or_a_clear_refusal(text: str) -> None:
    with contextlib.suppress(Problem):
        assert [type(part) for part in decode_cursor(text, (str, int))] == [str, int]


@pytest.mark.parametrize("text", ["", "====", "WzFd ", "W3RydWUsMV0", "x" * 513, "WyJcdTAwMDAiLDFd"])
def test_what_was_not_made_here_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="cursor-invalid") as refusal:
        decode_cursor(text, (str, int))
    assert refusal.value.kind.status == 400
    assert refusal.value.next_step


def test_a_part_too_long_is_refused_when_made() -> None:
    with pytest.raises(ValueError, match="512"):
        encode_cursor("x" * 600)
