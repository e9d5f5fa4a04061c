"""Key pairs as a virtual JPKI card holds them: generated, signing in the card's forms, and shown as a public-key
template.

Public key template (ISO/IEC 7816-8, table 3): 7F49 { 81 modulus, 82 exponent } or 7F49 { 86 uncompressed point }.
"""

import functools
import hashlib
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from cardio import tlv
from cardio.virtual_card import Refusal
from pki.errors import Malformed

_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class CardKey(Protocol):
    """A key pair on a card. `sign` gives Refusal(6A86) for a form that it does not know, 6A80 or 6700 for wrong
    data.
    """

    @property
    def public_key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey: ...

    def sign(self, form: int, data: bytes) -> bytes: ...

    def public_template(self) -> bytes: ...

    def encode(self) -> bytes: ...


class RsaKey:
    """RSA-2048, signing in the forms of jpki.SignForm."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private
        numbers = private.private_numbers()
        self._n, self._d = numbers.public_numbers.n, numbers.d
        self._length = (self._n.bit_length() + 7) // 8

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        return self._private.public_key()

    def sign(self, form: int, data: bytes) -> bytes:
        if form in (0x02, 0x04) and len(data) != 32:
            raise Refusal(0x6A80)
        if form == 0x00:
            return self._pad_and_sign(data)
        if form == 0x01:
            return self._pad_and_sign(hashlib.sha256(data).digest())
        if form in (0x02, 0x03):
            return self._pad_and_sign(_SHA256_INFO + (data if form == 0x02 else hashlib.sha256(data).digest()))
        if form in (0x04, 0x05):
            digest = data if form == 0x04 else hashlib.sha256(data).digest()
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return self._private.sign(digest, pss, Prehashed(hashes.SHA256()))
        raise Refusal(0x6A86)

    def _pad_and_sign(self, block: bytes) -> bytes:
        """RSASP1 over EMSA-PKCS1-v1_5 of `block` as it is (RFC 8017, 8.2.1 without the hashing)."""
        if not 1 <= len(block) <= self._length - 11:
            raise Refusal(0x6700)
        if block.startswith(_SHA256_INFO) and len(block) == len(_SHA256_INFO) + 32:
            # The usual case through OpenSSL, which is blinded and fast.
            return self._private.sign(block[-32:], padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        encoded = b"\x00\x01" + b"\xff" * (self._length - len(block) - 3) + b"\x00" + block
        # The key of a virtual card is a test key: its plain exponentiation need not be constant-time.
        return pow(int.from_bytes(encoded, "big"), self._d, self._n).to_bytes(self._length, "big")

    def public_template(self) -> bytes:
        numbers = self.public_key.public_numbers()
        exponent = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
        modulus = tlv.encode(0x81, numbers.n.to_bytes(self._length, "big"))
        return tlv.encode(0x7F49, modulus, tlv.encode(0x82, exponent))

    def encode(self) -> bytes:
        return _pkcs8(self._private)


class EllipticKey:
    """P-384: form 00 signs a SHA-384 hash, form 03 a message; answers are DER (ECDSA-Sig-Value)."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._private.public_key()

    def sign(self, form: int, data: bytes) -> bytes:
        if form == 0x03:
            return self._private.sign(data, ec.ECDSA(hashes.SHA384()))
        if form != 0x00:
            raise Refusal(0x6A86)
        if len(data) != 48:
            raise Refusal(0x6A80)
        return self._private.sign(data, ec.ECDSA(Prehashed(hashes.SHA384())))

    def public_template(self) -> bytes:
        point = self.public_key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return tlv.encode(0x7F49, tlv.encode(0x86, point))

    def encode(self) -> bytes:
        return _pkcs8(self._private)


def generate_key(generation: str) -> CardKey:
    """A fresh key pair of the card's generation."""
    if generation == "next":
        return EllipticKey(ec.generate_private_key(ec.SECP384R1()))
    return RsaKey(rsa.generate_private_key(65537, 2048))


@functools.lru_cache(maxsize=64)
def load_key(encoded: bytes) -> CardKey:
    """The key in PKCS#8 DER. Errors: ValueError.

    Remembered, and without testing its primes again (which takes longer than a signature): a card loads its image at
    each power-up, and the image is its own.
    """
    private = serialization.load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
    if isinstance(private, rsa.RSAPrivateKey):
        return RsaKey(private)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return EllipticKey(private)
    raise ValueError("neither RSA nor elliptic")


def spki_of_template(template: bytes) -> bytes:
    """SubjectPublicKeyInfo in DER of a public-key template; the curve is told by the point's length (97: P-384, 65:
    P-256).

    Errors: Malformed.
    """
    fields = tlv.parse_one(template, 0x7F49)
    point = tlv.find(fields, 0x86)
    try:
        if point is not None:
            curve = {97: ec.SECP384R1(), 65: ec.SECP256R1()}.get(len(point))
            if curve is None:
                raise Malformed("point of an unknown length", None)
            key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey = ec.EllipticCurvePublicKey.from_encoded_point(
                curve, point
            )
        else:
            modulus, exponent = (int.from_bytes(tlv.require(fields, tag), "big") for tag in (0x81, 0x82))
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        raise Malformed("no public key", None) from None
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pkcs8(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
