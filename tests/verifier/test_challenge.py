"""Log-in tokens: bound to this origin and this challenge, readable in one way, good once."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from pki.errors import InvalidValue, Malformed
from pki.purpose import Purpose
from tests.support.chance import SeededOctets
from tests.verifier.filing_world import AT, Holder, World, authentication_certificate, build_world, rsa_key
from verifier.anchors import anchor_of
from verifier.challenge import Challenges, canonical_origin, login_message, parse_token
from verifier.errors import ChallengeRefused
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.judge import Trust
from verifier.policy import Policy
from verifier.report import Report
from verifier.verify import verify_login

ORIGIN, NONCE = "https://city.example", "bm9uY2U" * 7
POLICY = Policy(name="log-in", purpose=Purpose.AUTHENTICATION)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def token(holder: Holder, *, origin: str = ORIGIN, nonce: str = NONCE, algorithm: str = "", **bend: Any) -> str:
    is_rsa = isinstance(holder.key, rsa.RSAPrivateKey)
    algorithm = algorithm or ("RS256" if is_rsa else "ES256")
    message = login_message(origin, nonce, "sha256")
    if isinstance(holder.key, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if algorithm == "PS256" else padding.PKCS1v15()
        value = holder.key.sign(message, scheme, hashes.SHA256())
    else:
        r, s = utils.decode_dss_signature(holder.sign(message))
        value = r.to_bytes(32) + s.to_bytes(32)
    fields = {
        "unverifiedCertificate": base64.b64encode(holder.certificate.der).decode(),
        "algorithm": algorithm,
        "signature": base64.b64encode(value).decode(),
        "format": "web-eid:1.0",
        "appVersion": "card reader 1",
        **bend,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def checked(world: World, text: str, **more: Any) -> Report:
    parsed = parse_token(text)
    answers = tuple(
        world.ocsp_answer(Holder(parsed.certificate, world.login.key), AT, issuer=ca, responder=responder)
        for ca, responder in (
            (world.authentication_ca, world.authentication_responder),
            (world.signature_ca, world.signature_responder),
        )
    )
    given = {
        "origin": ORIGIN,
        "nonce": NONCE,
        "anchors": Trust([anchor_of(world.authentication_ca.certificate), anchor_of(world.signature_ca.certificate)]),
        "policy": POLICY,
        "at": AT,
        "evidence": Evidence(ocsp=answers),
        **more,
    }
    return verify_login(parsed, **given)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256"])
def test_a_log_in_holds(algorithm: str, world: World) -> None:
    holder = world.login
    if algorithm != "ES256":
        holder = authentication_certificate("RSA log-in", world.authentication_ca, rsa_key("RSA signer"))
    report = checked(world, token(holder, algorithm=algorithm))
    assert report.indication is Indication.PASSED, report.reason


def test_another_origin_nonce_or_key_does_not_hold(world: World) -> None:
    for bend in (
        {"origin": "https://city.example.evil.example"},
        {"origin": "https://city.example/"},
        {"origin": "http://city.example"},
        {"origin": "https://City.example"},
        {"nonce": NONCE[:-1]},
        {"nonce": ""},
    ):
        assert checked(world, token(world.login, **bend)).sub_indication is SubIndication.SIG_CRYPTO_FAILURE
    stranger = Holder(world.login.certificate, world.signer.key)
    assert checked(world, token(stranger)).sub_indication is SubIndication.SIG_CRYPTO_FAILURE
    for algorithm in ("ES384", "RS256", "PS256"):
        assert checked(world, token(world.login, algorithm=algorithm)).indication is not Indication.PASSED


def test_a_signature_certificate_is_not_for_log_ins(world: World) -> None:
    report = checked(world, token(world.signer))
    assert report.sub_indication is SubIndication.CHAIN_CONSTRAINTS_FAILURE


def test_a_revoked_card_does_not_log_in() -> None:
    world = build_world()
    world.revoke(world.login, AT)
    report = checked(world, token(world.login))
    assert report.indication is not Indication.PASSED


@pytest.mark.parametrize(
    "bend",
    [
        {"format": "web-eid:2.0"},
        {"format": "web-eid:10"},
        {"format": "web-eid"},
        {"format": None},
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"algorithm": "ES"},
        {"unverifiedCertificate": "!"},
        {"unverifiedCertificate": ""},
        {"signature": "!"},
        {"claims": "{}"},
        {"appVersion": 1},
        {"signature": "A" * 10_000},
    ],
)
def test_tokens_are_read_in_one_way(bend: dict[str, Any], world: World) -> None:
    with pytest.raises(Malformed):
        parse_token(token(world.login, **bend))


def test_texts_that_are_no_tokens(world: World) -> None:
    good = token(world.login)
    doubled = good.replace('"format"', '"format": "web-eid:1.0", "format"')
    for text in ("", "x" * 200, "[" * 200, "{}" + " " * 200, doubled, json.dumps([good])):
        with pytest.raises(Malformed):
            parse_token(text)


@pytest.mark.parametrize("value", [b"", b"\0" * 64, b"\1" * 63, b"\1" * 65])
def test_values_that_are_none(value: bytes, world: World) -> None:
    report = checked(world, token(world.login, signature=base64.b64encode(value).decode()))
    assert report.indication is not Indication.PASSED


def test_challenges_are_taken_once_and_end() -> None:
    challenges = Challenges(SeededOctets("challenges"), capacity=3)
    first = challenges.issue("session", AT)
    assert len(first.nonce) == 44
    second = challenges.issue("session", AT)
    assert second.nonce != first.nonce
    assert challenges.take("session", AT) == second.nonce
    with pytest.raises(ChallengeRefused, match="already used"):
        challenges.take("session", AT)
    challenges.issue("session", AT)
    with pytest.raises(ChallengeRefused, match="too old"):
        challenges.take("session", AT + timedelta(minutes=5, seconds=1))
    with pytest.raises(ChallengeRefused):
        challenges.take("session", AT)
    for number in range(5):
        challenges.issue(f"session {number}", AT)
    with pytest.raises(ChallengeRefused):
        challenges.take("session 0", AT)
    assert challenges.take("session 4", AT)


def test_a_challenge_taken_at_once_goes_to_one() -> None:
    challenges = Challenges(SeededOctets("at once"))
    challenges.issue("session", AT)

    def take(_number: int) -> bool:
        try:
            return bool(challenges.take("session", AT))
        except ChallengeRefused:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(32))) == 1


@pytest.mark.parametrize(
    "origin", ["https://city.example", "https://city.example:8443", "http://localhost:8000", "http://127.0.0.1:1"]
)
def test_origins(origin: str) -> None:
    assert canonical_origin(origin) == origin


@pytest.mark.parametrize(
    "origin",
    ["", "city.example", "https://city.example/", "https://city.example:443", "https://City.example",
     "http://city.example", "https://user@city.example", "https://city.example?x", "https://", "https://[::1"],
)  # fmt: skip
def test_what_is_no_origin(origin: str) -> None:
    with pytest.raises(InvalidValue):
        canonical_origin(origin)
