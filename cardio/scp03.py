"""GlobalPlatform Secure Channel Protocol '03' (Amendment D to the Card Specification), S8 mode, both sides.

Pure: APDUs and octets in and out. The host side can therefore run on a server, with a counter PC relaying octets
that it cannot read or change; the card side lives in our virtual cards.

    INITIALIZE UPDATE      80 50 kvn 00 08 host-challenge(8) 00
      answer               key-diversification(10) kvn 03 i card-challenge(8) card-cryptogram(8) [sequence-counter(3)]
    EXTERNAL AUTHENTICATE  84 82 level 00 10 host-cryptogram(8) C-MAC(8)
    each command after it  CLA|04 … Lc+8 [encrypted data] C-MAC(8)
    each good answer       [encrypted data] R-MAC(8) SW
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC

from cardio.apdu import CommandApdu, ResponseApdu
from cardio.errors import SecureChannelFailed
from cardio.status_word import StatusWord
from pki.errors import Malformed

SECURE = 0x04
"""The class bit that says: secured the GlobalPlatform way."""
MAC_LENGTH = 8
LARGEST_DATA = 239
"""Plain octets that fit a short command: padded to 240, and 8 of C-MAC."""

_CARD_CRYPTOGRAM, _HOST_CRYPTOGRAM, _CARD_CHALLENGE = 0x00, 0x01, 0x02
_S_ENC, _S_MAC, _S_RMAC = 0x04, 0x06, 0x07
_BLOCK = 16


class Level(IntFlag):
    """What is protected (Amendment D, table 7-6)."""

    NONE = 0x00
    C_MAC = 0x01
    C_DECRYPTION = 0x02
    R_MAC = 0x10
    R_ENCRYPTION = 0x20


FULL = Level.C_MAC | Level.C_DECRYPTION | Level.R_MAC | Level.R_ENCRYPTION
_ALLOWED = frozenset({0x01, 0x03, 0x11, 0x13, 0x33})


@dataclass(frozen=True, slots=True, repr=False)
class KeySet:
    """Static keys of one card under one version number; 16, 24 or 32 octets each. Never shown."""

    version: int
    enc: bytes
    mac: bytes
    dek: bytes

    def __repr__(self) -> str:
        return f"KeySet(version={self.version})"


def derive(key: bytes, constant: int, bits: int, context: bytes) -> bytes:
    """`bits` bits by the data derivation scheme (Amendment D, 4.1.5: NIST SP 800-108, counter mode, PRF CMAC).

    Each round's input: 11 zero octets, the constant, 00, L in two octets, the counter in one, the context.
    """
    result = b""
    for counter in range(1, -(-bits // 128) + 1):
        mac = CMAC(AES(key))
        mac.update(bytes(11) + bytes((constant, 0)) + bits.to_bytes(2, "big") + bytes((counter,)) + context)
        result += mac.finalize()
    return result[: bits // 8]


def card_challenge(enc: bytes, sequence_counter: bytes, aid: bytes) -> bytes:
    """The pseudo-random challenge of cards with i = 1x (Amendment D, 6.2.2.1)."""
    return derive(enc, _CARD_CHALLENGE, 64, sequence_counter + aid)


def key_check_value(key: bytes) -> bytes:
    """Three octets that tell one AES key from another (Card Specification B.6, Amendment D 4.1.4)."""
    return _ecb(key, b"\x01" * _BLOCK)[:3]


def encrypt_key(dek: bytes, key: bytes) -> bytes:
    """`key` as PUT KEY carries it: AES-CBC under the static DEK, zero ICV (Amendment D, 4.1.2)."""
    encryptor = Cipher(AES(dek), CBC(bytes(_BLOCK))).encryptor()
    return encryptor.update(key) + encryptor.finalize()


def decrypt_key(dek: bytes, encrypted: bytes) -> bytes:
    decryptor = Cipher(AES(dek), CBC(bytes(_BLOCK))).decryptor()
    return decryptor.update(encrypted) + decryptor.finalize()


def _ecb(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 - one block: the counter's ICV, and KCVs
    return encryptor.update(block) + encryptor.finalize()


def _pad(data: bytes) -> bytes:
    return data + b"\x80" + bytes(-(len(data) + 1) % _BLOCK)


def _unpad(padded: bytes) -> bytes:
    data = padded.rstrip(b"\x00")
    if not data or data[-1] != 0x80 or len(padded) - len(data) >= _BLOCK:
        raise SecureChannelFailed("padding")
    return data[:-1]


class _Session:
    """Session keys, MAC chaining value and encryption counter: the same on both sides when all goes well."""

    def __init__(self, keys: KeySet, host_challenge: bytes, card_challenge: bytes) -> None:
        context, bits = host_challenge + card_challenge, 8 * len(keys.enc)
        self._enc = derive(keys.enc, _S_ENC, bits, context)
        self._mac = derive(keys.mac, _S_MAC, bits, context)
        self._rmac = derive(keys.mac, _S_RMAC, bits, context)
        self._chaining = bytes(_BLOCK)
        self._counter = 0
        self.level = Level.NONE
        self.card_cryptogram = derive(self._mac, _CARD_CRYPTOGRAM, 64, context)
        self.host_cryptogram = derive(self._mac, _HOST_CRYPTOGRAM, 64, context)

    def command_mac(self, command: CommandApdu, data: bytes) -> bytes:
        """C-MAC over chaining value, header with the final Lc, and data as sent (6.2.4); moves the chaining value."""
        mac = CMAC(AES(self._mac))
        mac.update(self._chaining + command.header + bytes((len(data) + MAC_LENGTH,)) + data)
        self._chaining = mac.finalize()
        return self._chaining[:MAC_LENGTH]

    def response_mac(self, data: bytes, status: StatusWord) -> bytes:
        """R-MAC over the command's chaining value, data as sent, and status word (6.2.5)."""
        mac = CMAC(AES(self._rmac))
        mac.update(self._chaining + data + status.octets)
        return mac.finalize()[:MAC_LENGTH]

    def next_command(self) -> None:
        """Counts every secured command, also one without data (6.2.6)."""
        self._counter += 1

    def _cipher(self, response: bool) -> Cipher[CBC]:
        block = self._counter.to_bytes(_BLOCK, "big")
        if response:
            block = b"\x80" + block[1:]
        return Cipher(AES(self._enc), CBC(_ecb(self._enc, block)))

    def encrypt(self, data: bytes, *, response: bool) -> bytes:
        encryptor = self._cipher(response).encryptor()
        return encryptor.update(_pad(data)) + encryptor.finalize()

    def decrypt(self, data: bytes, *, response: bool) -> bytes:
        if not data or len(data) % _BLOCK:
            raise SecureChannelFailed("length of encrypted data")
        decryptor = self._cipher(response).decryptor()
        return _unpad(decryptor.update(data) + decryptor.finalize())


