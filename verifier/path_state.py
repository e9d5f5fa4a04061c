"""What path validation knows after some issuers, and what of it is kept for the next leaf below them."""

from typing import NamedTuple

from verifier.anchors import TrustAnchor
from verifier.certificate import ParsedCertificate
from verifier.inputs import PathInputs
from verifier.kept import make_room
from verifier.lasting import Lasting
from verifier.name_constraints import NameSpace
from verifier.policy_graph import PolicyGraph
from verifier.signature_cache import SignatureCache


class Check(NamedTuple):
    """One step that was taken: its clause, the certificate (SHA-256; None for the whole), and what was found."""

    clause: str
    certificate: bytes | None
    holds: bool
    detail: str = ""


class PathState:
    """The variables of 6.1.2 after some issuers, and when they hold. Not changed any more once it is kept."""

    __slots__ = (
        "checks",
        "comparisons",
        "contexts",
        "explicit_policy",
        "graph",
        "inhibit_any",
        "initial",
        "issuer_identifier",
        "max_path_length",
        "outcomes",
        "policy_mapping",
        "since",
        "space",
        "until",
        "upper",
        "working_key",
        "working_name",
    )

    graph: PolicyGraph
    space: NameSpace
    explicit_policy: int
    inhibit_any: int
    policy_mapping: int
    max_path_length: int
    working_key: bytes
    working_name: bytes
    issuer_identifier: bytes | None
    """subjectKeyIdentifier of the last issuer."""
    initial: frozenset[bytes] | None
    """user-initial-policy-set, narrowed by the anchor's."""
    checks: tuple[Check, ...]
    since: int
    until: int
    """From when to when (seconds, both included) every step so far is passed; nothing else hangs on the time."""
    comparisons: int
    """Comparisons of names that it took, for the next request's meter."""
    contexts: tuple[tuple[bytes, ...], ...]
    """For the leaf and each issuer what stands above: fingerprints, name and key of the anchor, and the fingerprint of
    its certificate, whose keyUsage counts for the CRLs that it signed."""
    upper: tuple[str, ...]
    """SHA-256 in hex of the issuers and of the certificate that states the anchor."""
    outcomes: dict[tuple[bytes, ...] | None, tuple[bool, frozenset[bytes], tuple[str, ...]]]
    """What became of a leaf's policies: whether the graph is NULL, the user-constrained set, the same for people."""

    def limit(self, since: int, until: int) -> None:
        """It holds within these times only."""
        self.since, self.until = max(self.since, since), min(self.until, until)

    def constrain(self, certificate: ParsedCertificate) -> None:
        """6.1.4 (i), (j); of an anchor RFC 5937 3.2."""
        if certificate.require_explicit is not None:
            self.explicit_policy = min(self.explicit_policy, certificate.require_explicit)
        if certificate.inhibit_mapping is not None:
            self.policy_mapping = min(self.policy_mapping, certificate.inhibit_mapping)
        if certificate.inhibit_any_policy is not None:
            self.inhibit_any = min(self.inhibit_any, certificate.inhibit_any_policy)


StateKey = tuple[TrustAnchor, tuple[bytes, ...], PathInputs, int, bool]


class IssuerStates:
    """States after whole chains of issuers, by everything they hang on: anchor, issuers' octets, inputs, and time.

    Only what holds is kept; a refusal is found again each time.
    """

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._kept: dict[StateKey, PathState] = {}

    def get(self, key: StateKey, at: int) -> PathState | None:
        """The state for exactly this question, if it holds at `at` too."""
        found = self._kept.get(key)
        return found if found is not None and found.since <= at <= found.until else None

    def put(self, key: StateKey, state: PathState) -> None:
        """Keep one state; the oldest goes when it is full."""
        make_room(self._kept, self._most)
        self._kept[key] = state


class PathCache:
    """What path validations may share between requests. Make one for all, or one for a single question."""

    __slots__ = ("issuers", "responders", "signatures")

    def __init__(self) -> None:
        self.signatures = SignatureCache()
        self.issuers = IssuerStates()
        self.responders: Lasting[None] = Lasting(512)
        """OCSP responders that may answer for an issuer, and whose status nobody needs to ask."""
