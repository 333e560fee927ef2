import pytest

from hub_web.cursors import encode_cursor
from hub_web.pages import Page, after_id, after_number, page_of
from hub_web.problems import Problem


def pages(numbers: list[int], limit: int) -> list[Page[str]]:
    """Every page of `numbers`, each asked for with the cursor of the one before."""
    read: list[Page[str]] = []
    while not read or read[-1].next_cursor:
        after = after_number(read[-1].next_cursor if read else None)
        found = [number for number in numbers if number > after][: limit + 1]
        read.append(page_of(found, limit, str, lambda number: (number,)))
    return read


@pytest.mark.parametrize(("count", "expected"), [(0, [0]), (1, [1]), (4, [2, 2]), (5, [2, 2, 1])])
def test_pages_hold_everything_once_and_the_last_has_no_cursor(count: int, expected: list[int]) -> None:
    numbers = list(range(1, count + 1))
    read = pages(numbers, 2)
    assert [len(page.items) for page in read] == expected
    assert [item for page in read for item in page.items] == [str(number) for number in numbers]


def test_the_cursor_of_another_list_is_a_clear_refusal() -> None:
    for cursor in (encode_cursor("not an id"), encode_cursor(7), "nonsense"):
        with pytest.raises(Problem) as refused:
            after_id(cursor)
        assert refused.value.kind.slug == "cursor-invalid"
        assert refused.value.next_step


def test_a_number_beyond_the_databases_own_is_brought_within_it() -> None:
    assert after_number(encode_cursor(2**63)) == 2**63 - 1
    assert after_number(encode_cursor(-1)) == 0
