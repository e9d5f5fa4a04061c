"""Certification path validation: RFC 5280 6.1 with its step letters, RFC 9618 for policies, RFC 5937 for the anchor.

`process` judges one path whose certificates are given; `path_search` finds them. Revocation, 6.1.3 (a)(3), is not asked
here: `validator` composes path and status.
"""

from dataclasses import dataclass
from typing import NamedTuple

from pki.instant import Instant
from verifier import profile
from verifier.algorithms import algorithm_of
from verifier.anchors import TrustAnchor
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.extensions import ANY_POLICY, KEY_CERT_SIGN, key_of
from verifier.indication import Indication, SubIndication
from verifier.inputs import PathInputs, Profile
from verifier.keys import Key, check_key, load_key
from verifier.name_constraints import NameRefused, NameSpace
from verifier.path_building import SignatureCache, is_signed_by
from verifier.policy_graph import PolicyGraph
from verifier.walk import dotted


class Check(NamedTuple):
    """One step that was taken: its clause, the certificate (SHA-256; None for the whole), and what was found."""

    clause: str
    certificate: bytes | None
    holds: bool
    detail: str = ""


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

    @property
    def leaf(self) -> ParsedCertificate:
        """The certificate that was asked about."""
        return self.certificates[0]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """SHA-256 in hex from the leaf up to the anchor's certificate, if a certificate stated it."""
        whole = [certificate.fingerprint.hex() for certificate in self.certificates]
        if self.anchor.certificate is not None and self.anchor.certificate != self.certificates[-1]:
            whole.append(self.anchor.certificate.fingerprint.hex())
        return tuple(whole)

    def above(self, index: int) -> tuple[bytes, ...]:
        """What stands above `certificates[index]`, up to name and key of the anchor: the context of its status."""
        return (*(one.fingerprint for one in self.certificates[index + 1 :]), self.anchor.name, self.anchor.spki)

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


class _Refused(Exception):
    def __init__(
        self,
        clause: str,
        certificate: ParsedCertificate | None,
        reason: str,
        sub_indication: SubIndication = SubIndication.CHAIN_CONSTRAINTS_FAILURE,
        indication: Indication = Indication.FAILED,
    ) -> None:
        super().__init__(clause)
        self.clause = clause
        self.certificate = certificate
        self.reason = reason
        self.sub_indication = sub_indication
        self.indication = indication


def process(
    anchor: TrustAnchor,
    chain: tuple[ParsedCertificate, ...],
    at: Instant,
    inputs: PathInputs,
    meter: Meter,
    cache: SignatureCache,
) -> ValidPath | PathFailure:
    """RFC 5280 6.1 over one path; `chain` runs from the leaf upwards. Errors: BudgetExhausted."""
    checks: list[Check] = []
    try:
        policies = _process(anchor, chain, at.seconds, inputs, meter, cache, checks)
    except _Refused as refused:
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
    return ValidPath(anchor, chain, at, policies, tuple(checks))


def _place(certificate: ParsedCertificate | None, anchor: TrustAnchor, chain: tuple[ParsedCertificate, ...]) -> str:
    if certificate is None:
        return "path"
    if certificate is chain[0]:
        return "certificate"
    if certificate is anchor.certificate:
        return "trust anchor"
    return f"CA certificate {chain.index(certificate)} above it"


