"""Whatever octets come, the engine's readers answer or raise Malformed, and nothing else."""

import random as chance
from collections.abc import Callable

import pytest

from pki import der, oids
from pki.errors import Malformed
from tests.verifier.filing_world import rsa_key
from tests.verifier.path_world import (
    AT,
    DAY,
    Ca,
    alternative_names,
    directory,
    distribution_points,
    dns,
    ec_key,
    email,
    entry,
    extended_usage,
    ip,
    name,
    name_constraints,
    other_name,
    point,
    policies,
    policy_constraints,
    policy_mappings,
    revoked,
    scope,
    spki,
    uri,
)
from verifier.certificate import parse
from verifier.cms import parse_signed_data
from verifier.crl import parse_crl
from verifier.errors import FormatFailure, UnacceptableKey
from verifier.evidence import Evidence
from verifier.inputs import PathInputs, Profile, Usage
from verifier.keys import Key, KeyKind, load_key
from verifier.name_preparation import canonical
from verifier.ocsp import parse_ocsp
from verifier.policy import Limits
from verifier.validator import Validator

ROOT = Ca("Root")
SUB = Ca("Sub")
POLICY = f"{oids.DOCUMENTATION_ARC}.1.1"
LEAF = SUB.leaf(
    policies(POLICY, critical=True),
    extended_usage(oids.CLIENT_AUTH),
    alternative_names(
        email("a@example.com"), dns("*.example.com"), uri("http://a.example/"), ip(bytes(4)),
        directory(name("x")), other_name("1.2.3", der.utf8("x")),
    ),
    distribution_points(point([uri("http://crl.example/")], b"\x06\x40", [directory(name("y"))])),
)  # fmt: skip
MIDDLE = ROOT.ca(
    SUB,
    name_constraints([email("example.com")], [dns("example.org"), ip(bytes(8))]),
    policies(POLICY),
    policy_mappings((POLICY, f"{POLICY}.1")),
    policy_constraints(1, 2),
)
CRL = SUB.crl(
    entry(5, reason=1), entry(1 << 150), entry(-4), scope=scope([uri("http://crl.example/")], reasons=b"\x01\x06")
)
ANSWER = SUB.answer(5, revoked(reason=1), certificates=[LEAF], nonce=b"12345678")


def mangled(octets: bytes, source: chance.Random) -> bytes:
    """The same with a few octets changed, left out, put in or cut off; lengths and tags are met often."""
    changed = bytearray(octets)
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        at = source.randrange(len(changed))
        match source.randrange(6):
            case 0:
                changed[at] = source.choice((0, 1, 2, 4, 6, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xA0, 0xA3, 0xFF))
            case 1:
                changed[at] ^= 1 << source.randrange(8)
            case 2:
                del changed[at : at + source.choice((1, 2, 20))]
            case 3:
                changed[at:at] = bytes(source.randrange(256) for _ in range(source.choice((1, 2, 7))))
            case 4:
                del changed[at:]
            case _:
                changed[at] = (changed[at] + source.choice((1, -1))) & 0xFF
        if not changed:
            break
    return bytes(changed)


READERS: list[tuple[str, bytes, Callable[[bytes], object], tuple[type[Exception], ...]]] = [
    ("leaf", LEAF, parse, (Malformed,)),
    ("CA", MIDDLE, parse, (Malformed,)),
    ("CRL", CRL, lambda octets: (crl := parse_crl(octets), crl.unknown_critical, crl.index()), (Malformed,)),
    ("OCSP", ANSWER, parse_ocsp, (Malformed,)),
    ("name", name("Example", (oids.COMMON_NAME, "ｅ")), canonical, (Malformed,)),
    ("RSA key", spki(rsa_key("leaf")), load_key, (UnacceptableKey,)),
    ("P-256 key", spki(ec_key("leaf")), load_key, (UnacceptableKey,)),
]


@pytest.mark.parametrize(("octets", "read", "refusals"), [row[1:] for row in READERS], ids=[row[0] for row in READERS])
def test_readers_refuse_or_answer(
    octets: bytes, read: Callable[[bytes], object], refusals: tuple[type[Exception], ...]
) -> None:
    source, refused = chance.Random(7), 0
    for end in range(len(octets)):
        with pytest.raises(refusals):
            read(octets[:end])
    for _ in range(4000):
        try:
            read(mangled(octets, source))
        except refusals:
            refused += 1
    assert refused > 400
    read(octets)


def test_what_is_read_of_mangled_certificates_can_be_judged() -> None:
    """The engine meets what its reader let through: every verdict is one, whatever fields came out."""
    source = chance.Random(11)
    anchor = ROOT.anchor()
    inputs = PathInputs(frozenset({POLICY}), usage=Usage.TLS_SERVER, profile=Profile.STRICT)
    good = (MIDDLE, CRL, ANSWER)
    for number in range(1500):
        certificate, crl, answer = (
            mangled(one, source) if number % 4 in (0, place) else one for place, one in enumerate(good, 1)
        )
        evidence = Evidence((certificate,), (crl, ROOT.crl()), (answer,))
        leaf = mangled(LEAF, source) if number % 4 == 0 else LEAF
        result = Validator([anchor], inputs).validate(leaf, AT, evidence)
        assert result.reason
        assert Validator([anchor]).validate(leaf, AT + 2 * DAY, evidence).reason


def test_signed_data_refuses_or_answers() -> None:
    from tests.verifier.filing_world import build_world, sign_filing

    world, source, refused = build_world(), chance.Random(3), 0
    signature = sign_filing(world.signer, b"x")
    for _ in range(4000):
        try:
            parse_signed_data(mangled(signature, source), Limits())
        except FormatFailure:
            refused += 1
    assert refused > 400


class TestKeysReadHere:
    """The two forms that are read without `cryptography` say what it says."""

    def same(self, octets: bytes) -> bool:
        from cryptography.hazmat.primitives import serialization

        try:
            mine: Key | None = load_key(octets)
        except UnacceptableKey:
            mine = None
        try:
            theirs = serialization.load_der_public_key(octets)
        except ValueError:
            return mine is None
        if mine is None:
            return False
        numbers = theirs.public_numbers()  # type: ignore[union-attr]
        expected = KeyKind.RSA if hasattr(numbers, "n") else KeyKind.EC
        return (
            mine.kind is expected
            and mine.bits == theirs.key_size  # type: ignore[union-attr]
            and mine.public.public_numbers() == numbers
        )

    def test_good_ones(self) -> None:
        assert self.same(spki(rsa_key("leaf")))
        assert all(self.same(spki(ec_key(f"key {number}"))) for number in range(20))

    def test_points_that_are_not_on_the_curve(self) -> None:
        octets, source = spki(ec_key("leaf")), chance.Random(2)
        for _ in range(300):
            at = source.randrange(27, 91)
            wrong = octets[:at] + bytes((octets[at] ^ 1 << source.randrange(8),)) + octets[at + 1 :]
            assert self.same(wrong)
            with pytest.raises(UnacceptableKey):
                load_key(wrong)

    def test_coordinates_that_are_not_reduced_and_the_point_at_infinity(self) -> None:
        prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
        octets = spki(ec_key("leaf"))
        for x, y in ((prime, 0), (0, prime), (0, 0), (2**256 - 1, 2**256 - 1)):
            assert self.same(octets[:27] + x.to_bytes(32) + y.to_bytes(32))
        with pytest.raises(UnacceptableKey):
            load_key(der.sequence(der.read_whole(octets).children()[0].raw, der.bit_string(b"\x00")))
