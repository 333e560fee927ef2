import base64
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey

from hub_web import tokens, watched_file
from hub_web.tokens import ALL, Issuer, TokenRefused, Verifier, create_issuer_key

Keys = tuple[Path, Path]


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    sound = {"iss": "mot-cua-hub/issuer", "aud": "mot-cua-hub", "sub": "a", "kind": "system"}
    return {**sound, "scope": "dossiers:read", "area": "*", "exp": now + 60, "nbf": now - 1, **changes}


def test_a_token_says_who_asks_for_what_and_where(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.issue("Cán bộ 12", "officer", ["dossiers:decide", "dossiers:read"], ["H26.01", "H26.02"])
    caller = verifier.caller(token)
    assert (caller.subject, caller.kind) == ("Cán bộ 12", "officer")
    assert caller.scopes == {"dossiers:decide", "dossiers:read"}
    assert caller.covers("H26.02")
    assert not caller.covers("H26.03")
    assert verifier.caller(issuer.issue("Vận hành", "operator", ["operations"], ALL)).covers("anything")
    assert verifier.caller(token) is caller


def test_a_token_ends_when_it_says_also_when_it_is_remembered(keys: Keys, issuer: Issuer) -> None:
    now = time.time()
    moved = [now]
    verifier = Verifier(keys[1], clock=lambda: moved[0])
    token = issuer.issue("a", "system", ["dossiers:read"], ALL, hours=1, now=now)
    verifier.caller(token)
    moved[0] = now + 3599
    verifier.caller(token)
    moved[0] = now + 3606
    with pytest.raises(TokenRefused, match="expired"):
        verifier.caller(token)
    moved[0] = now - 60
    with pytest.raises(TokenRefused, match="not yet valid"):
        Verifier(keys[1], clock=lambda: moved[0]).caller(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"}, {"iss": "another"}, {"exp": None}, {"exp": "soon"}, {"exp": float("nan")}, {"sub": ""},
        {"sub": 5}, {"kind": "king"}, {"kind": ["system"]}, {"scope": ["dossiers:read"]}, {"area": "H26"},
        {"area": [1]}, {"area": None}, {"aud": None}, {"nbf": time.time() + 99_999},
    ],
)  # fmt: skip
def test_a_signed_token_with_wrong_claims_is_refused(
    keys: Keys, verifier: Verifier, changes: dict[str, object]
) -> None:
    key = OKPKey.import_key(json.loads(keys[0].read_text()))
    header = {"alg": "Ed25519", "kid": key.kid}
    assert verifier.caller(jwt.encode(header, claims(), key, algorithms=["Ed25519"]))
    sent = {name: value for name, value in claims(**changes).items() if value is not None}
    with pytest.raises(TokenRefused):
        verifier.caller(jwt.encode(header, sent, key, algorithms=["Ed25519"]))


def test_another_issuers_token_may_use_the_older_name_and_hold_scopes_of_other_systems(tmp_path: Path) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "a"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    sent = claims(iss="https://sso.example.vn", scope="openid dossiers:read email")
    with pytest.warns(SecurityWarning, match="EdDSA"):
        token = jwt.encode({"alg": "EdDSA", "kid": "a"}, sent, key, algorithms=["EdDSA"])
    verifier = Verifier(tmp_path / "jwks.json", issuer="https://sso.example.vn")
    assert verifier.caller(token).scopes == {"dossiers:read"}