def _process(
    anchor: TrustAnchor,
    chain: tuple[ParsedCertificate, ...],
    at: int,
    inputs: PathInputs,
    meter: Meter,
    cache: SignatureCache,
    checks: list[Check],
) -> tuple[str, ...]:
    n = len(chain)
    strict = inputs.profile is Profile.STRICT
    # 6.1.2 (a) to (k)
    graph = PolicyGraph(meter.budget.policy_nodes)
    space = NameSpace()
    explicit_policy = 0 if inputs.require_explicit_policy else n + 1
    inhibit_any = 0 if inputs.inhibit_any_policy else n + 1
    policy_mapping = 0 if inputs.inhibit_policy_mapping else n + 1
    max_path_length = n
    working_key, working_name = anchor.spki, anchor.name
    issuer_identifier: bytes | None = None
    initial = None if inputs.initial_policies is None else frozenset(map(key_of, inputs.initial_policies))
    stated = anchor.certificate
    if stated is not None and stated != chain[0]:
        # RFC 5937 3.2: what the anchor's certificate says binds every path below it
        _check_anchor(stated, at, inputs)
        issuer_identifier = stated.key_identifier
        if stated.name_constraints is not None:
            _narrow(space, stated)
        if stated.path_length is not None:
            max_path_length = min(max_path_length, stated.path_length)
        if stated.require_explicit is not None:
            explicit_policy = min(explicit_policy, stated.require_explicit)
        if stated.inhibit_mapping is not None:
            policy_mapping = min(policy_mapping, stated.inhibit_mapping)
        if stated.inhibit_any_policy is not None:
            inhibit_any = min(inhibit_any, stated.inhibit_any_policy)
        if stated.policies is not None and ANY_POLICY not in stated.policies:
            own = frozenset(stated.policies)
            initial = own if initial is None or ANY_POLICY in initial else initial & own
        checks.append(Check("RFC 5937 3.2", stated.fingerprint, True))
    elif stated is None:
        _key(anchor.spki, None, at, inputs)
    intermediates = 0
    for i, certificate in enumerate(reversed(chain), 1):
        last = i == n
        mark = certificate.fingerprint
        # 6.1.3 (a)(1)
        if not _is_verified(certificate, working_key, at, meter, cache):
            raise _Refused(
                "RFC 5280 6.1.3 (a)(1)", certificate, "its signature does not verify", SubIndication.SIG_CRYPTO_FAILURE
            )
        key = _key(certificate.spki, certificate, at, inputs)
        # 6.1.3 (a)(2)
        if not certificate.not_before <= at <= certificate.not_after:
            raise _out_of_bounds(certificate, at, last)
        # 6.1.3 (a)(3), revocation, is asked by the validator
        # 6.1.3 (a)(4); an empty issuer names nobody (4.1.2.4)
        if len(certificate.issuer) == 2 or not certificate.is_issued_by_name(working_name):
            raise _Refused("RFC 5280 6.1.3 (a)(4)", certificate, "its issuer is not the subject above it")
        checks.append(Check("RFC 5280 6.1.3 (a)", mark, True))
        if strict:
            _refuse(profile.violation_of_any(certificate, key, inputs.usage), certificate)
            _refuse(profile.violation_of_subordinate(certificate, issuer_identifier), certificate)
        # 6.1.3 (b), (c)
        if not space.is_open and (last or not certificate.self_issued):
            try:
                space.admit(certificate, meter)
            except NameRefused as refused:
                raise _Refused("RFC 5280 6.1.3 (b), (c)", certificate, str(refused)) from None
            checks.append(Check("RFC 5280 6.1.3 (b), (c)", mark, True))
        # 6.1.3 (d), (e)
        graph.descend(certificate.policies, inhibit_any > 0 or (not last and certificate.self_issued))
        # 6.1.3 (f)
        if explicit_policy <= 0 and graph.is_null:
            raise _Refused("RFC 5280 6.1.3 (f)", certificate, "no policy is valid so far, and one is required")
        _check_purpose(certificate, inputs)
        if last:
            break
        # 6.1.4 (a), (b)
        if certificate.mappings:
            if any(ANY_POLICY in pair for pair in certificate.mappings):
                raise _Refused("RFC 5280 6.1.4 (a)", certificate, "it maps anyPolicy")
            graph.map(certificate.mappings, policy_mapping > 0)
        # 6.1.4 (c) to (f)
        working_name, working_key = certificate.subject, certificate.spki
        issuer_identifier = certificate.key_identifier
        # 6.1.4 (g)
        if certificate.name_constraints is not None:
            _narrow(space, certificate)
        # 6.1.4 (h)
        if not certificate.self_issued:
            explicit_policy, policy_mapping, inhibit_any = explicit_policy - 1, policy_mapping - 1, inhibit_any - 1
        # 6.1.4 (i), (j)
        if certificate.require_explicit is not None:
            explicit_policy = min(explicit_policy, certificate.require_explicit)
        if certificate.inhibit_mapping is not None:
            policy_mapping = min(policy_mapping, certificate.inhibit_mapping)
        if certificate.inhibit_any_policy is not None:
            inhibit_any = min(inhibit_any, certificate.inhibit_any_policy)
        # 6.1.4 (k); a version 1 or 2 certificate is never a CA's here
        if certificate.version != 3 or not certificate.ca:
            raise _Refused("RFC 5280 6.1.4 (k)", certificate, "it is no CA's: basicConstraints does not say cA")
        # 6.1.4 (l), (m)
        if not certificate.self_issued:
            if max_path_length <= 0:
                raise _Refused("RFC 5280 6.1.4 (l)", certificate, "it makes the path longer than a CA above allows")
            max_path_length -= 1
            intermediates += 1
            if inputs.max_depth is not None and intermediates > inputs.max_depth:
                raise _Refused("input max_depth", certificate, f"more than {inputs.max_depth} intermediates")
        if certificate.path_length is not None:
            max_path_length = min(max_path_length, certificate.path_length)
        # 6.1.4 (n)
        if certificate.key_usage is not None and not certificate.key_usage & KEY_CERT_SIGN:
            raise _Refused("RFC 5280 6.1.4 (n)", certificate, "its keyUsage has no keyCertSign")
        # 6.1.4 (o)
        _check_critical(certificate, "RFC 5280 6.1.4 (o)")
        if certificate.has_empty_subject:
            raise _Refused("RFC 5280 4.1.2.6", certificate, "a CA certificate with an empty subject")
        if strict:
            _refuse(profile.violation_of_issuer(certificate), certificate)
        checks.append(Check("RFC 5280 6.1.4", mark, True))
    leaf = chain[0]
    # 6.1.5 (a), (b)
    if not leaf.self_issued:
        explicit_policy -= 1
    if leaf.require_explicit == 0:
        explicit_policy = 0
    # 6.1.5 (c) to (f)
    _check_critical(leaf, "RFC 5280 6.1.5 (f)")
    _check_key_usage(leaf, inputs)
    if strict:
        _refuse(profile.violation_of_leaf(leaf, inputs.usage), leaf)
    # 6.1.5 (g)
    constrained = graph.user_constrained(initial)
    if explicit_policy <= 0 and not constrained:
        raise _Refused("RFC 5280 6.1.5 (g)", leaf, "no policy that is asked for is valid, and one is required")
    checks.append(Check("RFC 5280 6.1.5", leaf.fingerprint, True))
    return tuple(sorted(map(dotted, constrained)))


