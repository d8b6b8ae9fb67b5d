"""Every token that must not be taken, and those that must."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.issuer import AUDIENCE, ISSUER, key, key_set, token
from web.bearer import BearerTokens
from web.key_set import KeySet


def bearer(*, fetched: list[str] | None = None) -> BearerTokens:
    async def fetch(url: str) -> bytes:
        if fetched is not None:
            fetched.append(url)
        return key_set("rsa-1", "ec-1")

    algorithms = ("RS256", "ES256")
    keys = KeySet("https://issuer.example.com/keys", fetch, algorithms=algorithms)
    return BearerTokens(keys, issuer=ISSUER, audience=AUDIENCE, algorithms=algorithms, leeway_seconds=30)


@pytest.mark.parametrize("name", ["rsa-1", "ec-1"])
async def test_a_token_of_the_issuer_for_this_audience_is_good(name: str) -> None:
    assert await bearer().scopes(token(name, scope="opportunities:read contacts:read openid")) == {
        "opportunities:read",
        "contacts:read",
        "openid",
    }


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": None, "scp": "a b"}, {"a", "b"}),
        ({"scope": None, "scp": ["a", "b", 7, None]}, {"a", "b"}),
        ({"scope": None}, set()),
        ({"scope": 7, "scp": {"a": 1}}, set()),
        ({"aud": ["other", AUDIENCE]}, {"opportunities:read"}),
        ({"expires_in": -10}, {"opportunities:read"}),
    ],
    ids=["scp text", "scp list", "none", "not text", "several audiences", "within the leeway"],
)
async def test_what_issuers_write_is_understood(claims: dict[str, Any], scopes: set[str]) -> None:
    assert await bearer().scopes(token(**claims)) == scopes


@pytest.mark.parametrize(
    "claims",
    [
        {"expires_in": -3600},
        {"exp": None},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"nbf": 2**33},
        {"iss": None},
        {"iss": "https://evil.example.com/"},
        {"iss": ISSUER.rstrip("/")},
        {"aud": None},
        {"aud": "another-service"},
        {"aud": []},
        {"aud": {"x": 1}},
    ],
    ids=str,
)
async def test_a_claim_that_is_missing_or_wrong_is_refused(claims: dict[str, Any]) -> None:
    assert await bearer().scopes(token(**claims)) is None


def _unsigned(header: Any, claims: Any) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join(parts) + "."


GOOD_CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "exp": 2**33, "scope": "contacts:read"}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 7, ["RS256"]])
async def test_an_unsigned_token_is_refused(algorithm: Any) -> None:
    assert await bearer().scopes(_unsigned({"alg": algorithm, "kid": "rsa-1"}, GOOD_CLAIMS)) is None


async def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() -> None:
    public = key("rsa-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, claims = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "rsa-1"}, GOOD_CLAIMS)
    )
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(algorithm.sign(header + b"." + claims, public)).rstrip(b"=")
    assert await bearer().scopes(b".".join((header, claims, signature)).decode()) is None


async def test_a_key_of_another_kind_than_the_header_says_is_refused() -> None:
    assert await bearer().scopes(token("rsa-1", header={"kid": "ec-1"})) is None
    assert await bearer().scopes(token("ec-1", header={"kid": "rsa-1"})) is None


async def test_a_token_of_a_stranger_with_a_known_key_id_is_refused() -> None:
    assert await bearer().scopes(token("rsa-stranger", header={"kid": "rsa-1"})) is None


async def test_a_key_that_the_token_brings_along_is_not_used() -> None:
    brought = json.loads(key_set("rsa-stranger"))["keys"][0]
    fetched: list[str] = []
    headers = ({"jwk": brought}, {"jku": "https://evil.example.com/keys"}, {"x5u": "https://evil.example.com/x"})
    for header in headers:
        assert await bearer(fetched=fetched).scopes(token("rsa-stranger", header={"kid": "rsa-1", **header})) is None
    assert set(fetched) == {"https://issuer.example.com/keys"}


@pytest.mark.parametrize("header", [{"crit": ["x"], "x": 1}, {"kid": 7}, {"kid": ["rsa-1"]}, {"kid": {"a": 1}}])
async def test_a_header_that_is_not_understood_is_refused(header: dict[str, Any]) -> None:
    try:
        text = token(header=header)
    except (TypeError, jwt.PyJWTError):
        text = _unsigned({"alg": "RS256", **header}, GOOD_CLAIMS) + "AAAA"
    assert await bearer().scopes(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "é.é.é",
        "x" * 8_001,
        "\x00",
        "Bearer",
        "e30.e30.e30",
        _unsigned([], {}),
        "{}.{}.x",
        _unsigned({"alg": "RS256"}, "x" * 100),
        _unsigned(None, None),
        "W" * 2_000 + ".." + "W" * 2_000,
    ],
)
async def test_text_that_is_no_token_is_refused(text: str) -> None:
    assert await bearer().scopes(text) is None


async def test_a_forged_header_causes_no_fetch() -> None:
    fetched: list[str] = []
    for algorithm in ("none", "HS256", "RS512"):
        await bearer(fetched=fetched).scopes(_unsigned({"alg": algorithm, "kid": "x"}, GOOD_CLAIMS))
    assert fetched == []


async def test_changing_one_letter_of_a_token_spoils_it() -> None:
    good = token()
    for at in range(0, len(good), 37):
        bad = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
        assert await bearer().scopes(bad) is None
