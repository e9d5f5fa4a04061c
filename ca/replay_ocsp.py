"""What OCSP answers say otherwise than the journal said at their thisUpdate."""

from collections.abc import Iterator, Mapping

from ca.findings import Severity
from ca.lint_ocsp import judge_ocsp
from ca.ocsp import issuer_hashes
from ca.ocsp_reading import ReadSingle, parse_response, response_status
from ca.replay import Difference, Key, Replayed, status_word
from pki.algorithms import HASH_OIDS
from pki.certificate import Certificate
from pki.errors import Malformed

_HASH_NAMES = {dotted: name for name, dotted in HASH_OIDS.items()}


def compare_answer(
    told: Replayed, octets: bytes, issuers: Mapping[str, Certificate], where: str
) -> Iterator[Difference]:
    """What one OCSPResponse says otherwise than the journal said at its thisUpdate."""
    try:
        if response_status(octets) != 0:
            return
        response = parse_response(octets)
    except Malformed as error:
        yield Difference("ocsp.unreadable", where, error.what)
        return
    for single in response.singles:
        authority = _authority_of(single, issuers)
        if authority is None:
            yield Difference("ocsp.stranger", where, "it is about no authority of this deployment")
            continue
        findings = judge_ocsp(octets, issuer=issuers[authority], at=single.this_update)
        for finding in findings:
            if finding.severity >= Severity.WARNING:
                yield Difference("ocsp.rule", where, f"{finding.rule} [{finding.clause}] {finding.detail}")
        key = (authority, f"{single.cert_id.serial:040x}")
        if not _could_say(told, key, single):
            stood = " or ".join(status_word(one) for one in told.statuses_around(key, single.this_update))
            yield Difference("ocsp.status", where, f"{key[1]}: it says {single.status}, the journal {stood}")


def _authority_of(single: ReadSingle, issuers: Mapping[str, Certificate]) -> str | None:
    name = _HASH_NAMES.get(single.cert_id.hash_oid)
    for authority, certificate in issuers.items():
        if name and issuer_hashes(certificate)[name] == (single.cert_id.name_hash, single.cert_id.key_hash):
            return authority
    return None


def _could_say(told: Replayed, key: Key, single: ReadSingle) -> bool:
    stood = told.statuses_around(key, single.this_update)
    if single.status == "revoked":
        said = (single.revoked_at, single.reason or 0)
        return any(one is not None and (one.since, int(one.reason)) == said for one in stood)
    event = told.issued.get(key)
    if single.status == "good":
        return None in stood and event is not None and event.at <= single.this_update
    return None in stood and (event is None or event.at >= single.this_update)
