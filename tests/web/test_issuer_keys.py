"""Khóa của nơi cấp mã: a foreign issuer on a real socket that turns its keys, dies, answers garbage, is slow."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from aiohttp import web
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from hub_web import issuer_keys
from hub_web.app import make_app
from hub_web.issuer_keys import LONGEST_SECONDS, SHORTEST_SECONDS, _good_for
from hub_web.keys import keys_in
from hub_web.routes import Router
from hub_web.tokens import KeyUnknown, TokenRefused, Verifier
from tests.foreign_issuer import NAME, WELL_KNOWN, ForeignIssuer
from tests.waiting import until
from tests.web.test_tokens import claims


@pytest.fixture
async def issuer() -> AsyncIterator[ForeignIssuer]:
    there = ForeignIssuer()
    await there.open()
    yield there
    await there.die()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes takes moments; each test says which pause it is about."""
    monkeypatch.setattr(issuer_keys, "SHORTEST_SECONDS", 0.05)
    monkeypatch.setattr(issuer_keys, "AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(issuer_keys, "AGAIN_AT_MOST_SECONDS", 0.1)


@dataclass(frozen=True)
class At:
    """What the settings say."""

    jwks_url: str
    jwks_file: None = None
    token_issuer: str = NAME


@asynccontextmanager
async def followed(issuer: ForeignIssuer, path: str = WELL_KNOWN) -> AsyncIterator[tuple[Verifier, list[str | None]]]:
    verifier, unready = Verifier.of(At(issuer.url + path)), list[str | None]()
    assert verifier.followed is not None
    following = asyncio.create_task(verifier.followed.follow(unready.append))
    try:
        yield verifier, unready
    finally:
        assert not following.done(), "nothing that an issuer does ends the role"
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def refuses(verifier: Verifier, token: str) -> bool:
    try:
        verifier.caller(token)
    except TokenRefused:
        return True
    return False


def is_away(verifier: Verifier) -> bool:
    return verifier.followed is not None and verifier.followed.away


def known(verifier: Verifier) -> set[str]:
    assert verifier.followed is not None
    return set(verifier.followed.now())


@pytest.mark.parametrize("path", [WELL_KNOWN, "/keys"])
@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
async def test_tokens_of_a_foreign_issuer_are_taken(issuer: ForeignIssuer, path: str, kind: str) -> None:
    issuer.turn(
        {
            "RSA": issuer.key,
            "EC": ECKey.generate_key("P-256", {"kid": "first"}),
            "OKP": OKPKey.generate_key("Ed25519", {"kid": "first"}),
        }[kind]
    )
    async with followed(issuer, path) as (verifier, unready):
        assert (await verifier.patient_caller(issuer.token(sub="Cán bộ 12"))).subject == "Cán bộ 12"
        assert unready == [None]
        assert verifier.followed is not None
        assert verifier.followed.age() < 5


async def test_what_else_an_issuer_publishes_is_passed_over(issuer: ForeignIssuer) -> None:
    issuer.others = [
        {**RSAKey.generate_key(2048, {"kid": "for-encryption"}).as_dict(private=False), "use": "enc"},
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "of tomorrow", "kid": "new"},
        {"kid": "first"},
        OKPKey.generate_key("Ed25519").as_dict(private=False),
    ]
    async with followed(issuer) as (verifier, _):
        await verifier.patient_caller(issuer.token())
        assert known(verifier) == {"first"}
        confused = jwt.encode(
            {"alg": "HS256", "kid": "first"}, claims(iss=NAME), OctKey.import_key("public"), algorithms=["HS256"]
        )
        for forged in (confused, issuer.token(iss="https://sso.example.vn/realms/other"), issuer.token(aud="another")):
            with pytest.raises(TokenRefused, match="not signed by a known key"):
                await verifier.patient_caller(forged)


async def test_a_key_that_turns_is_learnt_with_the_first_token_it_signs(
    issuer: ForeignIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "SHORTEST_SECONDS", 3600.0)
    async with followed(issuer) as (verifier, _):
        old = issuer.token()
        await verifier.patient_caller(old)
        issuer.turn(OKPKey.generate_key("Ed25519", {"kid": "second"}))
        assert (await verifier.patient_caller(issuer.token())).subject == "a"
        with pytest.raises(KeyUnknown):
            await verifier.patient_caller(old)
        asked = len(issuer.asked)
        issuer.turn(OKPKey.generate_key("Ed25519", {"kid": "third"}))
        for _ in range(50):
            with pytest.raises(KeyUnknown) as refusal:
                await verifier.patient_caller(issuer.token())
            assert not refusal.value.away, "the issuer was asked: the token is not good"
        assert len(issuer.asked) == asked, "tokens with unknown keys make us ask once in 30 s, not each time"


async def test_a_key_taken_back_ends_its_tokens_with_the_next_look(issuer: ForeignIssuer) -> None:
    issuer.headers = {"Cache-Control": "public, max-age=0"}
    async with followed(issuer) as (verifier, _):
        old = issuer.token()
        await verifier.patient_caller(old)
        issuer.turn(ECKey.generate_key("P-256", {"kid": "second"}))
        await until(lambda: known(verifier) == {"second"})
        with pytest.raises(KeyUnknown):
            verifier.caller(old)
        same = ECKey.generate_key("P-256", {"kid": "second"})
        newest = issuer.token()
        verifier.caller(newest)
        issuer.turn(same)
        await until(lambda: refuses(verifier, newest))


async def garbage() -> web.StreamResponse:
    return web.Response(body=b"\xff<html>", headers={"Content-Type": "application/json"})


