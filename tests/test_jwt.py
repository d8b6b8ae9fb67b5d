"""Every token that must not be taken, and those that must."""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from security.settings import ALGORITHMS
from tests.issuer import AUDIENCE, ISSUER, jwk, key, key_set, token
from web.auth.jwks import JWKSet
from web.auth.jwt import JWTVerifier
from web.auth.verified_tokens import VERIFIED_SECONDS, BearerToken

SCOPES = ("opportunities:read", "contacts:read", "a", "b")


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._began = time.time()

    def monotonic(self) -> float:
        """Return seconds since some time."""
        return 1_000 + self.ahead

    def now(self) -> float:
        """Return seconds since 1970."""
        return self._began + self.ahead


class Verifier(JWTVerifier):
    """Checks texts."""

    async def scopes(self, token: BearerToken | str) -> frozenset[str] | None:
        return await super().scopes(token if isinstance(token, BearerToken) else BearerToken.of(token))


def bearer(
    *,
    fetched: list[str] | None = None,
    keys: Any = None,
    algorithms: tuple[str, ...] = ("RS256", "ES256"),
    clock: Clock | None = None,
) -> Verifier:
    """Return what checks tokens, with the key set that `keys` (a text, or what returns one) gives."""

    async def fetch(url: str) -> bytes:
        if fetched is not None:
            fetched.append(url)
        if keys is None:
            return key_set("rsa-1", "ec-1")
        return keys() if callable(keys) else keys  # type: ignore[no-any-return]

    clock = clock or Clock()
    set_ = JWKSet("https://issuer.example.com/keys", fetch, algorithms=algorithms, clock=clock.monotonic)
    return Verifier(
        set_,
        issuer=ISSUER,
        audience=AUDIENCE,
        algorithms=algorithms,
        leeway_seconds=30,
        scopes=SCOPES,
        clock=clock.now,
    )


def a_set(*entries: Any) -> bytes:
    return json.dumps({"keys": entries}).encode()


@pytest.mark.parametrize("name", ["rsa-1", "ec-1"])
async def test_a_token_of_the_issuer_for_this_audience_is_good(name: str) -> None:
    assert await bearer().scopes(token(name, scope="opportunities:read contacts:read openid")) == {
        "opportunities:read",
        "contacts:read",
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


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: token(expires_in=-3600), r"The token expired 36\d\d s ago, by this machine's clock\."),
        (lambda: token(nbf=2**33), r"The token is not valid until \d+ s from now, by this machine's clock\."),
        (lambda: token(iss="https://evil.example.com/"), r"The token is of another issuer than JWT_ISSUER\."),
        (lambda: token(aud="another-service"), r"The token is for another audience than JWT_AUDIENCE\."),
        (lambda: token(exp=None), r"The token lacks a claim, or one is malformed: .*"),
        (lambda: token(exp=float("inf")), r"The token lacks a claim, or one is malformed: .*"),
        (
            lambda: token("rsa-stranger", header={"kid": "rsa-1"}),
            r"No key of JWT_JWKS_URL fits the token's signature\.",
        ),
        (lambda: "CANARY", r"The token is malformed, or signed by an algorithm that JWT_ALGORITHMS does not list\."),
    ],
    ids=["expired", "to come", "issuer", "audience", "no expiry", "no time", "signature", "no token"],
)
async def test_the_log_can_say_why_a_token_is_refused(made: Callable[[], str], reason: str) -> None:
    text, verifier = made(), bearer()  # made now: minutes may have passed since this file was read
    assert await verifier.scopes(text) is None
    assert re.fullmatch(reason, verifier.reason(BearerToken.of(text)))


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


# --- key sets as RFC 7517 allows them

KEY_OF = {"ES256": "ec-1", "ES384": "ec384-1", "ES512": "ec521-1", "EdDSA": "ed25519-1"}


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "EdDSA 448"])
async def test_a_key_that_names_no_algorithm_verifies_all_that_its_type_can(algorithm: str) -> None:
    algorithm, _, other = algorithm.partition(" ")
    name = "ed448-1" if other else KEY_OF.get(algorithm, "rsa-1")
    text = token(name, algorithm=algorithm)
    assert await bearer(keys=key_set(name), algorithms=ALGORITHMS).scopes(text) == {"opportunities:read"}
    assert await bearer(keys=key_set(name, alg=algorithm), algorithms=(algorithm,)).scopes(text)


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
async def test_what_a_key_can_do_does_not_widen_what_the_setting_or_the_key_allows(algorithm: str) -> None:
    text = token(algorithm=algorithm)
    assert await bearer(keys=key_set("rsa-1"), algorithms=("RS256",)).scopes(text) is None
    assert await bearer(keys=key_set("rsa-1", alg="RS256"), algorithms=ALGORITHMS).scopes(text) is None


