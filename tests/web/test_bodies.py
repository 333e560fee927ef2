import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from hub_web.bodies import read_json, validate_body
from hub_web.problems import Problem

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=30,
)


class Anything(BaseModel):
    value: Any


@given(values, st.booleans())
def test_every_json_value_is_read_as_it_was_written(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert read_json(raw) == value
    wrapped = json.dumps({"value": value}, ensure_ascii=ascii_only).encode()
    assert validate_body(TypeAdapter(Anything), wrapped).value == value


@given(st.binary() | text.map(str.encode) | values.map(lambda v: json.dumps(v).encode()[:-1]))
def test_any_bytes_are_read_or_refused_with_a_problem(raw: bytes) -> None:
    with contextlib.suppress(Problem):
        validate_body(TypeAdapter(Anything), raw)


@given(text, values, values, st.integers(0, 3))
def test_a_key_given_twice_is_refused_at_any_depth(key: str, one: Any, other: Any, depth: int) -> None:
    inner = f"{{{json.dumps(key)}:{json.dumps(one)},{json.dumps(key)}:{json.dumps(other)}}}"
    raw = ('{"a":[' * depth + inner + "]}" * depth).encode()
    with pytest.raises(Problem, match="malformed-json"):
        read_json(raw)


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_what_is_nested_too_deeply_is_told_so(depth: int) -> None:
    raw = b'{"value":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(Problem) as refused:
        validate_body(TypeAdapter(Anything), raw)
    assert "quá nhiều lớp" in refused.value.detail
