"""RFC 3161: requests, answers, tokens that hold and tokens that do not; OpenSSL reads ours and we read OpenSSL's."""

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import cms as builder
from pki import der, oids
from pki.certificate import Certificate
from tests.support.chance import SeededOctets
from tests.verifier.filing_world import (
    ARC,
    AT,
    Holder,
    World,
    build_world,
    ec_key,
    imprint_of,
    issue,
    time_stamp_certificate,
    usage,
)
from verifier.candidate import Stamped
from verifier.errors import FormatFailure
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.policy import Policy
from verifier.timestamp import (
    TimestampInfo,
    encode_request,
    fetch_timestamp,
    is_for_timestamps_only,
    parse_info,
    parse_response,
    read_timestamp,
)

OCTETS = b"what is to be stamped"


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def looked_at(token: bytes, octets: bytes = OCTETS) -> tuple[SubIndication | None, TimestampInfo | None]:
    candidate, info = read_timestamp(Stamped(token, octets), Policy(), Evidence())
    assert (info is not None) == candidate.holds
    return candidate.findings.verdict[1], info


def test_a_token_of_our_authority_holds(world: World) -> None:
    sub, info = looked_at(world.authority.token(imprint_of(OCTETS), AT, 7))
    assert sub is None
    assert info is not None
    assert (info.time, info.nonce, info.policy, info.hash_name) == (AT, 7, f"{ARC}.3.1", "sha256")


def test_asking_and_comparing_the_answer(world: World) -> None:
    def post(request: bytes) -> bytes:
        return world.authority.answer(request, AT)

    token = fetch_timestamp(OCTETS, post, SeededOctets("nonce"))
    assert looked_at(token)[0] is None

    replayed = world.authority.answer(encode_request(OCTETS, 5), AT)
    for bad in (replayed, world.authority.answer(encode_request(b"another", 5), AT), b"", b"\0", der.sequence()):
        with pytest.raises(FormatFailure):
            fetch_timestamp(OCTETS, lambda _request, bad=bad: bad, SeededOctets("nonce"))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("request_", "bit"),
    [
        (b"", 5),
        (b"\x30\x00", 2),
        (der.sequence(der.integer(2), imprint_of(OCTETS)), 2),
        (der.sequence(der.integer(1), der.sequence(der.sequence(der.oid(oids.SHA1)), der.octet_string(b"x" * 20))), 0),
        (der.sequence(der.integer(1), der.sequence(der.sequence(der.oid(oids.SHA256)), der.octet_string(b"x"))), 5),
        (der.sequence(der.integer(1), imprint_of(OCTETS), der.oid("1.2.3")), 15),
        (der.sequence(der.integer(1), imprint_of(OCTETS), der.context(0, b"")), 16),
        (der.sequence(der.integer(1), imprint_of(OCTETS), der.octet_string(b"x" * 5000)), 2),
    ],
)
def test_requests_that_are_rejected_say_why(request_: bytes, bit: int, world: World) -> None:
    answer = world.authority.answer(request_, AT)
    (info,) = der.read_whole(answer).children()
    status, failure = info.children()
    assert status.integer() == 2
    assert failure.raw == der.named_bits(bit)
    with pytest.raises(FormatFailure, match="refused"):
        parse_response(answer)


def test_what_a_token_must_not_be(world: World) -> None:
    honest = world.authority.token(imprint_of(OCTETS), AT)
    assert looked_at(honest, b"other octets")[0] is SubIndication.HASH_FAILURE
    assert looked_at(honest[:-1])[0] is SubIndication.FORMAT_FAILURE
    assert looked_at(honest + b"\0")[0] is SubIndication.FORMAT_FAILURE
    assert looked_at(b"")[0] is SubIndication.FORMAT_FAILURE
    bent = bytearray(honest)
    bent[-1] ^= 1
    assert looked_at(bytes(bent))[0] is SubIndication.SIG_CRYPTO_FAILURE
    sha1 = der.sequence(der.sequence(der.oid(oids.SHA1)), der.octet_string(hashlib.sha1(OCTETS).digest()))
    assert looked_at(world.authority.token(sha1, AT))[0] is SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    bare = world.authority.token(imprint_of(OCTETS), AT, with_certificate=False)
    assert looked_at(bare)[0] is SubIndication.NO_SIGNING_CERTIFICATE_FOUND
    candidate, info = read_timestamp(
        Stamped(bare, OCTETS), Policy(), Evidence(certificates=(world.tsa.certificate.der,))
    )
    assert candidate.holds
    assert info is not None


def signed_info(holder: Holder, info: bytes, content_type: str = oids.TST_INFO) -> bytes:
    attributes = builder.to_be_signed(hashlib.sha256(info).digest(), holder.certificate, AT, content_type)
    return builder.assemble(
        attributes, holder.sign(attributes), holder.certificate, content=info, content_type=content_type
    )


