"""Signatures in PDF (ISO 32000, PAdES EN 319 142-1): the only file that knows pyHanko.

pyHanko reads the file's structure, says which revision a signature belongs to, and compares revisions. What the bytes
of the signature are, whether they hold, and who signed, is decided by our own readers; nothing of pyHanko's trust is
used. A page that was changed after signing is told even where the change is said to be harmless.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from typing import Any, Final

from pyhanko.pdf_utils.decode_limits import DecodeLimits
from pyhanko.pdf_utils.generic import IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.validation.status import SignatureCoverageLevel

from pki import der
from pki.errors import Malformed
from pki.instant import Instant
from verifier import cms
from verifier.cades import Document, examine
from verifier.candidate import Candidate, Stamped
from verifier.errors import FormatFailure
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName, Covered

_SUB_FILTERS: Final = ("/ETSI.CAdES.detached", "/adbe.pkcs7.detached")
_TIME_STAMP: Final = "/ETSI.RFC3161"
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def looks_like_pdf(octets: bytes) -> bool:
    """Whether `octets` begin as a PDF does; a header further in would be a second reader's view of the file."""
    return octets.startswith(b"%PDF-")


@dataclass(frozen=True, slots=True)
class _Signature:
    """One signature dictionary, its range judged octet by octet."""

    end: int
    """The signed range ends here; what follows was added later."""
    covered: bytes
    """The signed octets: everything before the gap and after it."""
    contents: bytes
    """The CMS in DER, without the zeros behind it."""
    is_time_stamp: bool
    embedded: Any
    """pyHanko's view, for the structure of revisions."""
    gap: tuple[int, int]


def read_pdf(file: bytes, document: Document | None, policy: Policy, evidence: Evidence) -> list[Candidate]:
    """Every signature in a PDF, each value checked. Document time-stamps count for the signatures before them.

    Never raises for what the octets say.
    """
    try:
        if document is not None:
            raise FormatFailure("a PDF carries its own document, and another one was handed in", "EN 319 102-1 5.2.2")
        signatures, stored = _opened(file, policy)
    except FormatFailure as bad:
        candidate = Candidate(SignatureFormat.PDF)
        candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        return [candidate]
    stamps = [(one.end, Stamped(one.contents, one.covered)) for one in signatures if one.is_time_stamp]
    candidates = []
    for one in signatures:
        if not one.is_time_stamp:
            later = tuple(stamp for end, stamp in _nested(stamps) if end > one.end)[: policy.limits.timestamps]
            candidates.append(_examine(file, one, later, policy, evidence + stored, stored))
    return candidates


def _nested(stamps: list[tuple[int, Stamped]]) -> list[tuple[int, Stamped]]:
    """Each document time-stamp with those that lie before it in the file, and which it therefore covers."""
    return [
        (end, replace(stamp, earlier=frozenset(other.token for before, other in stamps if before < end)))
        for end, stamp in stamps
    ]


def _opened(file: bytes, policy: Policy) -> tuple[list[_Signature], Evidence]:
    if not looks_like_pdf(file):
        raise FormatFailure("it does not begin as a PDF does", "ISO 32000-1 7.5.2")
    try:
        # the parser is another's, of thousands of lines: whatever it raises means that this file cannot be read
        reader = PdfFileReader(io.BytesIO(file), strict=True, decode_limits=DecodeLimits.for_untrusted_input())
        if reader.encrypted:
            raise FormatFailure("it is encrypted, so that nobody can say what is shown", "ISO 32000-1 7.6")
        embedded = list(reader.embedded_signatures)
        stored = _security_store(reader, policy)
        signatures = [_signature(file, one) for one in embedded[: policy.limits.signatures + 1]]
    except FormatFailure:
        raise
    except Exception as bad:
        raise FormatFailure("the file's structure cannot be read", "ISO 32000-1 7.5") from bad
    if len(signatures) > policy.limits.signatures:
        raise FormatFailure(f"more than {policy.limits.signatures} signatures", "limits")
    if not any(not one.is_time_stamp for one in signatures):
        raise FormatFailure("there is no signature in it", "ISO 32000-1 12.8")
    return signatures, stored


def _signature(file: bytes, embedded: Any) -> _Signature:
    dictionary = embedded.sig_object
    filter_name = str(dictionary.get("/SubFilter", ""))
    if filter_name not in (*_SUB_FILTERS, _TIME_STAMP):
        raise FormatFailure(f"a signature of the kind {filter_name or 'none'}, which is not read", "EN 319 142-1 4.2")
    numbers = [int(number) for number in embedded.byte_range]
    if len(numbers) != 4 or numbers[0] != 0 or min(numbers) < 0:
        raise FormatFailure("ByteRange is not two ranges from the beginning", "ISO 32000-1 12.8.1; EN 319 142-1 5.3")
    _, first, start, length = numbers
    end = start + length
    # the gap must be exactly the hexadecimal string of Contents: anything else in it would be unsigned
    if not first < start <= end <= len(file) or file[first : first + 1] != b"<" or file[start - 1 : start] != b">":
        raise FormatFailure("ByteRange leaves out more than the signature's value", "ISO 32000-1 12.8.1")
    digits = file[first + 1 : start - 1]
    if not _HEX.issuperset(digits) or len(digits) % 2:
        raise FormatFailure("the gap in ByteRange is not one hexadecimal string", "ISO 32000-1 12.8.1")
    padded = bytes.fromhex(digits.decode())
    if padded != bytes(embedded.pkcs7_content):
        raise FormatFailure("the signature's value lies elsewhere than ByteRange says", "ISO 32000-1 12.8.1")
    try:
        stop = der.read(padded).end
    except Malformed as bad:
        raise FormatFailure("the signature's value is not DER", "ISO 32000-1 12.8.3.3") from bad
    if padded[stop:].strip(b"\0"):
        raise FormatFailure("something stands behind the signature's value", "EN 319 142-1 5.3")
    covered = file[:first] + file[start:end]
    return _Signature(end, covered, padded[:stop], filter_name == _TIME_STAMP, embedded, (first, start))


