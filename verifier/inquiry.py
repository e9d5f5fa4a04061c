"""Whom to ask about a certificate, and the questions: OCSP requests, CRLs, issuers, by the addresses it carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from pki import der, oids
from pki.certid import CertId, certid_of
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from verifier.errors import FetchFailed, FetchRefused
from verifier.evidence import Evidence
from verifier.fetch import Fetcher
from verifier.ocsp import parse_ocsp
from verifier.person import certificate_extension

_ACCESS: Final = der.oid(oids.AUTHORITY_INFO_ACCESS)
_POINTS: Final = der.oid(oids.CRL_DISTRIBUTION_POINTS)
_MOST_ADDRESSES: Final = 4
NONCE_OCTETS: Final = 32
"""RFC 9654 2.1."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back, and what did not."""

    evidence: Evidence = field(default_factory=Evidence)
    nonce: bytes | None = None
    """Of the OCSP request that was answered."""
    failures: tuple[str, ...] = ()
    """Reasons for people, one for every source that did not answer; hosts, no addresses with queries."""


def encode_ocsp_request(certids: Iterable[CertId], nonce: bytes | None = None) -> bytes:
    """OCSPRequest { TBSRequest { requestList, [2] extensions { nonce } } } (RFC 6960 4.1.1, RFC 9654 2.1)."""
    requests = der.sequence(*(der.sequence(certid.der) for certid in certids))
    extensions = b""
    if nonce is not None:
        value = der.octet_string(der.octet_string(nonce))
        extensions = der.context(2, der.sequence(der.sequence(der.oid(oids.OCSP_NONCE), value)))
    return der.sequence(der.sequence(requests, extensions))


def access_urls(certificate: Certificate, method: str) -> list[str]:
    """Addresses of one access method in authorityInfoAccess (RFC 5280 4.2.2.1). Errors: Malformed."""
    value = certificate_extension(certificate, _ACCESS)
    if value is None:
        return []
    urls = []
    for description in der.read_whole(value).iterate():
        kind, location = description.children()
        if kind.oid() == method and location.tag == 0x86:
            urls.append(location.value.decode("ascii", "replace"))
    return urls[:_MOST_ADDRESSES]


def crl_urls(certificate: Certificate) -> list[str]:
    """http(s) addresses of the distribution points' full names (RFC 5280 4.2.1.13). Errors: Malformed."""
    value = certificate_extension(certificate, _POINTS)
    if value is None:
        return []
    urls = []
    for point in der.read_whole(value).iterate():
        for part in point.children():
            if part.tag != 0xA0:
                continue
            for name in part.children():
                if name.tag == 0xA0:
                    urls += [
                        general.value.decode("ascii", "replace") for general in name.iterate() if general.tag == 0x86
                    ]
    return [url for url in urls if url.startswith(("http://", "https://"))][:_MOST_ADDRESSES]


def ask_status(
    certificate: Certificate, issuer: Certificate, fetcher: Fetcher, random: Callable[[int], bytes] | None
) -> Answers:
    """Ask for the status of `certificate`: its OCSP responders, and if none answers, its CRLs.

    `random` gives the nonce; None sends none. What comes back is not believed, only collected.
    """
    failures: list[str] = []
    try:
        request_for = certid_of(certificate.serial, issuer)
        responders, lists = access_urls(certificate, oids.ACCESS_OCSP), crl_urls(certificate)
    except (Malformed, InvalidValue, ValueError):
        return Answers(failures=("the certificate's addresses cannot be read",))
    for url in responders:
        nonce = None if random is None else random(NONCE_OCTETS)
        try:
            answer = fetcher.post(url, encode_ocsp_request([request_for], nonce), "application/ocsp-request")
            unsaid = parse_ocsp(answer).failure
        except (FetchRefused, FetchFailed) as failed:
            failures.append(failed.reason)
            continue
        except Malformed:
            unsaid = "something that is no OCSP answer"
        if unsaid is None:
            return Answers(Evidence(ocsp=(answer,)), nonce, tuple(failures))
        failures.append(f"{urlsplit(url).hostname} said {unsaid}")
    for url in lists:
        try:
            return Answers(Evidence(crls=(fetcher.get(url),)), None, tuple(failures))
        except (FetchRefused, FetchFailed) as failed:
            failures.append(failed.reason)
    if not responders and not lists:
        failures.append("the certificate names no source for its status")
    return Answers(failures=tuple(failures))


def ask_issuer(certificate: Certificate, fetcher: Fetcher) -> Answers:
    """Fetch the issuer's certificate by caIssuers: one certificate in DER; bundles in CMS are not opened."""
    failures: list[str] = []
    try:
        urls = access_urls(certificate, oids.ACCESS_CA_ISSUERS)
    except (Malformed, ValueError):
        return Answers(failures=("the certificate's addresses cannot be read",))
    for url in urls:
        try:
            return Answers(Evidence(certificates=(fetcher.get(url),)), None, tuple(failures))
        except (FetchRefused, FetchFailed) as failed:
            failures.append(failed.reason)
    return Answers(failures=tuple(failures))
