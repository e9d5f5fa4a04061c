"""The strict profile: what issuers must do, refused where they did not (RFC 5280 4; for TLS also BR 7.1).

One function per role. Each gives the first rule that is broken, as (clause, sentence), or None. BR are the
CA/Browser Forum's baseline requirements; `docs/divergences.md` says where the two disagree and which is followed.
"""

import ipaddress
import re
from typing import Final

from pki import names, oids
from pki.errors import Malformed
from verifier import extensions as ext
from verifier.algorithms import algorithm_of
from verifier.certificate import ParsedCertificate
from verifier.errors import UnacceptableAlgorithm
from verifier.host_names import is_host_name, is_mailbox
from verifier.inputs import Usage
from verifier.keys import Key, KeyKind

Violation = tuple[str, str]

_MUST_NOT_BE_CRITICAL: Final = (
    (ext.AKI, "4.2.1.1", "authorityKeyIdentifier"),
    (ext.SKI, "4.2.1.2", "subjectKeyIdentifier"),
    (ext.FRESHEST, "4.2.1.15", "freshestCRL"),
    (ext.AIA, "4.2.2.1", "authorityInfoAccess"),
    (ext.SIA, "4.2.2.2", "subjectInfoAccess"),
)
_MUST_BE_CRITICAL: Final = (
    (ext.NC, "4.2.1.10", "nameConstraints"),
    (ext.PC, "4.2.1.11", "policyConstraints"),
    (ext.IAP, "4.2.1.14", "inhibitAnyPolicy"),
)
_MAX_SERIAL: Final = 1 << 159
_ANY_PURPOSE: Final = ext.key_of(oids.ANY_EXTENDED_KEY_USAGE)
_HEX: Final = re.compile(r"0x[0-9a-f]+\Z")


def violation_of_any(certificate: ParsedCertificate, key: Key, usage: Usage) -> Violation | None:
    """Rules for every certificate of a path, the anchor's included."""
    if certificate.oddities:
        return "RFC 5280 4.1", certificate.oddities[0]
    if certificate.version != 3:
        return "RFC 5280 4.1.2.1", f"a certificate of version {certificate.version}"
    if not 0 < certificate.serial < _MAX_SERIAL:
        return "RFC 5280 4.1.2.2", "a serial number that is not positive or longer than 20 octets"
    for identifier, clause, name in _MUST_NOT_BE_CRITICAL:
        if identifier in certificate.critical:
            return f"RFC 5280 {clause}", f"{name} is critical, which it must not be"
    for identifier, clause, name in _MUST_BE_CRITICAL:
        if identifier in certificate.extensions and identifier not in certificate.critical:
            return f"RFC 5280 {clause}", f"{name} is not critical, which it must be"
    if _lacks_null(certificate):
        return "RFC 4055 5", "a PKCS#1 signature algorithm without its NULL"
    if key.kind is KeyKind.RSA and usage.is_tls and key.bits % 8:
        return "BR 6.1.5", "an RSA modulus whose length is no multiple of 8 bits"
    if usage.is_tls and key.kind is KeyKind.DSA:
        return "BR 6.1.5", "a DSA key"
    if usage.is_tls and key.kind is KeyKind.EC and not key.curve.startswith("secp"):
        return "BR 6.1.5", f"the curve {key.curve}"
    if (
        ext.KU in certificate.extensions
        and certificate.key_usage is not None
        and certificate.key_usage & ext.KEY_CERT_SIGN
    ):
        if not certificate.ca:
            return "RFC 5280 4.2.1.9", "keyCertSign without cA"
    elif certificate.path_length is not None and certificate.key_usage is not None:
        return "RFC 5280 4.2.1.9", "pathLenConstraint without keyCertSign"
    if certificate.path_length is not None and not certificate.ca:
        return "RFC 5280 4.2.1.9", "pathLenConstraint without cA"
    named = certificate.authority_key
    if named is not None and (named.issuer is None) is not (named.serial is None):
        return "RFC 5280 4.2.1.1", "authorityKeyIdentifier with an issuer or a serial number, and not both"
    return _violation_of_names(certificate)


def _lacks_null(certificate: ParsedCertificate) -> bool:
    try:
        return algorithm_of(certificate.outer_algorithm).lacks_null
    except UnacceptableAlgorithm:
        return False  # an anchor's own signature is not believed, so that its algorithm may be any


def _violation_of_names(certificate: ParsedCertificate) -> Violation | None:
    if ext.SAN in certificate.extensions and certificate.has_empty_subject and ext.SAN not in certificate.critical:
        return "RFC 5280 4.2.1.6", "an empty subject, and subjectAltName not critical"
    for kind, value in certificate.alternative_names:
        text = value.decode("latin-1")
        if kind == ext.DNS_NAME and not is_host_name(text.removeprefix("*.")):
            return "RFC 5280 4.2.1.6", "a dNSName that is not in the preferred name syntax"
        if kind == ext.DNS_NAME and _is_address(text):
            return "RFC 5280 4.2.1.6", "a dNSName that is an address"
        if kind == ext.IP_ADDRESS and len(value) not in (4, 16):
            return "RFC 5280 4.2.1.6", "an iPAddress of neither 4 nor 16 octets"
        if kind == ext.RFC822_NAME and not is_mailbox(text):
            return "RFC 5280 4.2.1.6", "an rfc822Name that is no mailbox"
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def violation_of_issuer(certificate: ParsedCertificate) -> Violation | None:
    """Rules for CA certificates that issued the next one in the path."""
    if not certificate.has_basic_constraints or ext.BC not in certificate.critical:
        return "RFC 5280 4.2.1.9", "a CA certificate without critical basicConstraints"
    if certificate.key_identifier is None:
        return "RFC 5280 4.2.1.2", "a CA certificate without subjectKeyIdentifier"
    if certificate.name_constraints == ((), ()):
        return "RFC 5280 4.2.1.10", "nameConstraints without a subtree"
    return None


