"""Ids: made faster, but the ones that the standard says."""

import subprocess
import sys
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hub_events.ids import derive_id, read_id


@given(some.uuids(), some.lists(some.text(), min_size=1, max_size=4))
def test_a_derived_id_is_the_uuid_of_version_5(cause: UUID, words: list[str]) -> None:
    assert derive_id(cause, *words) == uuid5(cause, "/".join(words))


@given(some.uuids())
def test_an_id_reads_back_as_it_was_written(given_id: UUID) -> None:
    for written in (str(given_id), given_id.hex, str(given_id).upper()):
        assert read_id(written) == given_id
        assert str(read_id(written)) == str(given_id)
        assert hash(read_id(written)) == hash(given_id)


@pytest.mark.parametrize(
    "text", ["", "x", "8c94baf0-8413-4ce2-882b-507c8858a0a", "8c94baf0-8413-4ce2-882b-507c8858a0ag"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        read_id(text)


def test_without_the_class_in_c_the_ids_are_the_same() -> None:
    cause = UUID("8c94baf0-8413-4ce2-882b-507c8858a0a7")
    asked = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from hub_events.ids import derive_id, read_id\n"
        f"print(derive_id(read_id('{cause}'), 'a', 'b'))"
    )
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(derive_id(cause, "a", "b"))
