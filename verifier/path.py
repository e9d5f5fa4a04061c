"""Certification path validation: RFC 5280 6.1 over one path whose certificates are given; `path_search` finds them.

Revocation, 6.1.3 (a)(3), is not asked here: `validator` composes path and status. The steps are in `path_steps`.
"""

from dataclasses import dataclass

from pki.instant import Instant
from verifier.algorithms import algorithm_of
from verifier.anchors import TrustAnchor
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.indication import Indication, SubIndication
from verifier.inputs import PathInputs
from verifier.keys import load_key
from verifier.path_state import Check, PathCache
from verifier.path_steps import Refused, descend, wrap_up


@dataclass(frozen=True, slots=True)
class ValidPath:
    """A path that holds at `at`. Only `process` makes one."""

    anchor: TrustAnchor
    certificates: tuple[ParsedCertificate, ...]
    """From the leaf upwards; the anchor's own certificate is not among them."""
    at: Instant
    policies: tuple[str, ...]
    """The user_constrained_policy_set, sorted; 2.5.29.32.0 in it means any policy."""
    checks: tuple[Check, ...]
    contexts: tuple[tuple[bytes, ...], ...]
    """For each certificate what stands above it, down to the anchor's own certificate: the context of its status."""
    fingerprints: tuple[str, ...]
    """SHA-256 in hex from the leaf up to the anchor's certificate, if a certificate stated it."""

    @property
    def leaf(self) -> ParsedCertificate:
        """The certificate that was asked about."""
        return self.certificates[0]

    def span(self) -> tuple[int, int]:
        """From when to when (seconds, both included) this path holds: nothing else in it hangs on the time."""
        anchor = self.anchor
        stated = self.certificates if anchor.certificate is None else (*self.certificates, anchor.certificate)
        believed = (algorithm_of(certificate.outer_algorithm).until for certificate in self.certificates)
        keys = (load_key(spki).until for spki in (anchor.spki, *(one.spki for one in self.certificates)))
        ends = (certificate.not_after for certificate in stated)
        return max(certificate.not_before for certificate in stated), min(*believed, *keys, *ends)

    def issuer_of(self, index: int) -> tuple[bytes, bytes, ParsedCertificate | None]:
        """(name, spki, certificate) of whoever issued `certificates[index]`."""
        if index + 1 < len(self.certificates):
            issuer = self.certificates[index + 1]
            return issuer.subject, issuer.spki, issuer
        return self.anchor.name, self.anchor.spki, self.anchor.certificate


@dataclass(frozen=True, slots=True)
class PathFailure:
    """Why no path holds. FAILED: a rule is broken. INDETERMINATE: other certificates could change the answer."""

    indication: Indication
    sub_indication: SubIndication
    reason: str
    checks: tuple[Check, ...] = ()
    path: tuple[str, ...] = ()
    """SHA-256 in hex, leaf first, of the path that came furthest."""


def process(
    anchor: TrustAnchor,
    chain: tuple[ParsedCertificate, ...],
    at: Instant,
    inputs: PathInputs,
    meter: Meter,
    cache: PathCache,
) -> ValidPath | PathFailure:
    """RFC 5280 6.1 over one path; `chain` runs from the leaf upwards. Errors: BudgetExhausted.

    `cache` keeps what was decided above the leaf; it never decides about another anchor, time, or other inputs.
    """
    leaf, above, seconds = chain[0], chain[1:], at.seconds
    is_own = not above and leaf == anchor.certificate
    key = anchor, tuple([issuer.fingerprint for issuer in above]), inputs, meter.budget.policy_nodes, is_own
    checks: list[Check] = []
    try:
        state = cache.issuers.get(key, seconds)
        if state is None:
            state = descend(anchor, above, is_own, seconds, inputs, meter, cache, checks)
            cache.issuers.put(key, state)
        else:
            checks = list(state.checks)
            if state.comparisons:
                meter.spend("name_comparisons", state.comparisons)
        policies = wrap_up(state, leaf, seconds, inputs, meter, cache, checks)
    except Refused as refused:
        fingerprint = None if refused.certificate is None else refused.certificate.fingerprint
        checks.append(Check(refused.clause, fingerprint, False, refused.reason))
        where = _place(refused.certificate, anchor, chain)
        return PathFailure(
            refused.indication,
            refused.sub_indication,
            f"{where}: {refused.reason} ({refused.clause})",
            tuple(checks),
            tuple(certificate.fingerprint.hex() for certificate in chain),
        )
    fingerprints = leaf.fingerprint.hex(), *state.upper
    return ValidPath(anchor, chain, at, policies, tuple(checks), state.contexts, fingerprints)


def _place(certificate: ParsedCertificate | None, anchor: TrustAnchor, chain: tuple[ParsedCertificate, ...]) -> str:
    if certificate is None:
        return "path"
    if certificate is chain[0]:
        return "certificate"
    if certificate is anchor.certificate:
        return "trust anchor"
    return f"CA certificate {chain.index(certificate)} above it"
