"""Which CRL is about which certificate, and how fresh it is (RFC 5280 6.3.3 (a) to (e), without any signature)."""

from collections.abc import Iterable
from typing import Final

from pki import der
from verifier.certificate import ParsedCertificate
from verifier.crl import ParsedCrl
from verifier.extensions import ALL_REASONS, DIRECTORY_NAME, DistributionPoint, GeneralName, PointName
from verifier.name_preparation import same
from verifier.walk import SEQUENCE, only

UNLIMITED: Final = DistributionPoint(None, None, ())
"""The distribution point that stands for "any CRL of the certificate's issuer" (6.3.3, last paragraph)."""


def points_of(certificate: ParsedCertificate) -> tuple[DistributionPoint, ...]:
    """The certificate's distribution points, and last the unlimited one."""
    return (*certificate.distribution_points, UNLIMITED)


def comparisons(crl: ParsedCrl, point: DistributionPoint) -> int:
    """How many names `is_about` may compare; both lists are whatever somebody wrote."""
    ours = len(crl.scope.point.full) if crl.scope.point else 0
    theirs = len(point.name.full) if point.name else 0
    return 1 + len(point.crl_issuer) + ours * max(1, theirs)


def is_about(crl: ParsedCrl, certificate: ParsedCertificate, point: DistributionPoint) -> bool:
    """6.3.3 (b): the CRL's issuer and scope cover the certificate as this distribution point names them."""
    if point.crl_issuer:  # (b)(1)
        if not crl.scope.indirect or not _is_one_of(crl.issuer, point.crl_issuer):
            return False
    elif not same(crl.issuer, certificate.issuer):
        return False
    scope = crl.scope
    # (b)(2)(ii) to (iv)
    if scope.only_attribute or (scope.only_user and certificate.ca) or (scope.only_ca and not certificate.ca):
        return False
    if scope.point is None:
        return True
    # (b)(2)(i): a name in common
    if point.name is not None:
        wanted = full_names(point.name, _first(point.crl_issuer) or certificate.issuer)
    else:
        wanted = point.crl_issuer or (GeneralName(DIRECTORY_NAME, certificate.issuer),)
    return _share(full_names(scope.point, crl.issuer), wanted)


def reasons_of(crl: ParsedCrl, point: DistributionPoint) -> int:
    """6.3.3 (d): the interim_reasons_mask."""
    mask = ALL_REASONS
    if crl.scope.reasons is not None:
        mask &= crl.scope.reasons
    if point.reasons is not None:
        mask &= point.reasons
    return mask


def is_fresh(crl: ParsedCrl, at: int, skew: int) -> bool:
    """Whether `at` lies from thisUpdate to nextUpdate (5.1.2.4, 5.1.2.5). One without nextUpdate is never fresh."""
    return crl.next_update is not None and crl.this_update - skew <= at <= crl.next_update + skew


def is_delta_of(delta: ParsedCrl, complete: ParsedCrl) -> bool:
    """6.3.3 (c), and 5.2.4: same issuer, scope and key; a base not newer than the complete, itself newer."""
    return (
        delta.base_number is not None
        and delta.number is not None
        and complete.number is not None
        and same(delta.issuer, complete.issuer)
        and delta.scope.encoded == complete.scope.encoded
        and (delta.authority_key or (None,))[0] == (complete.authority_key or (None,))[0]
        and delta.base_number <= complete.number < delta.number
    )


def full_names(name: PointName, issuer: bytes) -> tuple[GeneralName, ...]:
    """The names of a distribution point; one relative to its issuer is that Name with the RDN behind it."""
    if name.relative is None:
        return name.full
    whole = _rdns(issuer) + der.tlv(0x31, name.relative)
    return (GeneralName(DIRECTORY_NAME, der.tlv(0x30, whole)),)


def _rdns(name: bytes) -> bytes:
    start, stop = only(name, SEQUENCE, "a Name")
    return name[start:stop]


def _first(found: tuple[GeneralName, ...]) -> bytes | None:
    return next((name.value for name in found if name.kind == DIRECTORY_NAME), None)


def _is_one_of(name: bytes, found: Iterable[GeneralName]) -> bool:
    return any(other.kind == DIRECTORY_NAME and same(name, other.value) for other in found)


def _share(some: Iterable[GeneralName], others: tuple[GeneralName, ...]) -> bool:
    for one in some:
        for other in others:
            if one == other:
                return True
            if one.kind == other.kind == DIRECTORY_NAME and same(one.value, other.value):
                return True
    return False