@pytest.mark.parametrize("id_", ["one", None])
@pytest.mark.parametrize("header", [{"kid": "one"}, {"kid": None}])
@pytest.mark.parametrize("name", ["rsa-1", "rsa-2", "ec-1"])
async def test_keys_may_share_an_id_or_have_none(name: str, header: Any, id_: str | None) -> None:
    keys = key_set("rsa-1", "rsa-2", "ec-1", kid=id_)
    assert await bearer(keys=keys).scopes(token(name, header=header)) == {"opportunities:read"}
    assert await bearer(keys=keys).scopes(token(f"{name}-stranger", header=header)) is None


async def test_a_token_without_a_key_id_is_checked_with_each_key() -> None:
    for name in ("rsa-1", "rsa-2", "ec-1"):
        keys = key_set("rsa-1", "rsa-2", "ec-1")
        assert await bearer(keys=keys).scopes(token(name, header={"kid": None})) == {"opportunities:read"}


async def test_a_forged_token_is_not_tried_with_any_number_of_keys() -> None:
    keys = a_set(*(jwk("rsa-1", kid=str(n)) for n in range(90)))
    forged = token("rsa-stranger", header={"kid": None})
    with patch("web.auth.jwt.jwt.decode", wraps=jwt.decode) as decode:
        assert await bearer(keys=keys).scopes(forged) is None
    assert decode.call_count <= 20


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({"use": None}, True),
        ({"use": "enc"}, False),
        ({"use": ["sig"]}, False),
        ({"use": None, "key_ops": ["verify"]}, True),
        ({"use": None, "key_ops": ["verify", "sign"]}, True),
        ({"use": None, "key_ops": ["sign"]}, False),
        ({"key_ops": ["encrypt"]}, False),
        ({"key_ops": []}, False),
        ({"key_ops": "verify"}, False),
        ({"alg": "RSA-OAEP-256"}, False),
        ({"alg": "HS256"}, False),
        ({"alg": "none"}, False),
        ({"alg": ["RS256"]}, False),
        ({"crv": "P-256"}, True),
        ({"crv": ["P-256"]}, False),
        ({"kty": "EC"}, False),
        ({"kty": "new"}, False),
        ({"kty": 7}, False),
        ({"kty": None}, False),
        ({"e": None}, False),
        ({"e": 65537}, False),
        ({"x5c": "rubbish", "x5t": 7, "new": {"a": []}}, True),
    ],
    ids=str,
)
async def test_a_key_is_used_for_what_it_is_published_for(changes: dict[str, Any], usable: bool) -> None:
    keys = a_set(jwk("rsa-1", **changes), jwk("ec-1"))
    assert (await bearer(keys=keys).scopes(token("rsa-1")) is not None) is usable
    assert await bearer(keys=keys).scopes(token("ec-1"))


async def test_rsa_keys_shorter_than_rfc_7518_allows_are_not_used() -> None:
    short = jwk("rsa-1") | {"n": base64.urlsafe_b64encode(b"\xff" * 128).rstrip(b"=").decode()}
    assert await bearer(keys=a_set(short, jwk("ec-1"))).scopes(token("rsa-1")) is None