def _security_store(reader: Any, policy: Policy) -> Evidence:
    """Certificates, CRLs and OCSP answers of the DSS (EN 319 142-1 5.4.2.2); nothing in it is signed or believed."""
    store = _resolved(reader.root.get("/DSS"))
    if store is None:
        return Evidence()
    rows = [_resolved(store.get(name, ())) for name in ("/Certs", "/CRLs", "/OCSPs")]
    if max(map(len, rows)) > policy.limits.certificates:
        raise FormatFailure("too many certificates or answers in the DSS", "limits")
    return Evidence(*(tuple(bytes(_resolved(stream).data) for stream in row) for row in rows))


def _resolved(value: Any) -> Any:
    """What a value stands for: nearly everything in a PDF may be written directly or by reference."""
    if not isinstance(value, IndirectObject):
        return value
    return value.get_object()  # type: ignore[no-untyped-call]


def _examine(
    file: bytes, one: _Signature, later: tuple[Stamped, ...], policy: Policy, evidence: Evidence, stored: Evidence
) -> Candidate:
    try:
        signed = cms.parse_signed_data(one.contents, policy.limits)
        if len(signed.signers) != 1 or signed.content is not None:
            raise FormatFailure("a PDF's signature has one signer and encloses nothing", "EN 319 142-1 6.3")
    except FormatFailure as bad:
        candidate = Candidate(SignatureFormat.PDF)
        candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        return candidate
    candidate = examine(signed, signed.signers[0], one.covered, policy, evidence)
    candidate.format = SignatureFormat.PDF
    if candidate.claimed_time is None:
        candidate.claimed_time = _claimed_time(one.embedded)
    candidate.evidence += stored
    candidate.long_term = candidate.long_term or bool(stored.ocsp or stored.crls)
    inside = frozenset(stamp.token for stamp in candidate.timestamps)
    candidate.archive_timestamps = tuple(replace(stamp, earlier=stamp.earlier | inside) for stamp in later)
    if candidate.holds:
        _coverage(file, one, candidate)
    return candidate


def _coverage(file: bytes, one: _Signature, candidate: Candidate) -> None:
    """Whether what a reader is shown today is what was signed (EN 319 142-1 4.1; ISO 32000-2 12.8.2.2)."""
    warnings: list[str] = []
    tolerated = False
    try:
        one.embedded.compute_integrity_info()
        coverage, difference = one.embedded.coverage, one.embedded.diff_result
        permitted = one.embedded.docmdp_level
    except Exception:  # see above: another's parser
        coverage, difference, permitted = None, None, None
        warnings.append("the revisions of the file cannot be compared")
    if coverage not in (SignatureCoverageLevel.ENTIRE_FILE, SignatureCoverageLevel.ENTIRE_REVISION):
        warnings.append("the signature does not cover one whole revision of the file")
    if one.end != len(file):
        added = len(file) - one.end
        level = difference.modification_level if isinstance(difference, DiffResult) else ModificationLevel.OTHER
        tolerated = level is ModificationLevel.LTA_UPDATES
        if not tolerated:
            allowed = permitted is not None and level.value <= permitted.value
            change = "forms were filled in" if level is ModificationLevel.FORM_FILLING else "content was changed"
            warnings.append(
                f"{added} octets were added after signing: {change}"
                + (", as the signer allowed" if allowed and level is ModificationLevel.FORM_FILLING else "")
            )
    first, start = one.gap
    what = f"octets 0–{first - 1} and {start}–{one.end - 1} of {len(file)}"
    whole = not warnings
    covered = Covered(what, whole, hashlib.sha256(one.covered).digest(), len(one.covered), tuple(warnings))
    candidate.covered = covered
    checks = candidate.findings
    checks.checks = [check for check in checks.checks if check.name is not CheckName.COVERAGE]
    if whole:
        later = "; only time-stamps and evidence were added since" if tolerated else ""
        checks.passed(CheckName.COVERAGE, f"the whole file as it is shown: {what}{later}")
    else:
        checks.failed(
            CheckName.COVERAGE,
            SubIndication.SIG_CONSTRAINTS_FAILURE,
            f"not all that is shown was signed ({what}): {'; '.join(warnings)}",
        )


def _claimed_time(embedded: Any) -> Instant | None:
    try:
        claimed = embedded.self_reported_timestamp
        return None if claimed is None or claimed.tzinfo is None else Instant.from_datetime(claimed)
    except Exception:  # see above
        return None