def _is_verified(certificate: ParsedCertificate, spki: bytes, at: int, meter: Meter, cache: SignatureCache) -> bool:
    if certificate.inner_algorithm != certificate.outer_algorithm:
        raise _Refused(
            "RFC 5280 4.1.1.2",
            certificate,
            "the signature algorithms inside and outside of what is signed differ",
            SubIndication.FORMAT_FAILURE,
        )
    try:
        algorithm = algorithm_of(certificate.outer_algorithm)
        if at > algorithm.until:
            raise UnacceptableAlgorithm(f"{algorithm.name} ended {Instant(algorithm.until).iso()}")
        return is_signed_by(certificate, spki, meter, cache)
    except (UnacceptableAlgorithm, UnacceptableKey) as refused:
        raise _weak("RFC 5280 6.1.3 (a)(1)", certificate, refused.reason) from None


def _weak(clause: str, certificate: ParsedCertificate | None, reason: str) -> _Refused:
    return _Refused(clause, certificate, reason, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, Indication.INDETERMINATE)


def _key(spki: bytes, certificate: ParsedCertificate | None, at: int, inputs: PathInputs) -> Key:
    try:
        key = load_key(spki)
        check_key(key, at, inputs.min_rsa_bits)
    except UnacceptableKey as refused:
        raise _weak("RFC 5280 6.1.4 (d)", certificate, refused.reason) from None
    return key