@pytest.mark.parametrize("more", [{}, {"key_ops": ["sign"]}, {"use": "enc"}], ids="any to-sign to-encrypt".split())
@pytest.mark.parametrize("name", ["rsa-1", "ec384-1", "ed25519-1"])
async def test_a_private_key_in_the_set_is_neither_used_nor_logged(
    name: str, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    private = jwk(name, private=True) | more
    checked = bearer(keys=a_set(private, jwk("ec-1")), algorithms=ALGORITHMS)
    assert await checked.scopes(token(name)) is None
    assert await checked.scopes(token("ec-1"))
    assert "publishes a private key" in caplog.text
    assert not [value for value in private.values() if len(value) > 20 and value in caplog.text]


@pytest.mark.parametrize("alg", [None, "HS256", "RS256"])
async def test_a_symmetric_key_in_the_set_verifies_nothing(alg: str | None) -> None:
    secret = b"a secret of thirty-two letters.."
    entry = {"kty": "oct", "k": base64.urlsafe_b64encode(secret).decode(), "kid": "shared", "use": "sig"}
    keys = a_set(entry | ({"alg": alg} if alg else {}), jwk("rsa-1"))
    text = jwt.encode(GOOD_CLAIMS, secret, algorithm="HS256", headers={"kid": "shared"})
    assert await bearer(keys=keys, algorithms=ALGORITHMS).scopes(text) is None
    assert await bearer(keys=keys, algorithms=ALGORITHMS).scopes(token("rsa-1"))


# --- verified tokens


@pytest.fixture
def signatures() -> Any:
    """Count how often a signature is verified."""
    with patch("web.auth.jwt.jwt.decode", wraps=jwt.decode) as decode:
        yield decode


async def test_a_token_that_comes_again_is_not_verified_again(signatures: Any) -> None:
    clock = Clock()
    checked, text = bearer(clock=clock), token()
    for _ in range(20):
        assert await checked.scopes(text) == {"opportunities:read"}
    assert signatures.call_count == 1
    clock.ahead = VERIFIED_SECONDS + 1
    assert await checked.scopes(text) == {"opportunities:read"}
    assert signatures.call_count == 2


async def test_a_token_that_has_come_before_expires_in_time() -> None:
    clock = Clock()
    checked, text = bearer(clock=clock), token(expires_in=100)
    assert await checked.scopes(text)
    clock.ahead = 129
    assert await checked.scopes(text)
    clock.ahead = 131
    assert await checked.scopes(text) is None


async def test_a_token_becomes_valid_in_time_and_not_for_longer_than_the_clock_says(signatures: Any) -> None:
    clock = Clock()
    checked, text = bearer(clock=clock), token(nbf=time.time() + 100)
    assert await checked.scopes(text) is None
    clock.ahead = 71
    assert await checked.scopes(text)
    clock.ahead = 0
    assert await checked.scopes(text) is None
    assert await bearer().scopes(token(iat=time.time() + 100)) is None


async def test_refused_tokens_are_not_remembered(signatures: Any) -> None:
    checked = bearer()
    for bad in (token("rsa-stranger", header={"kid": "rsa-1"}), token(aud="other"), token(expires_in=-60)):
        signatures.reset_mock()
        for _ in range(3):
            assert await checked.scopes(bad) is None
        assert signatures.call_count == 3


async def test_a_token_is_void_as_soon_as_its_key_is_known_to_be_gone(signatures: Any) -> None:
    published = ["rsa-1", "ec-1"]
    clock = Clock()
    checked, text = bearer(keys=lambda: key_set(*published), clock=clock), token("rsa-1")
    assert await checked.scopes(text)
    published[:] = ["ec-1", "rsa-2"]
    clock.ahead = 61
    assert await checked.scopes(token("rsa-2"))  # the unknown key makes the set be fetched
    assert await checked.scopes(text) is None


async def test_a_key_that_is_added_leaves_the_tokens_of_the_others_good() -> None:
    published = ["rsa-1"]
    clock = Clock()
    checked, text = bearer(keys=lambda: key_set(*published), clock=clock), token("rsa-1")
    assert await checked.scopes(text)
    published.append("rsa-2")
    clock.ahead = 61
    assert await checked.scopes(token("rsa-2"))
    assert await checked.scopes(text)


async def test_scopes_that_mean_nothing_here_take_no_memory() -> None:
    many = " ".join(["opportunities:read", *map(str, range(1_000))])
    assert await bearer().scopes(token(scope=many)) == {"opportunities:read"}


async def test_a_token_for_another_audience_causes_no_fetch() -> None:
    fetched: list[str] = []
    clock = Clock()
    checked = bearer(fetched=fetched, clock=clock)
    assert await checked.scopes(token())
    clock.ahead = 61
    assert await checked.scopes(token(aud="other")) is None
    assert len(fetched) == 1
