"""The steps of RFC 5280 6.1 with their letters, RFC 9618 for policies, RFC 5937 for the anchor.

    state = descend(anchor, issuers, …)      6.1.2, then 6.1.3 and 6.1.4 for every issuer, from the anchor downwards
    policies = wrap_up(state, leaf, …)       6.1.3 and 6.1.5 for the leaf

The state after the last issuer is the same for every leaf below it: `path_state.IssuerStates` keeps it.
"""

from typing import Final

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
from verifier.path_state import Check, PathCache, PathState
from verifier.policy_graph import PolicyGraph
from verifier.signature_cache import is_signed_by
from verifier.walk import dotted

_MOST_KEPT_OUTCOMES: Final = 64
_MOST_KEPT_POLICIES: Final = 16


class Refused(Exception):
    """A step that a certificate does not pass."""

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


def descend(
    anchor: TrustAnchor,
    issuers: tuple[ParsedCertificate, ...],
    is_own: bool,
    at: int,
    inputs: PathInputs,
    meter: Meter,
    cache: PathCache,
    checks: list[Check],
) -> PathState:
    """6.1.2 to 6.1.4, for `issuers` from the one above the leaf upwards; steps passed are added to `checks`.

    `is_own`: the leaf is the anchor's own certificate and nothing lies between. Errors: Refused, BudgetExhausted.
    """
    spent = meter.left["name_comparisons"]
    state = _begin(anchor, len(issuers) + 1, is_own, at, inputs, meter, checks)
    intermediates = 0
    strict = inputs.profile is Profile.STRICT
    for certificate in reversed(issuers):
        key = _basic(state, certificate, False, at, inputs, meter, cache, checks)
        # 6.1.3 (d), (e)
        state.graph.descend(certificate.policies, state.inhibit_any > 0 or certificate.self_issued)
        _require_policy(state.explicit_policy, state.graph.is_null, certificate)
        _check_purpose(certificate, inputs)
        # 6.1.4 (a), (b)
        if certificate.mappings:
            if any(ANY_POLICY in pair for pair in certificate.mappings):
                raise Refused("RFC 5280 6.1.4 (a)", certificate, "it maps anyPolicy")
            state.graph.map(certificate.mappings, state.policy_mapping > 0)
        # 6.1.4 (c) to (f)
        state.working_name, state.working_key = certificate.subject, certificate.spki
        state.issuer_identifier = certificate.key_identifier
        # 6.1.4 (g)
        if certificate.name_constraints is not None:
            _narrow(state.space, certificate)
        # 6.1.4 (h)
        if not certificate.self_issued:
            state.explicit_policy -= 1
            state.policy_mapping -= 1
            state.inhibit_any -= 1
        # 6.1.4 (i), (j)
        state.constrain(certificate)
        # 6.1.4 (k); a version 1 or 2 certificate is never a CA's here
        if certificate.version != 3 or not certificate.ca:
            raise Refused("RFC 5280 6.1.4 (k)", certificate, "it is no CA's: basicConstraints does not say cA")
        # 6.1.4 (l), (m)
        if not certificate.self_issued:
            if state.max_path_length <= 0:
                raise Refused("RFC 5280 6.1.4 (l)", certificate, "it makes the path longer than a CA above allows")
            state.max_path_length -= 1
            intermediates += 1
            if inputs.max_depth is not None and intermediates > inputs.max_depth:
                raise Refused("input max_depth", certificate, f"more than {inputs.max_depth} intermediates")
        if certificate.path_length is not None:
            state.max_path_length = min(state.max_path_length, certificate.path_length)
        # 6.1.4 (n)
        if certificate.key_usage is not None and not certificate.key_usage & KEY_CERT_SIGN:
            raise Refused("RFC 5280 6.1.4 (n)", certificate, "its keyUsage has no keyCertSign")
        # 6.1.4 (o)
        _check_critical(certificate, "RFC 5280 6.1.4 (o)")
        if certificate.has_empty_subject:
            raise Refused("RFC 5280 4.1.2.6", certificate, "a CA certificate with an empty subject")
        if strict:
            _refuse(profile.violation_of_intermediate(certificate), certificate)
        checks.append(Check("RFC 5280 6.1.4", certificate.fingerprint, True))
        state.limit(certificate.not_before, certificate.not_after)
        state.limit(state.since, min(key.until, algorithm_of(certificate.outer_algorithm).until))
    stated = anchor.certificate
    marks = *(issuer.fingerprint for issuer in issuers), anchor.name, anchor.spki, stated.fingerprint if stated else b""
    state.contexts = tuple(marks[index:] for index in range(len(issuers) + 1))
    state.upper = tuple(issuer.fingerprint.hex() for issuer in issuers)
    if stated is not None and not is_own and (not issuers or stated != issuers[-1]):
        state.upper += (stated.fingerprint.hex(),)
    state.checks = tuple(checks)
    state.comparisons = spent - meter.left["name_comparisons"]
    return state


