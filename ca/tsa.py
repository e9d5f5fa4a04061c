"""A small time-stamp authority (RFC 3161): a request in, a signed answer out, for deployments without another one.

TimeStampReq  ::= SEQUENCE { version 1, messageImprint, reqPolicy OID OPT, nonce INTEGER OPT, certReq BOOLEAN
                             DEFAULT FALSE, extensions [0] OPT }
TimeStampResp ::= SEQUENCE { PKIStatusInfo { status, statusString OPT, failInfo BIT STRING OPT }, token OPT }
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pki import cms, der, oids
from pki.algorithms import HASH_OIDS
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from pki.serial import SerialNumber

MAX_REQUEST: Final = 4096
_REJECTION: Final = 2
_BAD_ALGORITHM, _BAD_REQUEST, _BAD_DATA_FORMAT, _UNACCEPTED_POLICY, _UNACCEPTED_EXTENSION = 0, 2, 5, 15, 16
_SIZES: Final = {HASH_OIDS[name]: hashlib.new(name).digest_size for name in ("sha256", "sha384", "sha512")}


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """Signs the time that it is told. Its certificate has the critical extendedKeyUsage timeStamping alone."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    """Sent along when a request asks for certificates: the issuers without the root."""
    sign: Callable[[bytes], bytes]
    """The signature of a message by the certificate's key (ECDSA: DER)."""
    policy: str
    random: Callable[[int], bytes]
    accuracy_seconds: int = 1

    def answer(self, request: bytes, at: Instant) -> bytes:
        """The TimeStampResp for a TimeStampReq; a rejection with its failInfo for what cannot be answered."""
        try:
            return self._granted(request, at)
        except _Rejected as rejected:
            return der.sequence(der.sequence(der.integer(_REJECTION), der.named_bits(rejected.bit)))
        except Malformed:
            return der.sequence(der.sequence(der.integer(_REJECTION), der.named_bits(_BAD_DATA_FORMAT)))

    def token(self, imprint: bytes, at: Instant, nonce: int | None = None, *, with_certificate: bool = True) -> bytes:
        """A token over an encoded MessageImprint."""
        info = der.sequence(
            der.integer(1),
            der.oid(self.policy),
            imprint,
            der.integer(SerialNumber.draw(self.random)),
            der.generalized_time(at),
            der.sequence(der.integer(self.accuracy_seconds)),
            b"" if nonce is None else der.integer(nonce),
        )
        digest = hashlib.new(cms.digest_name(self.certificate), info).digest()
        attributes = cms.to_be_signed(digest, self.certificate, at, oids.TST_INFO)
        return cms.assemble(
            attributes,
            self.sign(attributes),
            self.certificate,
            self.chain,
            content=info,
            content_type=oids.TST_INFO,
            with_certificates=with_certificate,
        )

    def _granted(self, request: bytes, at: Instant) -> bytes:
        if len(request) > MAX_REQUEST:
            raise _Rejected(_BAD_REQUEST)
        parts = der.read_whole(request).expect(der.SEQUENCE, "a TimeStampReq").children()
        if len(parts) < 2 or parts[0].integer() != 1:
            raise _Rejected(_BAD_REQUEST)
        imprint = _imprint(parts[1])
        nonce, wanted = self._options(parts[2:])
        token = self.token(imprint, at, nonce, with_certificate=wanted)
        return der.sequence(der.sequence(der.integer(0)), token)

    def _options(self, parts: Sequence[der.Node]) -> tuple[int | None, bool]:
        nonce, wanted = None, False
        for part in parts:
            if part.tag == der.OID:
                if part.oid() != self.policy:
                    raise _Rejected(_UNACCEPTED_POLICY)
            elif part.tag == der.INTEGER:
                nonce = part.integer()
            elif part.tag == der.BOOLEAN:
                wanted = part.boolean()
            else:
                raise _Rejected(_UNACCEPTED_EXTENSION)
        return nonce, wanted


class _Rejected(Exception):
    def __init__(self, bit: int) -> None:
        super().__init__(bit)
        self.bit = bit


def _imprint(node: der.Node) -> bytes:
    parts = node.expect(der.SEQUENCE, "a MessageImprint").children()
    if len(parts) != 2:
        raise _Rejected(_BAD_REQUEST)
    size = _SIZES.get(parts[0].children()[0].oid())
    if size is None:
        raise _Rejected(_BAD_ALGORITHM)
    if len(parts[1].octets()) != size:
        raise _Rejected(_BAD_DATA_FORMAT)
    return node.raw
