import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_web.signatures import PREFIX, ClocksDiffer, SignatureRefused, secret_key, sign, verify

NOW = 1_772_413_200.0
SECRET = PREFIX + base64.b64encode(bytes(range(32))).decode()
OTHER = PREFIX + base64.b64encode(bytes(range(1, 33))).decode()


def test_the_published_example_of_the_standard_verifies() -> None:
    headers = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(), st.floats(-300, 300))
def test_what_was_signed_verifies_within_five_minutes_either_way(body: bytes, drift: float) -> None:
    headers = sign("id-1", body, SECRET, NOW)
    assert verify(headers, body, [SECRET], NOW + drift) == "id-1"


@pytest.mark.parametrize("drift", [-301.5, 301.5])
def test_a_message_more_than_five_minutes_off_is_refused(drift: float) -> None:
    signed = sign("id-1", b"x", SECRET, NOW)
    with pytest.raises(ClocksDiffer, match="300"):
        verify(signed, b"x", [SECRET], NOW + drift)
    with pytest.raises(SignatureRefused) as refusal:
        verify(signed, b"x", [OTHER], NOW + drift)
    assert not isinstance(refusal.value, ClocksDiffer), "only a known sender is told that it is the time"


def test_real_time_is_used_when_none_is_given() -> None:
    assert verify(sign("id-1", b"x", SECRET), b"x", [SECRET]) == "id-1"
    with pytest.raises(SignatureRefused):
        verify(sign("id-1", b"x", SECRET, time.time() - 400), b"x", [SECRET])


def test_old_and_new_secrets_are_good_together() -> None:
    assert verify(sign("id-1", b"x", OTHER, NOW), b"x", [SECRET, OTHER], NOW) == "id-1"
    both = sign("id-1", b"x", SECRET, NOW)
    both["webhook-signature"] += " " + sign("id-1", b"x", OTHER, NOW)["webhook-signature"] + " v1a,unknown"
    assert verify(both, b"x", [OTHER], NOW) == "id-1"


@given(st.data())
def test_any_change_of_body_id_time_or_signature_is_refused(data: st.DataObject) -> None:
    headers, body = sign("id-1", b'{"type":"completed"}', SECRET, NOW), b'{"type":"completed"}'
    part = data.draw(st.sampled_from(["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"]))
    if part == "body":
        body = data.draw(st.binary().filter(lambda changed: changed != body))
    elif part == "secret":
        with pytest.raises(SignatureRefused):
            verify(headers, body, [OTHER], NOW)
        return
    elif part == "webhook-timestamp":
        headers[part] = str(int(NOW) + data.draw(st.integers(1, 299)))
    else:
        headers[part] = data.draw(st.text().filter(lambda changed: headers[part] not in changed.split(" ")))
    with pytest.raises(SignatureRefused):
        verify(headers, body, [SECRET], NOW)


def test_no_secret_verifies_nothing() -> None:
    with pytest.raises(SignatureRefused):
        verify(sign("id-1", b"x", SECRET, NOW), b"x", [], NOW)


@given(st.text())
def test_a_bad_secret_is_refused_without_being_repeated(secret: str) -> None:
    if len(secret) > 3:
        with pytest.raises(ValueError, match="whsec_") as refusal:
            secret_key(secret)
        assert secret not in str(refusal.value)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "x" * 129, "\n"])
def test_an_id_no_receiver_would_take_is_not_signed(message_id: str) -> None:
    with pytest.raises(ValueError, match="webhook-id"):
        sign(message_id, b"x", SECRET)