def wrap_up(
    state: PathState,
    leaf: ParsedCertificate,
    at: int,
    inputs: PathInputs,
    meter: Meter,
    cache: PathCache,
    checks: list[Check],
) -> tuple[str, ...]:
    """6.1.3 and 6.1.5 for the leaf: the user-constrained policies. `state` stays. Errors: Refused, BudgetExhausted."""
    _basic(state, leaf, True, at, inputs, meter, cache, checks)
    # 6.1.3 (d), (e); 6.1.5 (g), which asks for nothing else of the leaf
    outcome = state.outcomes.get(leaf.policies)
    if outcome is None:
        graph = state.graph.copy()
        graph.descend(leaf.policies, state.inhibit_any > 0)
        constrained = graph.user_constrained(state.initial)
        outcome = graph.is_null, constrained, tuple(sorted(map(dotted, constrained)))
        if len(state.outcomes) < _MOST_KEPT_OUTCOMES and len(leaf.policies or ()) <= _MOST_KEPT_POLICIES:
            state.outcomes[leaf.policies] = outcome
    is_null, constrained, policies = outcome
    explicit_policy = state.explicit_policy
    _require_policy(explicit_policy, is_null, leaf)
    _check_purpose(leaf, inputs)
    # 6.1.5 (a), whether or not it is self-issued, (b)
    explicit_policy -= 1
    if leaf.require_explicit == 0:
        explicit_policy = 0
    # 6.1.5 (c) to (f)
    _check_critical(leaf, "RFC 5280 6.1.5 (f)")
    wanted = inputs.usage.key_usages
    if wanted and leaf.key_usage is not None and not wanted & leaf.key_usage:
        raise Refused("RFC 5280 4.2.1.3", leaf, f"its keyUsage does not allow {inputs.usage}")
    if inputs.profile is Profile.STRICT:
        _refuse(profile.violation_of_leaf(leaf, inputs.usage), leaf)
    # 6.1.5 (g)
    if explicit_policy <= 0 and not constrained:
        raise Refused("RFC 5280 6.1.5 (g)", leaf, "no policy that is asked for is valid, and one is required")
    checks.append(Check("RFC 5280 6.1.5", leaf.fingerprint, True))
    return policies


