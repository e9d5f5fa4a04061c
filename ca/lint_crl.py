"""The judge of CRLs: one alone, beside its issuer, beside the one before, and a delta beside its base.

judge_crl(der, …) → findings. It never raises for a bad CRL: what cannot be read is a finding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509

from ca.crl_reading import Crl, Entry
from ca.findings import Finding, Severity
from pki import der, names, oids
from pki.algorithms import ALGORITHMS
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from pki.revocation import Reason

ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

LONGEST = timedelta(days=100)
"""Older news than this is no news: twice what offline authorities need."""
SKEW = timedelta(minutes=5)

_KNOWN = frozenset(
    {
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.ISSUER_ALT_NAME,
        oids.CRL_NUMBER,
        oids.DELTA_CRL_INDICATOR,
        oids.ISSUING_DISTRIBUTION_POINT,
        oids.FRESHEST_CRL,
        oids.AUTHORITY_INFO_ACCESS,
    }
)
_KNOWN_IN_ENTRIES = frozenset({oids.CRL_REASON, oids.INVALIDITY_DATE, oids.CERTIFICATE_ISSUER})
_MUST_BE_CRITICAL = {
    oids.ISSUING_DISTRIBUTION_POINT: ("rfc5280.idp-critical", "5.2.5"),
    oids.DELTA_CRL_INDICATOR: ("rfc5280.delta-indicator-critical", "5.2.4"),
}
_MUST_NOT_BE_CRITICAL = {
    oids.AUTHORITY_KEY_IDENTIFIER: "5.2.1",
    oids.CRL_NUMBER: "5.2.3",
    oids.FRESHEST_CRL: "5.2.6",
    oids.AUTHORITY_INFO_ACCESS: "5.2.7",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """What a CRL is judged beside; None for what is not at hand."""

    issuer: Certificate | None = None
    certificate: Certificate | None = None
    previous: Crl | None = None
    base: Crl | None = None
    at: Instant | None = None


Check = Callable[[Crl, Beside], Iterator[Finding]]


def judge_crl(
    octets: bytes,
    *,
    issuer: Certificate | None = None,
    certificate: Certificate | None = None,
    previous: Crl | None = None,
    base: Crl | None = None,
    at: Instant | None = None,
) -> list[Finding]:
    """Findings about a CRL in DER.

    `issuer` must have signed it; `certificate` should be listed or not within its scope; `previous` was published
    before it; `base` is the full CRL that it adds to, for a delta; `at` is the time of judging.
    """
    try:
        crl = Crl(octets)
    except Malformed as error:
        where = "" if error.offset is None else f" (octet {error.offset})"
        return [Finding("x690.der", ERROR, "5.1; X.690", f"{error.what}{where}")]
    beside = Beside(issuer, certificate, previous, base, at)
    findings: list[Finding] = []
    for check in _CHECKS:
        try:
            findings.extend(check(crl, beside))
        except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
            findings.append(Finding("x690.der", ERROR, "5.1; X.690", "a certificate's extensions cannot be read"))
        except (Malformed, InvalidValue) as error:
            findings.append(Finding("x690.der", ERROR, "5.1; X.690", error.what))
    return findings


def _form(crl: Crl, _beside: Beside) -> Iterator[Finding]:
    if crl.version != 1:
        yield Finding("rfc5280.crl-version", ERROR, "5.1.2.1", "extensions need version 2")
    if crl.inner_algorithm != crl.outer_algorithm:
        yield Finding("rfc5280.algorithms-differ", ERROR, "5.1.1.2", "inner and outer algorithm differ")
    algorithm = ALGORITHMS.get(der.read(crl.outer_algorithm).children()[0].oid())
    if algorithm is not None and algorithm.hash_name == "sha1":
        yield Finding("crl.sha1", WARNING, "RFC 6194 3", "signed over SHA-1")
    if not der.read(crl.issuer).children():
        yield Finding("rfc5280.crl-issuer-empty", ERROR, "5.1.2.3", "the issuer's name is empty")
    if crl.has_empty_list:
        yield Finding("rfc5280.crl-empty-list", ERROR, "5.1.2.6", "revokedCertificates is there without an entry")


def _extensions(crl: Crl, _beside: Beside) -> Iterator[Finding]:
    if crl.find(oids.CRL_NUMBER) is None:
        yield Finding("rfc5280.crl-number-missing", ERROR, "5.2.3", "there is no CRL number")
    elif not 0 <= (crl.number or 0) < 1 << 159:
        yield Finding("rfc5280.crl-number-range", ERROR, "5.2.3", "the CRL number is negative or over 20 octets")
    if crl.find(oids.AUTHORITY_KEY_IDENTIFIER) is None:
        yield Finding("rfc5280.crl-aki-missing", ERROR, "5.2.1", "there is no authority key identifier")
    elif crl.authority_key_identifier is None:
        yield Finding("rfc5280.crl-aki-form", WARNING, "5.2.1", "the authority key identifier holds no key id")
    for extension in crl.extensions:
        if extension.oid in _MUST_BE_CRITICAL and not extension.critical:
            rule, clause = _MUST_BE_CRITICAL[extension.oid]
            yield Finding(rule, ERROR, clause, f"{extension.oid} is not critical")
        if extension.oid in _MUST_NOT_BE_CRITICAL and extension.critical:
            clause = _MUST_NOT_BE_CRITICAL[extension.oid]
            yield Finding("rfc5280.crl-extension-critical", ERROR, clause, f"{extension.oid} is critical")
        if extension.oid not in _KNOWN:
            severity = ERROR if extension.critical else NOTICE
            yield Finding("rfc5280.crl-extension-unknown", severity, "5.2", f"{extension.oid} is not known")
    if crl.is_delta and crl.find(oids.FRESHEST_CRL) is not None:
        yield Finding("rfc5280.delta-freshest", ERROR, "5.2.6", "a delta CRL points to deltas")


def _times(crl: Crl, beside: Beside) -> Iterator[Finding]:
    if crl.next_update is None:
        yield Finding("rfc5280.crl-next-update-missing", ERROR, "5.1.2.5", "there is no nextUpdate")
        return
    if crl.next_update <= crl.this_update:
        yield Finding("rfc5280.crl-times", ERROR, "5.1.2.5", "nextUpdate is not after thisUpdate")
    if crl.next_update - crl.this_update > LONGEST:
        days = (crl.next_update - crl.this_update).days
        yield Finding("crl.validity-too-long", WARNING, "5.1.2.5; policy", f"it holds for {days} days")
    if beside.at is not None:
        if crl.next_update < beside.at:
            yield Finding("crl.expired", ERROR, "6.3.3 (a)", f"nextUpdate was {crl.next_update}")
        if crl.this_update > beside.at + SKEW:
            yield Finding("crl.future", ERROR, "5.1.2.4", f"thisUpdate is {crl.this_update}")


def _entries(crl: Crl, beside: Beside) -> Iterator[Finding]:
    seen: set[int] = set()
    last = -1
    sorted_so_far = True
    limit = crl.this_update if beside.at is None else max(crl.this_update, beside.at)
    for entry in crl.entries():
        if entry.serial in seen:
            yield Finding("x509.crl-duplicate-serial", ERROR, "5.1.2.6", f"serial {entry.serial:x} stands twice")
        seen.add(entry.serial)
        sorted_so_far &= entry.serial > last
        last = entry.serial
        if entry.at > limit:
            yield Finding("crl.revocation-future", ERROR, "5.1.2.6", f"{entry.serial:x} is revoked from {entry.at}")
        yield from _entry(crl, entry)
    if not sorted_so_far:
        yield Finding("crl.unsorted", NOTICE, "5.1.2.6; policy", "entries are not in ascending order of serial")


def _entry(crl: Crl, entry: Entry) -> Iterator[Finding]:
    where = f"serial {entry.serial:x}"
    if entry.serial <= 0 or entry.serial >= 1 << 160:
        yield Finding("rfc5280.crl-serial-range", ERROR, "4.1.2.2", f"{where} could not have been issued")
    if entry.reason == Reason.UNSPECIFIED:
        yield Finding("rfc5280.reason-unspecified", WARNING, "5.3.1", f"{where}: unspecified is left out")
    if entry.reason == Reason.REMOVE_FROM_CRL and not crl.is_delta:
        yield Finding("rfc5280.remove-from-full", ERROR, "5.3.1", f"{where}: removeFromCRL in a full CRL")
    if entry.reason is not None and entry.reason not in {int(reason) for reason in Reason}:
        yield Finding("rfc5280.reason-unknown", ERROR, "5.3.1", f"{where}: reason {entry.reason}")
    if entry.invalidity_date is not None and entry.invalidity_date > entry.at:
        yield Finding("crl.invalidity-after", WARNING, "5.3.2", f"{where}: invalid only after it was revoked")
    for extension in entry.extensions:
        if extension.oid not in _KNOWN_IN_ENTRIES:
            severity = ERROR if extension.critical else NOTICE
            yield Finding("rfc5280.entry-extension-unknown", severity, "5.3", f"{where}: {extension.oid}")
        elif extension.critical != (extension.oid == oids.CERTIFICATE_ISSUER):
            yield Finding("rfc5280.entry-extension-critical", ERROR, "5.3", f"{where}: {extension.oid}")


def _distribution_point(crl: Crl, _beside: Beside) -> Iterator[Finding]:
    found = crl.find(oids.ISSUING_DISTRIBUTION_POINT)
    if found is None:
        return
    parts = der.read_whole(found.value).expect(der.SEQUENCE, "an IssuingDistributionPoint").children()
    if not parts:
        yield Finding("rfc5280.idp-empty", ERROR, "5.2.5", "the issuing distribution point says nothing")
    only = [part.tag for part in parts if part.tag in (0x81, 0x82, 0x85) and part.value == b"\xff"]
    if len(only) > 1:
        yield Finding("rfc5280.idp-contradiction", ERROR, "5.2.5", "it is for several single kinds of certificate")


def _issuer(crl: Crl, beside: Beside) -> Iterator[Finding]:
    issuer = beside.issuer
    if issuer is None:
        return
    if not names.same(crl.issuer, issuer.subject):
        yield Finding("rfc5280.crl-issuer-name", ERROR, "6.3.3 (b)(1)", "the issuer has another name")
    held = issuer.key_identifier
    if crl.authority_key_identifier is not None and held is not None and crl.authority_key_identifier != held:
        yield Finding("rfc5280.crl-key-identifiers", ERROR, "5.2.1", "it points to another key of its issuer")
    algorithm = ALGORITHMS.get(der.read(crl.outer_algorithm).children()[0].oid())
    if algorithm is None:
        yield Finding("rfc5280.signature-unknown", WARNING, "5.1.1.2", "an algorithm that is not spoken here")
    elif not crl.is_signed_by(issuer):
        yield Finding("rfc5280.crl-signature", ERROR, "6.3.3 (g)", "the signature is not by the issuer's key")
    if not _may_sign_crls(issuer):
        yield Finding("rfc5280.crl-signer-usage", ERROR, "6.3.3 (f)", "the issuer's key may not sign CRLs")


def _may_sign_crls(issuer: Certificate) -> bool:
    try:
        return issuer.x509.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True
    except ValueError as error:
        raise Malformed("extensions of the issuer that can be read expected") from error


def _previous(crl: Crl, beside: Beside) -> Iterator[Finding]:
    previous = beside.previous
    if previous is None:
        return
    if previous.issuer != crl.issuer or previous.scope != crl.scope:
        yield Finding("rfc5280.crl-scope-changed", ERROR, "5.2.3", "the one before is of another issuer or scope")
        return
    if crl.number is not None and previous.number is not None and crl.der != previous.der:
        same_time = crl.this_update == previous.this_update and crl.is_delta != previous.is_delta
        if crl.number < previous.number or (crl.number == previous.number and not same_time):
            detail = f"{crl.number} after {previous.number}"
            yield Finding("rfc5280.crl-number-regress", ERROR, "5.2.3", detail)
    if crl.this_update < previous.this_update:
        yield Finding("crl.time-regress", ERROR, "5.1.2.4", "thisUpdate is before that of the one before")
    if crl.is_delta or previous.is_delta:
        return
    listed = {entry.serial: entry for entry in crl.entries()}
    for entry in previous.entries():
        later = listed.get(entry.serial)
        if entry.reason == Reason.CERTIFICATE_HOLD:
            continue
        if later is None:
            detail = f"serial {entry.serial:x} is no longer listed: right only if it had expired"
            yield Finding("crl.entry-gone", NOTICE, "5; 5.1.2.6", detail)
        elif later.at != entry.at:
            detail = f"serial {entry.serial:x} was revoked {entry.at}, now {later.at}"
            yield Finding("crl.revocation-moved", WARNING, "5.1.2.6", detail)
        elif later.reason == Reason.CERTIFICATE_HOLD:
            detail = f"serial {entry.serial:x} was revoked and is only on hold now"
            yield Finding("crl.revocation-undone", ERROR, "5.3.1", detail)


def _base(crl: Crl, beside: Beside) -> Iterator[Finding]:
    if not crl.is_delta:
        return
    if crl.number is not None and crl.base_number is not None and crl.number <= crl.base_number:
        detail = f"number {crl.number}, base {crl.base_number}"
        yield Finding("rfc5280.delta-number", ERROR, "5.2.4", detail)
    base = beside.base
    if base is None:
        return
    if base.is_delta:
        yield Finding("rfc5280.delta-base-delta", ERROR, "5.2.4", "its base is a delta itself")
    if base.issuer != crl.issuer or base.scope != crl.scope:
        yield Finding("rfc5280.delta-base-scope", ERROR, "5.2.4 (a), (b)", "its base is of another issuer or scope")
    if base.authority_key_identifier != crl.authority_key_identifier:
        yield Finding("rfc5280.delta-base-key", ERROR, "5.2.4 (c)", "its base is by another key")
    if base.number is not None and crl.base_number is not None and base.number < crl.base_number:
        detail = f"base {base.number}, at least {crl.base_number} needed"
        yield Finding("rfc5280.delta-base-number", ERROR, "5.2.4", detail)
    if crl.this_update < base.this_update:
        yield Finding("crl.time-regress", ERROR, "5.1.2.4", "it is older than its base")
    listed = {entry.serial: entry for entry in base.entries()}
    for entry in crl.entries():
        before = listed.get(entry.serial)
        if before is None or before.reason == Reason.CERTIFICATE_HOLD:
            continue
        if entry.reason in (Reason.REMOVE_FROM_CRL, Reason.CERTIFICATE_HOLD):
            detail = f"serial {entry.serial:x} was revoked for good in the base"
            yield Finding("crl.revocation-undone", ERROR, "5.3.1", detail)


def _certificate(crl: Crl, beside: Beside) -> Iterator[Finding]:
    certificate = beside.certificate
    if certificate is None or certificate.issuer != crl.issuer:
        return
    aki, held = crl.authority_key_identifier, certificate.authority_key_identifier
    if aki is not None and held is not None and aki != held:
        yield Finding("crl.other-issuer-key", ERROR, "6.3.3 (f)", "the certificate is by another key of this issuer")
    for entry in crl.entries():
        if entry.serial == certificate.serial and entry.reason != Reason.REMOVE_FROM_CRL:
            yield Finding("crl.certificate-listed", NOTICE, "6.3.3 (i)", f"the certificate is revoked since {entry.at}")


_CHECKS: tuple[Check, ...] = (
    _form,
    _extensions,
    _times,
    _entries,
    _distribution_point,
    _issuer,
    _previous,
    _base,
    _certificate,
)
