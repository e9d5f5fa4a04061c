"""JSON signatures: the bound certificate's key and nothing else decides."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.verifier.filing_world import AT, Holder, World, build_world, ec_key, imprint_of, rsa_key
from tests.verifier.test_verify import LATER, PASSED, doubt, failure, said, verify
from verifier.indication import Indication, SubIndication
from verifier.report import Report

DOCUMENT = '{"address": "架空市見本町二丁目"}'.encode()


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def value(holder: Holder, message: bytes, algorithm: str) -> bytes:
    if isinstance(holder.key, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if algorithm == "PS256" else padding.PKCS1v15()
        return holder.key.sign(message, scheme, hashes.SHA256())
    r, s = utils.decode_dss_signature(holder.sign(message))
    return r.to_bytes(32) + s.to_bytes(32)


def header(holder: Holder, **more: Any) -> dict[str, Any]:
    return {
        "alg": "RS256" if isinstance(holder.key, rsa.RSAPrivateKey) else "ES256",
        "x5c": [base64.b64encode(holder.certificate.der).decode()],
        "x5t#S256": url(holder.certificate.fingerprint),
        "sigT": AT.iso(),
        **more,
    }


def compact(holder: Holder, payload: bytes = DOCUMENT, *, detached: bool = False, **more: Any) -> str:
    fields = {name: part for name, part in header(holder, **more).items() if part is not None}
    protected = url(json.dumps(fields).encode())
    encoded = url(payload) if fields.get("b64", True) else payload.decode("latin-1")
    signature = value(holder, f"{protected}.{encoded}".encode("latin-1"), str(fields.get("alg")))
    return f"{protected}.{'' if detached else encoded}.{url(signature)}"


def checked(world: World, text: str | bytes, document: bytes | None = None, **more: Any) -> Report:
    octets = text.encode() if isinstance(text, str) else text
    return verify(world, octets, document, **more)


def general(world: World, *texts: str, **more: Any) -> str:
    rows = [dict(zip(("protected", "_", "signature"), text.split("."), strict=True)) for text in texts]
    rows = [{"protected": row["protected"], "signature": row["signature"], **more} for row in rows]
    return json.dumps({"payload": texts[0].split(".")[1], "signatures": rows})


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256"])
def test_compact_passes(algorithm: str, world: World) -> None:
    holder = world.signer if algorithm == "ES256" else world.signature_certificate("RSA", rsa_key("RSA signer"))
    report = checked(world, compact(holder, alg=algorithm), holder=holder)
    assert said(report) == PASSED, report.reason
    assert report.claimed_time == AT
    assert report.covered is not None
    assert report.covered.sha256 == hashlib.sha256(DOCUMENT).digest()


def test_detached_encoded_and_unencoded(world: World) -> None:
    detached = compact(world.signer, detached=True)
    assert said(checked(world, detached, DOCUMENT)) == PASSED
    assert said(checked(world, detached, DOCUMENT + b" ")) == failure(SubIndication.SIG_CRYPTO_FAILURE)
    assert said(checked(world, detached)) == doubt(SubIndication.SIGNED_DATA_NOT_FOUND)
    plain = compact(world.signer, detached=True, b64=False, crit=["b64"])
    assert said(checked(world, plain, DOCUMENT)) == PASSED
    assert said(checked(world, plain, url(DOCUMENT).encode())) == failure(SubIndication.SIG_CRYPTO_FAILURE)


def test_flattened_and_general(world: World) -> None:
    text = compact(world.signer)
    protected, payload, signature = text.split(".")
    flattened = json.dumps({"payload": payload, "protected": protected, "signature": signature})
    assert said(checked(world, flattened)) == PASSED
    assert said(checked(world, general(world, text))) == PASSED
    other = world.signature_certificate("other", ec_key("other"))
    two = checked(world, general(world, text, compact(other)))
    assert len(two.parts) == 2
    assert two.parts[0].passed
    assert said(two) == doubt(SubIndication.TRY_LATER), "nothing is known of the second signer's certificate"


def test_a_payload_and_another_document_are_refused(world: World) -> None:
    assert said(checked(world, compact(world.signer), b"another")) == failure(SubIndication.FORMAT_FAILURE)
    assert said(checked(world, compact(world.signer), DOCUMENT)) == failure(SubIndication.FORMAT_FAILURE)


# ---- what a header must not decide


def test_alg_none_and_shared_secrets_are_no_signatures(world: World) -> None:
    protected, payload, _ = compact(world.signer).split(".")
    none = url(json.dumps(header(world.signer, alg="none")).encode())
    assert said(checked(world, f"{none}.{payload}.AA")) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    assert checked(world, f"{none}.{payload}.").indication is Indication.FAILED
    for algorithm in ("NONE", "None", "nOnE", "", "HS256", "HS512", "ES256K", 1, None, ["ES256"]):
        changed = url(json.dumps(header(world.signer, alg=algorithm)).encode())
        assert said(checked(world, f"{changed}.{payload}.AA")) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    # the public key taken for a shared secret
    spki = world.signer.certificate.x509.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    confused = url(json.dumps(header(world.signer, alg="HS256")).encode())
    mac = hmac.new(spki, f"{confused}.{payload}".encode(), "sha256").digest()
    assert said(checked(world, f"{confused}.{payload}.{url(mac)}")) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    assert protected


def test_alg_must_fit_the_key(world: World) -> None:
    for algorithm in ("RS256", "PS256", "ES384", "ES512", "EdDSA"):
        assert said(checked(world, compact(world.signer, alg=algorithm))) == failure(SubIndication.SIG_CRYPTO_FAILURE)


def test_embedded_and_named_keys_never_choose(world: World) -> None:
    """A stranger's key in jwk, jku, x5u or kid; the bound certificate stays the victim's."""
    stranger = Holder(world.signer.certificate, ec_key("stranger"))
    numbers = ec_key("stranger").public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": url(numbers.x.to_bytes(32)), "y": url(numbers.y.to_bytes(32))}
    for more in (
        {"jwk": jwk},
        {"jku": "http://127.0.0.1:1/keys"},
        {"x5u": "http://127.0.0.1:1/certificate"},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
    ):
        assert said(checked(world, compact(stranger, **more))) == failure(SubIndication.SIG_CRYPTO_FAILURE)
    assert said(checked(world, compact(stranger, x5c=None, **{"x5t#S256": None}, jwk=jwk))) == doubt(
        SubIndication.SIG_CONSTRAINTS_FAILURE
    )


def test_another_certificate_than_the_bound_one_is_not_used(world: World) -> None:
    twin = world.signature_certificate("twin", world.signer.key)
    carried = [base64.b64encode(twin.certificate.der).decode()]
    assert said(checked(world, compact(world.signer, x5c=carried))) == doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND)
    assert said(checked(world, compact(world.signer, **{"x5t#S256": None}))) == PASSED, "x5c is signed as well"


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"]},
        {"crit": []},
        {"crit": "b64", "b64": True},
        {"crit": ["b64", "b64"], "b64": True},
        {"b64": True},
        {"crit": ["b64"], "b64": "false"},
        {"crit": ["sigD"], "sigD": {"mId": "x"}},
        {"sigD": {"mId": "x"}},
        {"crit": ["alg"]},
    ],
)
def test_what_is_critical_must_be_understood(more: dict[str, Any], world: World) -> None:
    assert said(checked(world, compact(world.signer, **more))) == failure(SubIndication.FORMAT_FAILURE)


@pytest.mark.parametrize(
    ("more", "claimed"),
    [
        ({"sigT": None, "iat": AT.seconds}, AT),
        ({"iat": AT.seconds}, AT),
        ({"sigT": None}, None),
        ({"crit": ["sigT"]}, AT),
    ],
)
def test_the_claimed_time_of_either_header(more: dict[str, Any], claimed: Any, world: World) -> None:
    report = checked(world, compact(world.signer, **more))
    assert said(report) == PASSED, report.reason
    assert report.claimed_time == claimed


@pytest.mark.parametrize(
    "more",
    [
        {"iat": AT.seconds + 1},
        {"iat": "1795392000"},
        {"iat": True},
        {"iat": 1.5},
        {"iat": -1},
        {"iat": 1 << 60},
        {"sigT": "2026-11-23T09:00:00+09:00"},
        {"sigT": "2026-11-23"},
        {"sigT": "2026-02-30T00:00:00Z"},
        {"sigT": 5},
    ],
)
def test_claimed_times_that_are_none_or_two(more: dict[str, Any], world: World) -> None:
    """TS 119 182-1 5.1.11, 5.2.1."""
    assert said(checked(world, compact(world.signer, **more))) == failure(SubIndication.FORMAT_FAILURE)


def test_unsigned_headers_decide_nothing(world: World) -> None:
    text = compact(world.signer)
    for more in ({"header": {"alg": "none"}}, {"header": {"jwk": {}}}, {"header": {"kid": "x"}}, {"header": []}):
        assert said(checked(world, general(world, text, **more))) == failure(SubIndication.FORMAT_FAILURE)


def test_other_forms_of_the_same_text_are_refused(world: World) -> None:
    """Padding, stray bits, white space, standard base64: one signature has one text."""
    protected, payload, signature = compact(world.signer).split(".")
    for form in (
        f"{protected}=.{payload}.{signature}",
        f"{protected}.{payload}=.{signature}",
        f"{protected}.{payload}.{signature}==",
        f"{protected}.{payload}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}",
        f"{protected} .{payload}.{signature}",
        f"{protected}.{payload}.{signature}.",
        f".{payload}.{signature}",
        f"{protected}..{signature}.x",
    ):
        assert checked(world, form).indication is Indication.FAILED, form


def test_doubled_names_and_deep_json_are_refused(world: World) -> None:
    protected, payload, signature = compact(world.signer).split(".")
    doubled = url(base64.urlsafe_b64decode(protected + "==").replace(b"{", b'{"alg": "none", ', 1))
    for text in (
        f"{doubled}.{payload}.{signature}",
        '{"payload": "", "payload": "", "signatures": []}',
        '{"payload": "", "signatures": []}',
        '{"payload": 1, "signatures": [1]}',
        '{"payload": "", "signatures": [{"protected": "", "signature": ""}]}',
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"payload": NaN}',
        "[" * 50,
        json.dumps({"payload": payload, "protected": protected, "signature": signature, "signatures": []}),
        json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}] * 100}),
    ):
        assert checked(world, text).indication is Indication.FAILED, text[:60]


def test_ecdsa_values_have_one_length(world: World) -> None:
    protected, payload, signature = compact(world.signer).split(".")
    octets = base64.urlsafe_b64decode(signature + "==")
    der = utils.encode_dss_signature(int.from_bytes(octets[:32]), int.from_bytes(octets[32:]))
    for other in (der, octets[:-1], octets + b"\0", b"\0" * 64, b"", b"\0" + octets[:32] + b"\0" + octets[32:]):
        text = f"{protected}.{payload}.{url(other)}"
        assert checked(world, text).indication is Indication.FAILED


def test_a_time_stamp_in_the_unsigned_header_counts(world: World) -> None:
    text = compact(world.signer)
    token = world.authority.token(imprint_of(text.split(".")[2].encode()), AT)
    stamp = {"sigTst": {"tstTokens": [{"val": base64.b64encode(token).decode()}]}}
    for entry in (stamp, url(json.dumps(stamp).encode())):
        report = checked(world, general(world, text, header={"etsiU": [entry]}), at=LATER, answers_of=LATER)
        assert said(report) == PASSED, report.reason
        assert report.best_signature_time == AT
        assert report.level == "T"


def test_damaged_texts_never_crash(world: World) -> None:
    text = compact(world.signer).encode()
    for step in range(0, len(text), 5):
        for bit in (0x01, 0x40):
            damaged = bytearray(text)
            damaged[step] ^= bit
            assert checked(world, bytes(damaged)).indication is not Indication.PASSED