def _begin(
    anchor: TrustAnchor, n: int, is_own: bool, at: int, inputs: PathInputs, meter: Meter, checks: list[Check]
) -> PathState:
    """6.1.2 (a) to (k)."""
    state = PathState()
    state.graph = PolicyGraph(meter.budget.policy_nodes)
    state.space = NameSpace()
    state.explicit_policy = 0 if inputs.require_explicit_policy else n + 1
    state.inhibit_any = 0 if inputs.inhibit_any_policy else n + 1
    state.policy_mapping = 0 if inputs.inhibit_policy_mapping else n + 1
    state.max_path_length = n
    state.working_key, state.working_name = anchor.spki, anchor.name
    state.issuer_identifier = None
    state.initial = None if inputs.initial_policies is None else frozenset(map(key_of, inputs.initial_policies))
    state.outcomes = {}
    state.since, state.until = -(1 << 62), 1 << 62
    stated = anchor.certificate
    if stated is None:
        state.until = _key(anchor.spki, None, at, inputs).until
    elif not is_own:
        # RFC 5937 3.2: what the anchor's certificate says binds every path below it
        state.until = _check_anchor(stated, at, inputs).until
        state.limit(stated.not_before, stated.not_after)
        state.issuer_identifier = stated.key_identifier
        if stated.name_constraints is not None:
            _narrow(state.space, stated)
        if stated.path_length is not None:
            state.max_path_length = min(state.max_path_length, stated.path_length)
        state.constrain(stated)
        if stated.policies is not None and ANY_POLICY not in stated.policies:
            own = frozenset(stated.policies)
            state.initial = own if state.initial is None or ANY_POLICY in state.initial else state.initial & own
        checks.append(Check("RFC 5937 3.2", stated.fingerprint, True))
    return state


def _basic(
    state: PathState,
    certificate: ParsedCertificate,
    last: bool,
    at: int,
    inputs: PathInputs,
    meter: Meter,
    cache: PathCache,
    checks: list[Check],
) -> Key:
    """6.1.3 (a) to (c): the certificate's key."""
    # 6.1.3 (a)(1)
    if not _is_verified(certificate, state.working_key, at, meter, cache):
        raise Refused(
            "RFC 5280 6.1.3 (a)(1)", certificate, "its signature does not verify", SubIndication.SIG_CRYPTO_FAILURE
        )
    key = _key(certificate.spki, certificate, at, inputs)
    # 6.1.3 (a)(2)
    if not certificate.not_before <= at <= certificate.not_after:
        raise _out_of_bounds(certificate, at, last)
    # 6.1.3 (a)(3), revocation, is asked by the validator
    # 6.1.3 (a)(4); an empty issuer names nobody (4.1.2.4)
    if len(certificate.issuer) == 2 or not certificate.is_issued_by_name(state.working_name):
        raise Refused("RFC 5280 6.1.3 (a)(4)", certificate, "its issuer is not the subject above it")
    checks.append(Check("RFC 5280 6.1.3 (a)", certificate.fingerprint, True))
    if inputs.profile is Profile.STRICT:
        _refuse(profile.violation_of_any(certificate, key, inputs.usage), certificate)
        if not certificate.self_issued or certificate.spki != state.working_key:
            # 4.2.1.1: who certifies its own key need not name it
            _refuse(profile.violation_of_subordinate(certificate, state.issuer_identifier), certificate)
    # 6.1.3 (b), (c)
    if not state.space.is_open and (last or not certificate.self_issued):
        try:
            state.space.admit(certificate, meter)
        except NameRefused as refused:
            raise Refused("RFC 5280 6.1.3 (b), (c)", certificate, str(refused)) from None
        checks.append(Check("RFC 5280 6.1.3 (b), (c)", certificate.fingerprint, True))
    return key


def _require_policy(explicit_policy: int, is_null: bool, certificate: ParsedCertificate) -> None:
    """6.1.3 (f)."""
    if explicit_policy <= 0 and is_null:
        raise Refused("RFC 5280 6.1.3 (f)", certificate, "no policy is valid so far, and one is required")


def _is_verified(certificate: ParsedCertificate, spki: bytes, at: int, meter: Meter, cache: PathCache) -> bool:
    if certificate.inner_algorithm != certificate.outer_algorithm:
        raise Refused(
            "RFC 5280 4.1.1.2",
            certificate,
            "the signature algorithms inside and outside of what is signed differ",
            SubIndication.FORMAT_FAILURE,
        )
    try:
        algorithm = algorithm_of(certificate.outer_algorithm)
        if at > algorithm.until:
            raise UnacceptableAlgorithm(f"{algorithm.name} ended {Instant(algorithm.until).iso()}")
        return is_signed_by(certificate, spki, meter, cache.signatures)
    except (UnacceptableAlgorithm, UnacceptableKey) as refused:
        raise _weak("RFC 5280 6.1.3 (a)(1)", certificate, refused.reason) from None


