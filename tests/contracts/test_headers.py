"""Tiêu đề bản ghi: the envelope survives the journey, and broken headers are refused in one way only."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_events.event import Envelope, UnreadableHeaders, from_headers, to_headers, type_in
from hub_events.ids import derive_id

moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 (hypothesis adds the zone)
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-720, 840)),
)
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    type=words,
    source=words,
    subject=words,
    occurred_at=moments,
    recorded_at=moments,
    caused_by=st.none() | st.uuids(),
    story=st.none() | st.uuids(),
    traceparent=st.none() | words,
)
header_lists = st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=60) | st.none()), max_size=8)
NOON = datetime(2026, 3, 2, 5, tzinfo=UTC)
PLAIN = Envelope(UUID(int=1), "dossier.routed.v1", "/hub/routing", str(UUID(int=2)), NOON, NOON)
NAMES = [name for name, _ in to_headers(PLAIN)]


@given(envelopes)
def test_headers_carry_the_whole_envelope(envelope: Envelope) -> None:
    assert from_headers(to_headers(envelope)) == envelope


@given(envelopes)
def test_times_travel_as_utc(envelope: Envelope) -> None:
    found = from_headers(to_headers(envelope))
    assert found.occurred_at.utcoffset() == found.recorded_at.utcoffset() == timedelta(0)
    assert dict(to_headers(envelope))["ce_time"].endswith(b"Z")


@given(envelopes)
def test_the_type_can_be_read_alone(envelope: Envelope) -> None:
    assert type_in(to_headers(envelope)) == envelope.type


@given(header_lists)
def test_any_headers_make_an_envelope_or_are_unreadable(headers: list[tuple[str, bytes]]) -> None:
    type_in(headers)
    with pytest.raises(UnreadableHeaders):
        from_headers(headers)


@given(envelopes, st.sampled_from(NAMES), st.binary(max_size=60) | st.none())
def test_one_broken_header_is_never_another_error(envelope: Envelope, name: str, value: bytes) -> None:
    headers = [(key, value if key == name else kept) for key, kept in to_headers(envelope)]
    try:
        assert isinstance(from_headers(headers), Envelope)
    except UnreadableHeaders as refused:
        assert refused.__cause__ is None  # noqa: PT017
    assert type_in(headers) is None or isinstance(type_in(headers), str)


@given(envelopes, st.sampled_from(NAMES[:-1]))
def test_a_missing_header_is_named(envelope: Envelope, name: str) -> None:
    with pytest.raises(UnreadableHeaders, match=name):
        from_headers([(key, value) for key, value in to_headers(envelope) if key != name])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_id", b"not-a-uuid"),
        ("ce_time", b"2026-03-02T08:00:00"),
        ("ce_time", b"0001-01-01T00:00:00+07:00"),
        ("ce_time", b"yesterday"),
        ("ce_type", b"\xff\xfe"),
        ("ce_causationid", b"?"),
    ],
)
def test_a_value_that_means_nothing_is_refused_without_being_repeated(name: str, value: bytes) -> None:
    headers = dict(to_headers(PLAIN))
    headers[name] = value
    with pytest.raises(UnreadableHeaders) as refused:
        from_headers(list(headers.items()))
    assert value.decode(errors="replace") not in str(refused.value)


@given(st.uuids(), st.lists(words, min_size=1, max_size=3))
def test_what_follows_from_a_cause_has_one_id(cause: UUID, what: list[str]) -> None:
    assert derive_id(cause, *what) == derive_id(cause, *what)
    assert derive_id(cause, *what) != derive_id(cause, *what, "more")
    assert derive_id(cause, *what) != cause