def test_only_certificates_for_time_stamps_alone(world: World) -> None:
    content = der.sequence(
        der.integer(1), der.oid("1.2.3"), imprint_of(OCTETS), der.integer(1), der.generalized_time(AT)
    )
    assert looked_at(signed_info(world.tsa, content))[0] is None
    stamping, server = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH
    for number, (purposes, critical) in enumerate(
        [([stamping], False), ([stamping, server], True), ([server], True), (None, True)]
    ):
        extensions: list[tuple[x509.ExtensionType, bool]] = [(usage("digital_signature"), True)]
        if purposes is not None:
            extensions.append((x509.ExtendedKeyUsage(purposes), critical))
        holder = issue(f"unit {number}", ec_key(f"unit {number}"), world.tsa_ca, extensions)
        assert not is_for_timestamps_only(holder.certificate)
        assert looked_at(signed_info(holder, content))[0] is SubIndication.CHAIN_CONSTRAINTS_FAILURE
    assert not is_for_timestamps_only(Certificate(b"garbage"))
    as_data = signed_info(world.tsa, content, oids.CMS_DATA)
    assert looked_at(as_data)[0] is SubIndication.SIG_CONSTRAINTS_FAILURE


IMPRINT = imprint_of(OCTETS)
HEAD = (der.integer(1), der.oid("1.2.3"), IMPRINT, der.integer(1))
TIME = der.generalized_time(AT)


def test_fractions_of_a_second_are_cut_off() -> None:
    assert parse_info(der.sequence(*HEAD, der.tlv(0x18, b"20261123000000.25Z"))).time == AT


@pytest.mark.parametrize(
    "parts",
    [
        (der.integer(2), *HEAD[1:], TIME),
        HEAD,
        (*HEAD, der.time(AT)),
        (*HEAD, der.tlv(0x18, b"20261123000000.Z")),
        (*HEAD, der.tlv(0x18, b"20261123000000.50Z")),
        (*HEAD, der.tlv(0x18, b"20261123000000.5")),
        (*HEAD, der.tlv(0x18, b"20261323000000Z")),
        (*HEAD, TIME, der.integer(1), der.integer(2)),
        (*HEAD, TIME, der.integer(1), der.boolean(True)),
        (*HEAD, TIME, der.null()),
        (*HEAD, TIME, der.context(1, der.sequence(der.oid("1.2.3"), der.boolean(True), der.octet_string(b"")))),
        (*HEAD[:2], der.sequence(), der.integer(1), TIME),
    ],
)
def test_infos_that_break_the_standard(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(FormatFailure):
        parse_info(der.sequence(*parts))


def pem(certificate: Certificate) -> bytes:
    return certificate.x509.public_bytes(Encoding.PEM)


@pytest.mark.referee
def test_openssl_believes_our_tokens_and_we_believe_its(world: World, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(OCTETS)
    (tmp_path / "ca.pem").write_bytes(pem(world.tsa_ca.certificate))
    (tmp_path / "unit.pem").write_bytes(pem(world.tsa.certificate))
    key = world.tsa.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    openssl = ["openssl", "ts"]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*openssl, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run("-query", "-data", "data", "-sha256", "-cert", "-out", "ours.tsq")
    (tmp_path / "ours.tsr").write_bytes(world.authority.answer((tmp_path / "ours.tsq").read_bytes(), AT))
    said = run("-verify", "-queryfile", "ours.tsq", "-in", "ours.tsr", "-CAfile", "ca.pem", "-attime", str(AT.seconds))
    assert "Verification: OK" in said

    (tmp_path / "conf").write_text(
        f"[tsa]\ndefault_tsa=t\n[t]\nserial={tmp_path}/serial\nsigner_cert=unit.pem\nsigner_key=key.pem\n"
        "signer_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\ness_cert_id_alg=sha256\ncerts=unit.pem\n"
    )
    run("-reply", "-config", "conf", "-queryfile", "ours.tsq", "-out", "theirs.tsr")
    token = parse_response((tmp_path / "theirs.tsr").read_bytes())
    sub, info = looked_at(token)
    assert sub is None
    assert info is not None
    assert info.policy == "1.2.3.4"


def test_every_token_has_a_serial_of_its_own(world: World) -> None:
    one = world.authority.token(imprint_of(OCTETS), AT)
    steady = world.authority
    infos = [looked_at(steady.token(imprint_of(OCTETS), AT))[1] for _ in range(3)]
    assert len({info.serial for info in infos if info is not None}) == 3
    other = time_stamp_certificate("second unit", world.tsa_ca)
    assert replace(steady, certificate=other.certificate, sign=other.sign).token(imprint_of(OCTETS), AT) != one