def _weak(clause: str, certificate: ParsedCertificate | None, reason: str) -> Refused:
    return Refused(clause, certificate, reason, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, Indication.INDETERMINATE)


def _key(spki: bytes, certificate: ParsedCertificate | None, at: int, inputs: PathInputs) -> Key:
    try:
        key = load_key(spki)
        check_key(key, at, inputs.min_rsa_bits)
    except UnacceptableKey as refused:
        raise _weak("RFC 5280 6.1.4 (d)", certificate, refused.reason) from None
    return key


def _out_of_bounds(certificate: ParsedCertificate, at: int, last: bool) -> Refused:
    early = at < certificate.not_before
    reason = "it is not valid yet" if early else "it has expired"
    if last:
        sub_indication = SubIndication.NOT_YET_VALID if early else SubIndication.EXPIRED
    else:
        sub_indication = SubIndication.CHAIN_CONSTRAINTS_FAILURE
    return Refused("RFC 5280 6.1.3 (a)(2)", certificate, reason, sub_indication)


def _check_anchor(stated: ParsedCertificate, at: int, inputs: PathInputs) -> Key:
    """What a certificate must be to state an anchor that issues; its own signature is not believed and not checked."""
    if stated.inner_algorithm != stated.outer_algorithm:
        raise Refused("RFC 5280 4.1.1.2", stated, "its signature algorithms differ", SubIndication.FORMAT_FAILURE)
    if not stated.not_before <= at <= stated.not_after:
        raise _out_of_bounds(stated, at, last=False)
    key = _key(stated.spki, stated, at, inputs)
    if len(stated.subject) == 2:
        raise Refused("RFC 5280 4.1.2.6", stated, "a CA certificate with an empty subject")
    if stated.version == 3 and not stated.ca:
        raise Refused("RFC 5280 4.2.1.9", stated, "it is no CA's: basicConstraints does not say cA")
    if stated.key_usage is not None and not stated.key_usage & KEY_CERT_SIGN:
        raise Refused("RFC 5280 4.2.1.3", stated, "its keyUsage has no keyCertSign")
    _check_critical(stated, "RFC 5280 4.2")
    _check_purpose(stated, inputs)
    if inputs.profile is Profile.STRICT:
        _refuse(profile.violation_of_any(stated, key, inputs.usage), stated)
        _refuse(profile.violation_of_issuer(stated), stated)
        _refuse(profile.violation_of_anchor(stated, inputs.usage), stated)
    return key


def _check_critical(certificate: ParsedCertificate, clause: str) -> None:
    if certificate.unknown_critical:
        unknown = dotted(certificate.unknown_critical[0])
        raise Refused(clause, certificate, f"its critical extension {unknown} is not processed here")


def _check_purpose(certificate: ParsedCertificate, inputs: PathInputs) -> None:
    """extKeyUsage, where present, must allow the usage: 4.2.1.12, and for CAs as all software of the web has it."""
    if certificate.extended_usage is not None:
        wanted = inputs.usage.purposes
        if wanted and not wanted & certificate.extended_usage:
            raise Refused("RFC 5280 4.2.1.12", certificate, f"its extKeyUsage does not allow {inputs.usage}")


def _narrow(space: NameSpace, certificate: ParsedCertificate) -> None:
    assert certificate.name_constraints is not None
    try:
        space.narrow(certificate.name_constraints)
    except NameRefused as refused:
        raise Refused("RFC 5280 4.2.1.10", certificate, str(refused)) from None


def _refuse(violation: profile.Violation | None, certificate: ParsedCertificate) -> None:
    if violation is not None:
        raise Refused(violation[0], certificate, violation[1])