def violation_of_intermediate(certificate: ParsedCertificate) -> Violation | None:
    """Rules for CA certificates below the anchor; an anchor's own certificate may be older than they are."""
    if certificate.key_usage is None:
        return "RFC 5280 4.2.1.3", "a CA certificate without keyUsage"
    return violation_of_issuer(certificate)


def violation_of_anchor(certificate: ParsedCertificate, usage: Usage) -> Violation | None:
    """Rules for the certificate that states the anchor."""
    if not certificate.self_issued and (
        certificate.authority_key is None or certificate.authority_key.key_identifier is None
    ):
        return "RFC 5280 4.2.1.1", "an anchor that another CA signed, without authorityKeyIdentifier"
    if usage.is_tls and certificate.self_issued:
        if certificate.authority_key is not None and (
            certificate.authority_key.key_identifier != certificate.key_identifier
            or certificate.authority_key.issuer is not None
            or certificate.authority_key.serial is not None
        ):
            return "BR 7.1.2.1.3", "a root whose authorityKeyIdentifier is not just its subjectKeyIdentifier"
        if certificate.extended_usage is not None:
            return "BR 7.1.2.1.2", "a root with extKeyUsage"
    return None


def violation_of_subordinate(certificate: ParsedCertificate, issuer_key_identifier: bytes | None) -> Violation | None:
    """Rules for every certificate below the anchor."""
    identifier = certificate.authority_key
    if identifier is None or identifier.key_identifier is None:
        return "RFC 5280 4.2.1.1", "no authorityKeyIdentifier with a keyIdentifier"
    if issuer_key_identifier is not None and identifier.key_identifier != issuer_key_identifier:
        return "RFC 5280 4.2.1.1", "authorityKeyIdentifier names another key than the issuer's subjectKeyIdentifier"
    if certificate.has_empty_subject and not certificate.alternative_names:
        return "RFC 5280 4.1.2.6", "neither subject nor subjectAltName"
    return None


def violation_of_leaf(certificate: ParsedCertificate, usage: Usage) -> Violation | None:
    """Rules for the last certificate of the path."""
    if certificate.name_constraints is not None and not certificate.ca:
        return "RFC 5280 4.2.1.10", "nameConstraints in a certificate that is no CA's"
    for identifier, clause, name in (
        (ext.PM, "4.2.1.5", "policyMappings"),
        (ext.PC, "4.2.1.11", "policyConstraints"),
        (ext.IAP, "4.2.1.14", "inhibitAnyPolicy"),
    ):
        if identifier in certificate.extensions and not certificate.ca:
            return f"RFC 5280 {clause}", f"{name} in a certificate that is no CA's"
    if usage is not Usage.ANY and (certificate.ca or (certificate.key_usage or 0) & ext.KEY_CERT_SIGN):
        return "BR 7.1.2.7.8", "a CA certificate used as an end entity's"
    return _violation_of_tls_leaf(certificate) if usage.is_tls else None


def _violation_of_tls_leaf(certificate: ParsedCertificate) -> Violation | None:
    purposes = certificate.extended_usage
    if purposes is not None and (ext.EKU in certificate.critical or _ANY_PURPOSE in purposes):
        return "BR 7.1.2.7.6", "extKeyUsage is critical or allows any purpose"
    if ext.SAN in certificate.critical and not certificate.has_empty_subject:
        return "BR 7.1.2.7.12", "subjectAltName is critical beside a subject"
    hosts = {value.decode("latin-1") for kind, value in certificate.alternative_names if kind == ext.DNS_NAME}
    addresses = {
        str(ipaddress.ip_address(value)) for kind, value in certificate.alternative_names if kind == ext.IP_ADDRESS
    }
    folded = {host.lower() for host in hosts}
    try:
        parsed = names.parse_name(certificate.subject)
    except Malformed:
        return "RFC 5280 4.1.2.6", "a subject that cannot be read"
    for text in (part.text or "" for rdn in parsed for part in rdn if part.type == oids.COMMON_NAME):
        is_foreign_host = not text.isascii() and "." in text and " " not in text
        is_other_case = text.lower() in folded and text not in hosts
        if is_foreign_host or is_other_case or (_is_like_address(text) and text not in addresses):
            return "BR 7.1.4.3", "a common name that writes an alternative name in another way"
    return None


def _is_like_address(text: str) -> bool:
    """Whether some software would take `text` for an address: an address, or numbers between periods, or in hex."""
    if _is_address(text):
        return True
    octets = text.lower().split(".")
    return len(octets) in (1, 4) and all(octet.isdecimal() or _HEX.match(octet) for octet in octets)