def _out_of_bounds(certificate: ParsedCertificate, at: int, last: bool) -> _Refused:
    early = at < certificate.not_before
    reason = "it is not valid yet" if early else "it has expired"
    if last:
        sub_indication = SubIndication.NOT_YET_VALID if early else SubIndication.EXPIRED
    else:
        sub_indication = SubIndication.CHAIN_CONSTRAINTS_FAILURE
    return _Refused("RFC 5280 6.1.3 (a)(2)", certificate, reason, sub_indication)


def _check_anchor(stated: ParsedCertificate, at: int, inputs: PathInputs) -> None:
    """What a certificate must be to state an anchor that issues; its own signature is not believed and not checked."""
    if stated.inner_algorithm != stated.outer_algorithm:
        raise _Refused("RFC 5280 4.1.1.2", stated, "its signature algorithms differ", SubIndication.FORMAT_FAILURE)
    if not stated.not_before <= at <= stated.not_after:
        raise _out_of_bounds(stated, at, last=False)
    key = _key(stated.spki, stated, at, inputs)
    if len(stated.subject) == 2:
        raise _Refused("RFC 5280 4.1.2.6", stated, "a CA certificate with an empty subject")
    if stated.version == 3 and not stated.ca:
        raise _Refused("RFC 5280 4.2.1.9", stated, "it is no CA's: basicConstraints does not say cA")
    if stated.key_usage is not None and not stated.key_usage & KEY_CERT_SIGN:
        raise _Refused("RFC 5280 4.2.1.3", stated, "its keyUsage has no keyCertSign")
    _check_critical(stated, "RFC 5280 4.2")
    _check_purpose(stated, inputs)
    if inputs.profile is Profile.STRICT:
        _refuse(profile.violation_of_any(stated, key, inputs.usage), stated)
        _refuse(profile.violation_of_issuer(stated), stated)
        _refuse(profile.violation_of_anchor(stated, inputs.usage), stated)


def _check_critical(certificate: ParsedCertificate, clause: str) -> None:
    if certificate.unknown_critical:
        unknown = dotted(certificate.unknown_critical[0])
        raise _Refused(clause, certificate, f"its critical extension {unknown} is not processed here")


def _check_purpose(certificate: ParsedCertificate, inputs: PathInputs) -> None:
    """extKeyUsage, where present, must allow the usage: 4.2.1.12, and for CAs as all software of the web has it."""
    wanted = inputs.usage.purposes
    if wanted and certificate.extended_usage is not None and not wanted & certificate.extended_usage:
        raise _Refused("RFC 5280 4.2.1.12", certificate, f"its extKeyUsage does not allow {inputs.usage}")


def _check_key_usage(leaf: ParsedCertificate, inputs: PathInputs) -> None:
    wanted = inputs.usage.key_usages
    if wanted and leaf.key_usage is not None and not wanted & leaf.key_usage:
        raise _Refused("RFC 5280 4.2.1.3", leaf, f"its keyUsage does not allow {inputs.usage}")


def _narrow(space: NameSpace, certificate: ParsedCertificate) -> None:
    assert certificate.name_constraints is not None
    try:
        space.narrow(certificate.name_constraints)
    except NameRefused as refused:
        raise _Refused("RFC 5280 4.2.1.10", certificate, str(refused)) from None


def _refuse(violation: profile.Violation | None, certificate: ParsedCertificate) -> None:
    if violation is not None:
        raise _Refused(violation[0], certificate, violation[1])
