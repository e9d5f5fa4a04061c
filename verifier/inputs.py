"""What the caller asks of a path (RFC 5280 6.1.1) and how strictly."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pki import oids
from verifier.extensions import (
    CONTENT_COMMITMENT,
    DIGITAL_SIGNATURE,
    KEY_AGREEMENT,
    KEY_ENCIPHERMENT,
    key_of,
)


class Profile(StrEnum):
    """How much an issuer may have got wrong."""

    RFC5280 = "rfc5280"
    """What path validation asks (RFC 5280 6), and no more."""
    STRICT = "strict"
    """Also what issuers must do (RFC 5280 4): key identifiers, criticality, serial numbers, encodings, key usages."""


class Usage(StrEnum):
    """What the leaf's key is about to be believed for."""

    ANY = "any"
    SIGNATURE = "signature"
    AUTHENTICATION = "authentication"
    TLS_CLIENT = "tls-client"
    TLS_SERVER = "tls-server"

    @property
    def key_usages(self) -> int:
        """Bits of which keyUsage must have one, where it is present; 0 for no demand."""
        return _KEY_USAGES[self]

    @property
    def purposes(self) -> frozenset[bytes]:
        """Purposes of which extKeyUsage must have one, where it is present, in CA certificates too; empty: any."""
        return _PURPOSES[self]

    @property
    def is_tls(self) -> bool:
        """Whether the rules of the web's certificates apply beside those of RFC 5280."""
        return self in (Usage.TLS_CLIENT, Usage.TLS_SERVER)


_KEY_USAGES: Final = {
    Usage.ANY: 0,
    Usage.SIGNATURE: DIGITAL_SIGNATURE | CONTENT_COMMITMENT,
    Usage.AUTHENTICATION: DIGITAL_SIGNATURE,
    Usage.TLS_CLIENT: DIGITAL_SIGNATURE | KEY_AGREEMENT,
    Usage.TLS_SERVER: DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | KEY_AGREEMENT,
}
_ANY_PURPOSE: Final = key_of(oids.ANY_EXTENDED_KEY_USAGE)
_SMART_CARD_LOGON: Final = "1.3.6.1.4.1.311.20.2.2"
_DOCUMENT_SIGNING: Final = "1.3.6.1.5.5.7.3.36"  # RFC 9336


def _purposes(*dotted: str) -> frozenset[bytes]:
    return frozenset((_ANY_PURPOSE, *map(key_of, dotted)))


_PURPOSES: Final = {
    Usage.ANY: frozenset[bytes](),
    Usage.SIGNATURE: _purposes(oids.EMAIL_PROTECTION, _DOCUMENT_SIGNING),
    Usage.AUTHENTICATION: _purposes(oids.CLIENT_AUTH, _SMART_CARD_LOGON),
    Usage.TLS_CLIENT: _purposes(oids.CLIENT_AUTH),
    Usage.TLS_SERVER: _purposes(oids.SERVER_AUTH),
}


@dataclass(frozen=True, slots=True)
class PathInputs:
    """Inputs (b), (c) and (e) to (g) of RFC 5280 6.1.1, the usage, and our own bounds. The defaults ask for least."""

    initial_policies: frozenset[str] | None = None
    """user-initial-policy-set as dotted identifiers; None is {anyPolicy}."""
    require_explicit_policy: bool = False
    inhibit_policy_mapping: bool = False
    inhibit_any_policy: bool = False
    usage: Usage = Usage.ANY
    max_depth: int | None = None
    """Intermediates that are not self-issued; None leaves it to the certificates and the budget."""
    min_rsa_bits: int = 2048
    profile: Profile = Profile.RFC5280