def test_the_key_fixes_the_algorithm(keys: Keys, tmp_path: Path) -> None:
    ec = ECKey.generate_key("P-256", {"kid": "ec"})
    edwards = OKPKey.generate_key("Ed25519", {"kid": "ed"})
    (tmp_path / "both.json").write_text(
        json.dumps({"keys": [ec.as_dict(private=False), edwards.as_dict(private=False)]})
    )
    verifier = Verifier(tmp_path / "both.json")
    assert verifier.caller(jwt.encode({"alg": "ES256", "kid": "ec"}, claims(), ec, algorithms=["ES256"]))
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"ed"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=").decode()
    public_as_secret = OctKey.import_key(json.dumps(edwards.as_dict(private=False)))
    forged = [
        f"{header}.{body}.",
        jwt.encode({"alg": "HS256", "kid": "ed"}, claims(), public_as_secret, algorithms=["HS256"]),
        jwt.encode({"alg": "ES256", "kid": "ed"}, claims(), ec, algorithms=["ES256"]),
        jwt.encode({"alg": "Ed25519", "kid": "ec"}, claims(), edwards, algorithms=["Ed25519"]),
        jwt.encode({"alg": "Ed25519"}, claims(), edwards, algorithms=["Ed25519"]),
    ]
    for token in forged:
        with pytest.raises(TokenRefused):
            verifier.caller(token)


def test_a_key_taken_away_ends_its_tokens_and_a_new_one_is_known(
    keys: Keys, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(watched_file, "LOOK_SECONDS", 0.0)
    verifier = Verifier(keys[1])
    old = issuer.issue("a", "system", ["dossiers:read"], ALL)
    verifier.caller(old)
    keys[1].write_text("{broken")
    assert verifier.caller(old), "a broken file keeps what is known"
    create_issuer_key(tmp_path / "next.json", keys[1])
    with pytest.raises(TokenRefused):
        verifier.caller(old)
    assert verifier.caller(Issuer(tmp_path / "next.json").issue("a", "system", ["dossiers:read"], ALL))


def test_remembered_tokens_are_bounded(issuer: Issuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "KEPT_TOKENS", 3)
    for number in range(6):
        verifier.caller(issuer.issue(f"a{number}", "system", ["dossiers:read"], ALL))
    assert len(verifier._known) == 3


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_change_of_a_token_is_refused(issuer: Issuer, verifier: Verifier, data: st.DataObject) -> None:
    token = issuer.issue("a", "system", ["dossiers:read"], ALL)
    where = data.draw(st.integers(0, len(token) - 1))
    changed = token[:where] + data.draw(st.text(max_size=5)) + token[where + data.draw(st.integers(0, 5)) :]
    if changed.strip() == token or _same_bytes(changed, token):
        return
    with pytest.raises(TokenRefused):
        verifier.caller(changed)


def _same_bytes(one: str, other: str) -> bool:
    """The last letter of a base64url part holds bits that mean nothing."""
    try:
        decoded = [[base64.urlsafe_b64decode(p + "==") for p in token.split(".")] for token in (one, other)]
    except ValueError:
        return False
    return decoded[0] == decoded[1]


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_refused_without_another_error(verifier: Verifier, text: str) -> None:
    with pytest.raises(TokenRefused):
        verifier.caller(text)


def test_an_issuer_gives_no_token_without_subject_scope_or_life(issuer: Issuer) -> None:
    for subject, scopes, hours in [("", ["operations"], 8), ("a", [], 8), ("a", ["operations"], 0), ("a", ["root"], 8)]:
        with pytest.raises(ValueError, match=r"token needs|unknown scope"):
            issuer.issue(subject, "system", scopes, ALL, hours=hours)
    assert issuer.issue("a", "system", ["operations"], ALL, hours=8)


def test_key_files_are_checked_and_the_private_one_is_private(keys: Keys, tmp_path: Path) -> None:
    assert os.stat(keys[0]).st_mode & 0o077 == 0
    assert "d" not in json.loads(keys[1].read_text())["keys"][0]
    (tmp_path / "bad.json").write_text("[]")
    for wrong in (keys[1], tmp_path / "bad.json"):
        with pytest.raises(ValueError, match="private JWK"):
            Issuer(wrong)
    with pytest.raises(ValueError, match=r"bad\.json"):
        Verifier(tmp_path / "bad.json")