async def empty() -> web.StreamResponse:
    return web.json_response({"issuer": NAME, "jwks_uri": None, "keys": []})


async def huge() -> web.StreamResponse:
    return web.Response(body=b"[" * 300_000)


async def deep() -> web.StreamResponse:
    return web.Response(body=b"[" * 100_000)


async def elsewhere() -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


async def broken() -> web.StreamResponse:
    return web.Response(status=500)


async def slow() -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError


@pytest.mark.parametrize("path", [WELL_KNOWN, "/keys"])
@pytest.mark.parametrize("how", [garbage, empty, huge, deep, elsewhere, broken, slow], ids=lambda how: how.__name__)
async def test_what_was_good_last_stays_good_while_the_issuer_is_not_itself(
    issuer: ForeignIssuer, path: str, how: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "ANSWER_SECONDS", 0.5)
    issuer.headers = {"Cache-Control": "max-age=1"}
    monkeypatch.setattr(issuer_keys, "USUAL_SECONDS", 0.05)
    monkeypatch.setattr(issuer_keys, "LONGEST_SECONDS", 0.05)
    async with followed(issuer, path) as (verifier, unready):
        good = issuer.token()
        await until(lambda: known(verifier) == {"first"})
        assert verifier.caller(good).subject == "a"
        issuer.misbehave = how
        await until(lambda: is_away(verifier))
        assert verifier.caller(good).subject == "a"
        assert unready[-1] is None, "it can still let in who was let in before"
        issuer.misbehave = None
        issuer.turn(OKPKey.generate_key("Ed25519", {"kid": "second"}))
        await until(lambda: known(verifier) == {"second"})


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"issuer": "https://sso.example.vn/realms/other"}, "the discovery document is another issuer's"),
        ({"jwks_uri": "http://keys.example.vn/keys"}, "its jwks_uri is not https"),
        ({"jwks_uri": "file:///etc/passwd"}, "its jwks_uri is not https"),
        ({"jwks_uri": 7}, "no discovery document"),
    ],
)
async def test_a_discovery_document_leads_nowhere_else(issuer: ForeignIssuer, about: dict[str, Any], why: str) -> None:
    issuer.about = about
    async with followed(issuer) as (verifier, unready):
        await until(lambda: len(unready) > 0)
        assert unready[0] == why
        with pytest.raises(KeyUnknown):
            await verifier.patient_caller(issuer.token())
        assert set(issuer.asked) == {WELL_KNOWN}


async def test_an_issuer_that_dies_and_comes_back_is_not_hammered(
    issuer: ForeignIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "AGAIN_AT_MOST_SECONDS", 60.0)
    monkeypatch.setattr(issuer_keys, "AGAIN_SECONDS", 0.1)
    issuer.misbehave = broken
    async with followed(issuer) as (verifier, unready):
        await asyncio.sleep(1)
        assert 3 <= len(issuer.asked) <= 5, "each pause is twice the one before"
        assert set(unready) == {"answered 500"}
        await issuer.die()
        await until(lambda: unready[-1] == "no-connection")
        issuer.misbehave = None
        await issuer.open()
        assert (await verifier.patient_caller(issuer.token())).subject == "a", "who shows a token makes us ask at once"
        issuer.turn(OKPKey.generate_key("Ed25519", {"kid": "second"}))
        assert (await verifier.patient_caller(issuer.token())).subject == "a", "what was asked in vain doesn't count"


def app_of(router: Router, verifier: Verifier) -> FastAPI:
    return make_app("Things", "1", verifier, [router])


async def test_a_request_waits_a_moment_and_is_told_whose_fault_it_is(
    issuer: ForeignIssuer, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "PATIENCE_SECONDS", 0.3)
    issuer.misbehave = slow
    async with followed(issuer) as (verifier, _):
        transport = httpx.ASGITransport(app_of(router, verifier))
        headers = {"Authorization": f"Bearer {issuer.token(scope='dossiers:submit')}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client:
            began = time.monotonic()
            answers = await asyncio.gather(*(client.get("/v1/things/a") for _ in range(20)))
            assert time.monotonic() - began < 2
            told = {(one.status_code, one.json()["slug"], one.headers["Retry-After"]) for one in answers}
            assert told == {(503, "issuer-unavailable", "5")}
            assert answers[0].json()["fault"] == "hub"
            assert len(issuer.asked) <= 2


NAMES = st.sampled_from(["keys", "kid", "kty", "use", "alg", "x", "n", "e", "crv"])
ANYTHING = st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(NAMES, x))


@given(st.binary() | ANYTHING.map(lambda said: json.dumps(said).encode()))
def test_any_jwks_is_read_or_refused(jwks: bytes) -> None:
    with pytest.raises(ValueError, match=r"no JWKS|no public key"):
        keys_in(jwks)


@given(st.text(max_size=40) | st.integers(-5, 10**12).map(lambda seconds: f"private, max-age={seconds}"))
def test_keys_are_kept_within_bounds_whatever_the_issuer_says(said: str) -> None:
    assert issuer_keys.SHORTEST_SECONDS <= _good_for({"Cache-Control": said}) <= LONGEST_SECONDS


def test_the_issuers_word_counts_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "SHORTEST_SECONDS", SHORTEST_SECONDS)
    said = ["max-age=300", 'public, MAX-AGE = "300"', "no-cache", "max-age=5", "s-maxage=90, max-age=999999999"]
    assert [_good_for({"Cache-Control": one}) for one in said] == [300, 300, 600, 60, 3600]
