"""The key pairs inside a virtual PIV card: made or imported, and what they can be asked to do.

Source: SP 800-73-4 part 2 appendix A.2 to A.5 (GENERAL AUTHENTICATE by key type); SP 800-78-4 3.1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from cardio.piv_slots import KeyAlgorithm, PinPolicy, TouchPolicy
from pki.errors import InvalidValue

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

CURVES: MappingProxyType[KeyAlgorithm, ec.EllipticCurve] = MappingProxyType(
    {KeyAlgorithm.P256: ec.SECP256R1(), KeyAlgorithm.P384: ec.SECP384R1()},
)
PUBLIC_EXPONENT = 65537
"""SP 800-78-4 3.1: the only exponent that cards generate."""

GENERATED = 1
IMPORTED = 2

KeyMaker = Callable[[KeyAlgorithm], PrivateKey]
"""Makes a key pair; a test hands in one that takes from a box of ready keys, because RSA primes take their time."""


def make_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """A fresh key pair from the operating system's randomness, as OpenSSL makes it."""
    if algorithm.elliptic:
        return ec.generate_private_key(CURVES[algorithm])
    return rsa.generate_private_key(PUBLIC_EXPONENT, algorithm.bits)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One occupied key slot."""

    algorithm: KeyAlgorithm
    private: PrivateKey = field(repr=False)
    origin: int
    pin_policy: PinPolicy
    touch_policy: TouchPolicy

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self.private.public_key()

    def raw_rsa(self, block: bytes) -> bytes:
        """block^d mod n: the padding is the host's business, which is why PSS works too.

        Errors: InvalidValue if the block is not as long as the modulus, or not below it.
        """
        if not isinstance(self.private, rsa.RSAPrivateKey):
            raise InvalidValue("this is no RSA key")
        numbers = self.private.private_numbers()
        value = int.from_bytes(block, "big")
        modulus = numbers.public_numbers.n
        if len(block) != self.algorithm.octets or value >= modulus:
            raise InvalidValue("an RSA block is as long as the modulus and below it")
        # RFC 8017 5.1.2 (2)(b): the Chinese remainder form, three to four times as fast as one power.
        first, second = pow(value, numbers.dmp1, numbers.p), pow(value, numbers.dmq1, numbers.q)
        result = second + numbers.q * ((first - second) * numbers.iqmp % numbers.p)
        return result.to_bytes(self.algorithm.octets, "big")

    def sign_digest(self, digest: bytes) -> bytes:
        """ECDSA over `digest`, as the DER sequence of r and s.

        A digest shorter than the order counts as the same number with zeros before it (FIPS 186-5 6.4.1).
        Errors: InvalidValue if the digest is empty or longer than a coordinate.
        """
        if not isinstance(self.private, ec.EllipticCurvePrivateKey):
            raise InvalidValue("this is no elliptic key")
        if not 0 < len(digest) <= self.algorithm.octets:
            raise InvalidValue("a digest for ECDSA is at most as long as a coordinate")
        hash_algorithm = hashes.SHA256() if self.algorithm is KeyAlgorithm.P256 else hashes.SHA384()
        padded = digest.rjust(self.algorithm.octets, b"\0")
        return self.private.sign(padded, ec.ECDSA(Prehashed(hash_algorithm)))

    def agree(self, point: bytes) -> bytes:
        """The x coordinate of ECDH with the peer's uncompressed point (SP 800-56A 5.7.1.2).

        Errors: InvalidValue if `point` does not lie on the key's curve.
        """
        if not isinstance(self.private, ec.EllipticCurvePrivateKey):
            raise InvalidValue("this is no elliptic key")
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self.private.curve, point)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidValue("the peer's point does not lie on the curve") from error
        return self.private.exchange(ec.ECDH(), peer)

    def encode(self) -> dict[str, object]:
        """For the card's file. The private key stands there in the clear: a virtual card protects nobody."""
        pkcs8 = self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "algorithm": self.algorithm.value,
            "private": pkcs8.hex(),
            "origin": self.origin,
            "pin_policy": self.pin_policy.value,
            "touch_policy": self.touch_policy.value,
        }

    @classmethod
    def decode(cls, record: dict[str, object]) -> "KeyPair":
        """What `encode` wrote. Errors: InvalidValue if it is no such record."""
        try:
            private = serialization.load_der_private_key(bytes.fromhex(str(record["private"])), None)
            if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
                raise InvalidValue("a PIV card holds RSA and elliptic keys only")
            return cls(
                KeyAlgorithm(int(str(record["algorithm"]))),
                private,
                int(str(record["origin"])),
                PinPolicy(record["pin_policy"]),
                TouchPolicy(record["touch_policy"]),
            )
        except (KeyError, ValueError, UnsupportedAlgorithm) as error:
            raise InvalidValue("the card's file holds a damaged key") from error


def import_rsa(first_prime: bytes, second_prime: bytes, exponent: int = PUBLIC_EXPONENT) -> rsa.RSAPrivateKey:
    """An RSA key from its primes; the other numbers are worked out, not believed.

    Errors: InvalidValue if the primes give no usable key.
    """
    p, q = int.from_bytes(first_prime, "big"), int.from_bytes(second_prime, "big")
    try:
        d = pow(exponent, -1, (p - 1) * (q - 1))
        return rsa.RSAPrivateNumbers(
            p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(exponent, p * q)
        ).private_key()
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidValue("these primes make no RSA key") from error


def import_elliptic(algorithm: KeyAlgorithm, scalar: bytes) -> ec.EllipticCurvePrivateKey:
    """An elliptic key from its scalar. Errors: InvalidValue unless 0 < scalar < order."""
    try:
        return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVES[algorithm])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidValue("this scalar makes no key on the curve") from error