@dataclass(frozen=True, slots=True)
class InitializeUpdateAnswer:
    """What the card says about itself before the channel is open."""

    diversification: bytes
    version: int
    options: int
    card_challenge: bytes
    card_cryptogram: bytes


def parse_initialize_update(data: bytes) -> InitializeUpdateAnswer:
    """Errors: Malformed if it is not SCP03 in S8 mode."""
    if len(data) not in (29, 32):
        raise Malformed("answer to INITIALIZE UPDATE of an unknown length", len(data))
    if data[11] != 0x03:
        raise Malformed("not secure channel protocol 03", 11)
    return InitializeUpdateAnswer(data[:10], data[10], data[12], data[13:21], data[21:29])


KeySource = Callable[[bytes, int], KeySet]
"""(key diversification data of 10 octets, key version) → that card's keys. May raise SecureChannelFailed."""


class HostSession:
    """The host's side. Order: `initialize_update`, `external_authenticate`, then `wrap` and `unwrap` in turn.

    After any error the session is of no use; a new one begins with a fresh `host_challenge` (8 random octets).
    """

    def __init__(self, keys: KeySource, host_challenge: bytes, level: Level = FULL, version: int = 0) -> None:
        if int(level) not in _ALLOWED or len(host_challenge) != 8:
            raise SecureChannelFailed("parameters")
        self._keys = keys
        self._host_challenge = host_challenge
        self._level = level
        self._version = version
        self._session: _Session | None = None
        self.key_set: KeySet | None = None
        self.diversification = b""

    def initialize_update(self) -> CommandApdu:
        """`version` 0 lets the card choose its key set."""
        return CommandApdu(0x80, 0x50, self._version, 0x00, self._host_challenge, 256)

    def external_authenticate(self, answer: ResponseApdu) -> CommandApdu:
        """The host's proof, once the card's is found right.

        Errors: SecureChannelFailed.
        """
        if not answer.ok:
            raise SecureChannelFailed(f"INITIALIZE UPDATE refused with {answer.status}")
        try:
            parsed = parse_initialize_update(answer.data)
        except Malformed as error:
            raise SecureChannelFailed("answer to INITIALIZE UPDATE") from error
        self.diversification = parsed.diversification
        self.key_set = self._keys(parsed.diversification, parsed.version)
        session = _Session(self.key_set, self._host_challenge, parsed.card_challenge)
        if not hmac.compare_digest(session.card_cryptogram, parsed.card_cryptogram):
            raise SecureChannelFailed("card cryptogram")
        command = CommandApdu(0x84, 0x82, self._level, 0x00)
        data = session.host_cryptogram
        self._session = session
        return replace(command, data=data + session.command_mac(command, data))

    def opened(self, answer: ResponseApdu) -> None:
        """Take the card's answer to EXTERNAL AUTHENTICATE. Errors: SecureChannelFailed."""
        if not answer.ok:
            raise SecureChannelFailed(f"EXTERNAL AUTHENTICATE refused with {answer.status}")
        self._live.level = self._level

    @property
    def _live(self) -> _Session:
        if self._session is None:
            raise SecureChannelFailed("not opened")
        return self._session

    def wrap(self, command: CommandApdu) -> CommandApdu:
        """The command as it goes to the card. Shapes: at most LARGEST_DATA octets of data."""
        session = self._live
        if len(command.data) > LARGEST_DATA:
            raise SecureChannelFailed("command too long for one APDU")
        session.next_command()
        data = command.data
        if data and session.level & Level.C_DECRYPTION:
            data = session.encrypt(data, response=False)
        secured = replace(command, cla=command.cla | SECURE, data=b"")
        return replace(secured, data=data + session.command_mac(secured, data))

    def unwrap(self, answer: ResponseApdu) -> ResponseApdu:
        """The plain answer. An error status word comes without MAC (6.2.5): nothing may be concluded from it but
        failure.

        Errors: SecureChannelFailed.
        """
        session = self._live
        if not session.level & Level.R_MAC or not _protected(answer.status):
            if not _protected(answer.status) and answer.data:
                raise SecureChannelFailed("data with an error status")
            return answer
        if len(answer.data) < MAC_LENGTH:
            raise SecureChannelFailed("answer without R-MAC")
        data, mac = answer.data[:-MAC_LENGTH], answer.data[-MAC_LENGTH:]
        if not hmac.compare_digest(session.response_mac(data, answer.status), mac):
            raise SecureChannelFailed("R-MAC")
        if data and session.level & Level.R_ENCRYPTION:
            data = session.decrypt(data, response=True)
        return ResponseApdu(data, answer.status)


