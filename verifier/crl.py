"""A CRL, read and indexed once (RFC 5280 5); nothing in it is believed before its signature was checked elsewhere.

    CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue }
    TBSCertList ::= SEQUENCE { version, signature, issuer, thisUpdate, nextUpdate,
                               SEQUENCE OF { serial, revocationDate, crlEntryExtensions }, [0] crlExtensions }

Entries are read when one may be about the certificate in question: where the octets of its number occur nowhere among
them, in whatever encoding, it is not listed. Then they are indexed, by serial number, and for indirect CRLs by the
issuer that they are about.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from pki import oids
from pki.errors import Malformed
from pki.revocation import Reason
from verifier import extensions as ext
from verifier.extensions import AuthorityKeyIdentifier, GeneralName, PointName, key_of
from verifier.name_preparation import canonical, same
from verifier.walk import SEQUENCE, bits, element, expect, integer, moment, only, row, truth

MAX_OCTETS: Final = 256 << 20
_NUMBER: Final = key_of(oids.CRL_NUMBER)
_DELTA: Final = key_of(oids.DELTA_CRL_INDICATOR)
_POINT: Final = key_of(oids.ISSUING_DISTRIBUTION_POINT)
_REASON: Final = key_of(oids.CRL_REASON)
_INVALIDITY: Final = key_of(oids.INVALIDITY_DATE)
_CERTIFICATE_ISSUER: Final = key_of(oids.CERTIFICATE_ISSUER)
_EXPIRED_CERTS_ON_CRL: Final = key_of("2.5.29.60")
_TRUE: Final = b"\x01\x01"
"""How the critical flag begins: without it no entry has a critical extension."""
_MAY_BE_PADDED: Final = (b"\x00", b"\xff", b"")
_PASSING: Final = (Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL)
_PROCESSED: Final = frozenset({_NUMBER, _DELTA, _POINT, ext.AKI, ext.IAN, ext.FRESHEST, ext.AIA, _EXPIRED_CERTS_ON_CRL})


class Entry(NamedTuple):
    """One revocation: times in seconds since 1970."""

    since: int
    reason: Reason
    invalidity: int | None


@dataclass(frozen=True, slots=True)
class Scope:
    """issuingDistributionPoint (5.2.5); without it a CRL is for every certificate of its issuer and every reason."""

    point: PointName | None = None
    only_user: bool = False
    only_ca: bool = False
    only_attribute: bool = False
    reasons: int | None = None
    indirect: bool = False
    encoded: bytes = b""


_WHOLE: Final = Scope()


class ParsedCrl:
    """One CRL. Made by `parse_crl`; never changed after, but that entries are indexed once."""

    __slots__ = (
        "_entries",
        "_has_critical_entries",
        "_octets",
        "_region",
        "_tbs",
        "_version",
        "authority_key",
        "base_number",
        "expired_since",
        "fingerprint",
        "has_critical_number",
        "inner_algorithm",
        "issuer",
        "next_update",
        "number",
        "outer_algorithm",
        "scope",
        "signature",
        "this_update",
        "unknown_critical_extension",
    )

    fingerprint: bytes
    """SHA-256 of the whole."""
    inner_algorithm: bytes
    outer_algorithm: bytes
    signature: bytes
    issuer: bytes
    this_update: int
    next_update: int | None
    number: int | None
    has_critical_number: bool
    base_number: int | None
    """BaseCRLNumber: set in a delta CRL only."""
    expired_since: int | None
    """expiredCertsOnCRL (X.509 9.5.2.8): what expired at that second or later is still listed."""
    scope: Scope
    authority_key: AuthorityKeyIdentifier | None
    unknown_critical_extension: bool
    """A critical extension of the CRL that is not processed."""
    _octets: bytes
    _tbs: tuple[int, int]
    _region: tuple[int, int]
    """Where in them the TBSCertList is, and where the entries are."""
    _version: int
    _entries: dict[object, dict[bytes, Entry]] | None
    _has_critical_entries: bool

    @property
    def tbs(self) -> bytes:
        """The octets that were signed."""
        start, end = self._tbs
        return self._octets[start:end]

    @property
    def unknown_critical(self) -> bool:
        """A critical extension, of the CRL or of any entry, that is not processed: the CRL must not be used (5.2, 5.3).

        Errors: Malformed for entries that cannot be read.
        """
        if self.unknown_critical_extension:
            return True
        if self._entries is None and (self.scope.indirect or self._octets.find(_TRUE, *self._region) >= 0):
            self.index()
        return self._has_critical_entries

    def speaks_of(self, not_after: int, skew: int) -> bool:
        """Whether a certificate that ends at `not_after` would be listed if it were revoked.

        Source: RFC 5280 5: entries may be removed once the certificate has expired; X.509 9.5.2.8.
        """
        return self.this_update <= not_after + skew or (
            self.expired_since is not None and self.expired_since <= not_after
        )

    def find(self, issuer: bytes, serial: int) -> Entry | None:
        """What the CRL says of the certificate of `issuer` (encoded) with that number.

        Errors: Malformed for entries that cannot be read.
        """
        octets = serial.to_bytes(_width(serial), signed=True)
        if self._entries is None and not self.scope.indirect and self._octets.find(octets, *self._region) < 0:
            return None
        own = issuer == self.issuer or same(issuer, self.issuer)
        found = self.index().get(None if own else _canonical(issuer))
        return None if found is None else found.get(octets)

    def index(self) -> dict[object, dict[bytes, Entry]]:
        """All entries, by the certificates' issuer (canonical; None for the CRL's own), then by the number's octets.

        Errors: Malformed.
        """
        found = self._entries
        if found is None:
            found, self._has_critical_entries = _read_entries(self)
            self._entries = found
        return found


def _width(serial: int) -> int:
    return (serial.bit_length() if serial >= 0 else (serial + 1).bit_length()) // 8 + 1


def _canonical(name: bytes) -> object:
    try:
        return canonical(name)
    except Malformed:
        return name


def parse_crl(der: bytes) -> ParsedCrl:
    """Read a CRL in DER; `index` reads its entries. Errors: Malformed."""
    if len(der) > MAX_OCTETS:
        raise Malformed("a CRL that is too large", MAX_OCTETS)
    made = ParsedCrl.__new__(ParsedCrl)
    made.fingerprint = sha256(der).digest()
    start, end = only(der, SEQUENCE, "a CertificateList")
    at, stop = expect(der, start, end, SEQUENCE, "a TBSCertList")
    made._octets, made._tbs = der, (start, stop)
    _, after = expect(der, stop, end, SEQUENCE, "signatureAlgorithm")
    made.outer_algorithm = der[stop:after]
    first, last = expect(der, after, end, 0x03, "signatureValue")
    if last != end or first == last:
        raise Malformed("a signatureValue at the end expected", first)
    made.signature = b"" if der[first] else der[first + 1 : last]
    _read_tbs(made, der, at, stop)
    return made


def _read_tbs(made: ParsedCrl, der: bytes, at: int, end: int) -> None:
    version = 1
    if der[at : at + 1] == b"\x02":
        first, at = expect(der, at, end, 0x02, "version")
        if integer(der, first, at) != 1:
            raise Malformed("a CRL of version 1 or 2 expected", first)
        version = 2
    _, after = expect(der, at, end, SEQUENCE, "signature")
    made.inner_algorithm = der[at:after]
    _, at = expect(der, after, end, SEQUENCE, "issuer")
    made.issuer = der[after:at]
    if len(made.issuer) == 2:
        raise Malformed("a CRL with an empty issuer", after)
    tag, first, at = element(der, at, end)
    made.this_update = moment(tag, der[first:at])
    made.next_update = None
    if at < end and der[at] in (0x17, 0x18):
        tag, first, at = element(der, at, end)
        made.next_update = moment(tag, der[first:at])
    revoked = (at, at)
    if at < end and der[at] == SEQUENCE:
        revoked = expect(der, at, end, SEQUENCE, "revokedCertificates")
        at = revoked[1]
    made.number = made.base_number = made.authority_key = made.expired_since = None
    made.scope = _WHOLE
    made.has_critical_number = made.unknown_critical_extension = False
    if at < end:
        first, stop = expect(der, at, end, 0xA0, "crlExtensions")
        if stop != end or version == 1:
            raise Malformed("crlExtensions at the end of a version 2 CRL expected", at)
        _read_extensions(made, der, first, stop)
    made._region, made._version = revoked, version
    made._entries, made._has_critical_entries = None, False


def extensions(der: bytes, at: int, end: int) -> list[tuple[bytes, bool, bytes]]:
    """Extensions inside their wrapper: (identifier, critical, value) each. Errors: Malformed, also for one twice."""
    at, stop = expect(der, at, end, SEQUENCE, "extensions")
    if stop != end:
        raise Malformed("one row of extensions expected", stop)
    found: dict[bytes, tuple[bytes, bool, bytes]] = {}
    for tag, offset, start, after in row(der, at, stop):
        parts = row(der, start, after) if tag == SEQUENCE else []
        if not 2 <= len(parts) <= 3 or parts[0][0] != 0x06 or parts[-1][0] != 0x04:
            raise Malformed("an Extension expected", offset)
        critical = False
        if len(parts) == 3:
            if parts[1][0] != 0x01:
                raise Malformed("critical expected", parts[1][1])
            critical = truth(der, parts[1][2], parts[1][3])
        identifier = der[parts[0][2] : parts[0][3]]
        if identifier in found:
            raise Malformed("the same extension twice", offset)
        found[identifier] = (identifier, critical, der[parts[-1][2] : parts[-1][3]])
    return list(found.values())


def _read_extensions(made: ParsedCrl, der: bytes, at: int, end: int) -> None:
    for identifier, critical, value in extensions(der, at, end):
        if identifier == _NUMBER:
            made.number, made.has_critical_number = _number(value), critical
        elif identifier == _DELTA:
            made.base_number = _number(value)
        elif identifier == _POINT:
            made.scope = _scope(value)
        elif identifier == ext.AKI:
            made.authority_key = ext.authority_key_identifier(value)
        elif identifier == _EXPIRED_CERTS_ON_CRL:
            start, stop = only(value, 0x18, "ExpiredCertsOnCRL")
            made.expired_since = moment(0x18, value[start:stop])
        elif critical and identifier not in _PROCESSED:
            made.unknown_critical_extension = True


def _number(value: bytes) -> int:
    start, stop = only(value, 0x02, "CRLNumber")
    number = integer(value, start, stop)
    if number < 0:
        raise Malformed("a CRLNumber that is not negative expected", start)
    return number


def _scope(value: bytes) -> Scope:
    start, stop = only(value, SEQUENCE, "IssuingDistributionPoint")
    point, reasons, flags, last = None, None, {0x81: False, 0x82: False, 0x84: False, 0x85: False}, -1
    for tag, at, content, end in row(value, start, stop):
        if tag & 0x1F <= last:
            raise Malformed("fields of IssuingDistributionPoint in their order expected", at)
        last = tag & 0x1F
        if tag == 0xA0:
            point = ext.point_name(value, content, end)
        elif tag == 0x83:
            reasons = bits(value, content, end, "ReasonFlags") & ext.ALL_REASONS
        elif tag in flags:
            flags[tag] = truth(value, content, end)
        else:
            raise Malformed("a field of IssuingDistributionPoint expected", at)
    return Scope(point, flags[0x81], flags[0x82], flags[0x85], reasons, flags[0x84], value)


def _read_entries(crl: ParsedCrl) -> tuple[dict[object, dict[bytes, Entry]], bool]:
    """The index, and whether an entry has a critical extension that is not processed.

    The loop may be over a million: offsets only, and each distinct extension read once.
    """
    der, (at, end) = crl._octets, crl._region
    entries: dict[object, dict[bytes, Entry]] = {None: {}}
    current, unknown = entries[None], False
    seen: dict[bytes, tuple[Reason, int | None, bytes | None, bool]] = {}
    plain: dict[bytes, int] = {}
    while at < end:
        # the short forms of both headers, as they nearly always are, without a call; a signature follows `end`, so that
        # the octets asked for are there
        first = at + 4
        after, last = at + 2 + der[at + 1], first + der[at + 3]
        if not (
            der[at] == SEQUENCE and der[at + 2] == 0x02 and der[at + 1] < 0x80 > der[at + 3] and last <= after <= end
        ):
            start, after = expect(der, at, end, SEQUENCE, "a revoked certificate")
            first, last = expect(der, start, after, 0x02, "userCertificate")
        serial = der[first:last]
        if serial[:1] in _MAY_BE_PADDED:
            integer(der, first, last)
        # UTCTime is 15 octets, and the same second often comes again
        date = der[last : last + 15]
        since = plain.get(date)
        if since is not None and last + 15 <= after:
            last += 15
        else:
            tag, first, last = element(der, last, after)
            since = moment(tag, der[first:last])
            if tag == 0x17:
                plain[date] = since
        if last == after:
            found = Entry(since, Reason.UNSPECIFIED, None)
        else:
            if crl._version == 1:
                raise Malformed("entry extensions in a CRL of version 1", last)
            octets = der[last:after]
            known = seen.get(octets)
            if known is None:
                known = _entry_extensions(crl, octets)
                if len(seen) < 4096:
                    seen[octets] = known
            reason, invalidity, issuer, is_unknown = known
            unknown |= is_unknown
            if issuer is not None:
                current = entries.setdefault(None if same(issuer, crl.issuer) else _canonical(issuer), {})
            found = Entry(since, reason, invalidity)
        # the same number twice: what cannot be taken back stays, whichever comes first
        if serial not in current or current[serial].reason in _PASSING:
            current[serial] = found
        at = after
    return entries, unknown


def _entry_extensions(crl: ParsedCrl, octets: bytes) -> tuple[Reason, int | None, bytes | None, bool]:
    reason, invalidity, issuer, unknown = Reason.UNSPECIFIED, None, None, False
    for identifier, critical, value in extensions(octets, 0, len(octets)):
        if identifier == _REASON:
            start, stop = only(value, 0x0A, "CRLReason")
            try:
                reason = Reason(integer(value, start, stop))
            except ValueError as bad:
                raise Malformed("a CRLReason that exists expected", start) from bad
        elif identifier == _INVALIDITY:
            start, stop = only(value, 0x18, "InvalidityDate")
            invalidity = moment(0x18, value[start:stop])
        elif identifier == _CERTIFICATE_ISSUER:
            issuer = _directory_name(ext.alternative_names(value))
            # 5.3.3: only indirect CRLs have it; a reader that ignored it would revoke another CA's certificate
            unknown |= not crl.scope.indirect
        elif critical:
            unknown = True
    return reason, invalidity, issuer, unknown


def _directory_name(found: tuple[GeneralName, ...]) -> bytes:
    for name in found:
        if name.kind == ext.DIRECTORY_NAME:
            return name.value
    raise Malformed("a certificateIssuer with a directoryName expected")
