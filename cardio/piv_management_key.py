"""The card management key of a PIV card: derived per card, and proven by both sides.

Source: SP 800-73-4 part 2, 3.2.4 and appendix A.1 (authentication of the card management key); SP 800-78-4 5 (ECB of
one block); SP 800-108r1 4.1 (KDF in counter mode).
"""

import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from cardio.piv_slots import CipherAlgorithm
from pki.errors import InvalidValue

LABEL = b"jitsuin piv card management key"


@dataclass(frozen=True, slots=True)
class ManagementKey:
    """A key of reference 9B; its octets are never printed."""

    algorithm: CipherAlgorithm
    octets: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.octets) != self.algorithm.key_length:
            raise InvalidValue(f"a management key for {self.algorithm.name} has {self.algorithm.key_length} octets")

    @property
    def known_default(self) -> bool:
        """Whether this is a key that card makers print in their manuals."""
        return hmac.compare_digest(self.octets, (FACTORY_OCTETS * 2)[: len(self.octets)])

    def encrypt(self, block: bytes) -> bytes:
        """One block of ECB. Errors: InvalidValue for another length."""
        return self._run(block, decrypting=False)

    def decrypt(self, block: bytes) -> bytes:
        """The block whose encryption is `block`. Errors: InvalidValue for another length."""
        return self._run(block, decrypting=True)

    def _run(self, block: bytes, *, decrypting: bool) -> bytes:
        if len(block) != self.algorithm.block_length:
            raise InvalidValue(f"a block of {self.algorithm.name} has {self.algorithm.block_length} octets")
        algorithm = TripleDES(self.octets) if self.algorithm is CipherAlgorithm.TDES else AES(self.octets)
        # ECB of one single block is what the protocol is made of; nothing longer is ever encrypted with this key.
        cipher = Cipher(algorithm, modes.ECB())  # noqa: S305
        context = cipher.decryptor() if decrypting else cipher.encryptor()
        return context.update(block) + context.finalize()


FACTORY_OCTETS = bytes.fromhex("010203040506070801020304050607080102030405060708")
"""What a new card carries as 3DES or AES-192 key; AES-128 and AES-256 factory keys repeat the same eight octets."""


def factory_key(algorithm: CipherAlgorithm = CipherAlgorithm.TDES) -> ManagementKey:
    """The management key of a card fresh from the shop, which must not stay on it."""
    return ManagementKey(algorithm, (FACTORY_OCTETS * 2)[: algorithm.key_length])


def derive_management_key(master: bytes, card_id: str, algorithm: CipherAlgorithm, version: int = 1) -> ManagementKey:
    """The management key of one card, from a master key that never leaves the key store's side.

    Source: SP 800-108r1 4.1, PRF = AES-CMAC, 32-bit counter before the fixed input; label as above, context =
    algorithm octet ‖ version (four octets) ‖ card id. `version` counts rotations: the next key of the same card.
    Errors: InvalidValue if `master` is no AES key of 16, 24 or 32 octets, or the card has no identity.
    """
    if len(master) not in (16, 24, 32):
        raise InvalidValue("a master key has 16, 24 or 32 octets")
    if not card_id:
        raise InvalidValue("a management key is derived for a card that has an identity")
    octets = KBKDFCMAC(
        algorithm=AES,
        mode=Mode.CounterMode,
        length=algorithm.key_length,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=LABEL,
        context=bytes([algorithm]) + version.to_bytes(4, "big") + card_id.encode(),
        fixed=None,
    ).derive(master)
    return ManagementKey(algorithm, _odd_parity(octets) if algorithm is CipherAlgorithm.TDES else octets)


def _odd_parity(octets: bytes) -> bytes:
    """DES keys carry seven bits in each octet and a parity bit, which some cards check (FIPS 46-3)."""
    return bytes((octet & 0xFE) | ((octet >> 1).bit_count() + 1) % 2 for octet in octets)
