"""The data objects inside PIV commands: the GENERAL AUTHENTICATE and GENERATE templates and public keys.

    7C  dynamic authentication template     80 witness   81 challenge   82 response   85 exponentiation
    AC  cryptographic mechanism             80 algorithm  [AA PIN policy]  [AB touch policy]
    7F49 public key                         81 modulus   82 exponent    or   86 point
    5C  tag list, 53 discretionary data     GET DATA and PUT DATA

Source: SP 800-73-4 part 2, 3.1.2, 3.2.4 (table 7), 3.3.1, 3.3.2 (tables 10 and 11).
"""

from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cardio import tlv
from cardio.piv_slots import KeyAlgorithm, PinPolicy, TouchPolicy
from pki.errors import Malformed

DYNAMIC_AUTHENTICATION = 0x7C
WITNESS, CHALLENGE, RESPONSE, EXPONENTIATION = 0x80, 0x81, 0x82, 0x85
MECHANISM = 0xAC
ALGORITHM, PIN_POLICY, TOUCH_POLICY = 0x80, 0xAA, 0xAB
PUBLIC_KEY = 0x7F49
MODULUS, EXPONENT, POINT = 0x81, 0x82, 0x86
TAG_LIST, DATA = 0x5C, 0x53

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

MAX_MODULUS_OCTETS = 512


def dynamic_authentication(*items: tuple[int, bytes]) -> bytes:
    """A 7C template of (tag, value) in the given order; an empty value asks the card for that object."""
    return tlv.encode(DYNAMIC_AUTHENTICATION, *(tlv.encode(tag, value) for tag, value in items))


def parse_dynamic_authentication(data: bytes) -> Mapping[int, bytes]:
    """The objects of a 7C template by tag. Errors: Malformed, also for an object that stands there twice."""
    items = tlv.parse(tlv.parse_one(data, DYNAMIC_AUTHENTICATION))
    found = {item.tag: item.value for item in items}
    if len(found) != len(items):
        raise Malformed("an authentication template without repetitions expected", None)
    return found


def mechanism(
    algorithm: KeyAlgorithm,
    pin_policy: PinPolicy = PinPolicy.DEFAULT,
    touch_policy: TouchPolicy = TouchPolicy.DEFAULT,
) -> bytes:
    """What GENERATE is sent. The policies are Yubico's and are left out where they are the default."""
    parts = [tlv.encode(ALGORITHM, bytes([algorithm]))]
    if pin_policy is not PinPolicy.DEFAULT:
        parts.append(tlv.encode(PIN_POLICY, bytes([pin_policy.value])))
    if touch_policy is not TouchPolicy.DEFAULT:
        parts.append(tlv.encode(TOUCH_POLICY, bytes([touch_policy.value])))
    return tlv.encode(MECHANISM, *parts)


def encode_public_key(public: PublicKey) -> bytes:
    """A 7F49 template, as a card answers GENERATE."""
    return tlv.encode(PUBLIC_KEY, encode_public_numbers(public))


def encode_public_numbers(public: PublicKey) -> bytes:
    """What stands inside it; Yubico's metadata carry it without the outer tag."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
        return tlv.encode(MODULUS, numbers.n.to_bytes(public.key_size // 8, "big")) + tlv.encode(EXPONENT, exponent)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return tlv.encode(POINT, point)


def parse_public_key(data: bytes, algorithm: KeyAlgorithm) -> bytes:
    """The key of a 7F49 template that was asked for with `algorithm`, as SubjectPublicKeyInfo in DER.

    Errors: Malformed if it is no such key, or a key of another algorithm or length: a card must not answer a request
    for RSA-2048 with something weaker.
    """
    return parse_public_numbers(tlv.parse_one(data, PUBLIC_KEY), algorithm)


def parse_public_numbers(data: bytes, algorithm: KeyAlgorithm) -> bytes:
    """The same from what stands inside the template. Errors: Malformed."""
    try:
        public = _elliptic(data, algorithm) if algorithm.elliptic else _rsa(data, algorithm)
    except ValueError as error:
        raise Malformed("a public key of the algorithm that was asked for expected", None) from error
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _rsa(data: bytes, algorithm: KeyAlgorithm) -> PublicKey:
    modulus, exponent = tlv.require(data, MODULUS), tlv.require(data, EXPONENT)
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    # SP 800-78-4 3.1: 65537 at least; the upper bound is that of FIPS 186-5 A.1.1. Length first: a modulus from a
    # hostile card is not worth a long computation.
    if (
        len(modulus) > MAX_MODULUS_OCTETS
        or n.bit_length() != algorithm.bits
        or not 0x10001 <= e < 1 << 256
        or not e & 1
    ):
        raise ValueError
    return rsa.RSAPublicNumbers(e, n).public_key()


def _elliptic(data: bytes, algorithm: KeyAlgorithm) -> PublicKey:
    curve = ec.SECP256R1() if algorithm is KeyAlgorithm.P256 else ec.SECP384R1()
    point = tlv.require(data, POINT)
    if len(point) != 1 + 2 * algorithm.octets:
        raise ValueError
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