def _protected(status: StatusWord) -> bool:
    """Whether an answer with this status word carries an R-MAC: success and warnings (6.2.5)."""
    return status == 0x9000 or status.sw1 in (0x62, 0x63)


class CardChannel:
    """The card's side of one session, from INITIALIZE UPDATE on."""

    def __init__(
        self, keys: KeySet, diversification: bytes, host_challenge: bytes, challenge: bytes, options: int = 0x60
    ) -> None:
        self._session = _Session(keys, host_challenge, challenge)
        self.keys = keys
        self.answer = diversification + bytes((keys.version, 0x03, options)) + challenge + self._session.card_cryptogram

    @property
    def open(self) -> bool:
        return self._session.level is not Level.NONE

    def external_authenticate(self, command: CommandApdu) -> None:
        """Errors: SecureChannelFailed; the card then drops the channel."""
        if self.open or command.p1 not in _ALLOWED or command.p2 or len(command.data) != 16:
            raise SecureChannelFailed("EXTERNAL AUTHENTICATE")
        cryptogram, mac = command.data[:8], command.data[8:]
        expected_mac = self._session.command_mac(command, cryptogram)
        # Both are compared before either is believed, in constant time.
        right = hmac.compare_digest(cryptogram, self._session.host_cryptogram)
        if not (hmac.compare_digest(mac, expected_mac) and right):
            raise SecureChannelFailed("host cryptogram")
        self._session.level = Level(command.p1)

    def unwrap(self, command: CommandApdu) -> CommandApdu:
        """The plain command, class without the secure bit. Errors: SecureChannelFailed."""
        session = self._session
        if not self.open or not command.cla & SECURE or not MAC_LENGTH <= len(command.data) <= 255:
            raise SecureChannelFailed("command without C-MAC")
        session.next_command()
        data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
        if not hmac.compare_digest(session.command_mac(command, data), mac):
            raise SecureChannelFailed("C-MAC")
        if data and session.level & Level.C_DECRYPTION:
            data = session.decrypt(data, response=False)
        return replace(command, cla=command.cla & ~SECURE, data=data)

    def wrap(self, answer: ResponseApdu) -> ResponseApdu:
        """The answer as it goes to the host."""
        session = self._session
        if not session.level & Level.R_MAC or not _protected(answer.status):
            return answer if _protected(answer.status) else ResponseApdu(b"", answer.status)
        data = answer.data
        if data and session.level & Level.R_ENCRYPTION:
            data = session.encrypt(data, response=True)
        return ResponseApdu(data + session.response_mac(data, answer.status), answer.status)
