"""How much work one request may cause. Whoever chooses the certificates chooses the graph they form."""

from dataclasses import dataclass

from verifier.errors import BudgetExhausted


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds on one request. Passing one is an answer (INDETERMINATE), never a long wait.

    A signature costs 25 to 120 µs, so that the bounds together keep a pathological mesh under a tenth of a second.
    """

    paths: int = 64
    """Complete paths from leaf to anchor that are processed."""
    depth: int = 16
    """Certificates in one path, the leaf included, the anchor not."""
    signatures: int = 200
    """Signatures checked, over certificates, CRLs and OCSP answers together."""
    steps: int = 1000
    """Edges tried while building paths."""
    name_comparisons: int = 1 << 17
    """A name against a constrained subtree."""
    policy_nodes: int = 1000
    """Nodes of one policy graph."""
    evidence: int = 64
    """CRLs and OCSP answers that are looked into."""
    nesting: int = 3
    """Status of the issuer of the status of the issuer of …"""
    certificates: int = 2000
    """Certificates that are offered for paths; each is parsed once."""
    names: int = 128 << 10
    """Octets of the different names on what is offered: to prepare a name (RFC 5280 7.1) can cost more per octet than
    anything else that is read."""
    octets: int = 64 << 20
    """Everything that is offered, together."""


_COUNTED = {"evidence": "CRLs and OCSP answers"}
"""What is counted, where its bound's name is no plural."""


class Meter:
    """What is left of a budget. Errors: BudgetExhausted from `spend` names what ran out."""

    __slots__ = ("budget", "left")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.left = {
            "paths": budget.paths,
            "signatures": budget.signatures,
            "steps": budget.steps,
            "name_comparisons": budget.name_comparisons,
            "evidence": budget.evidence,
            "names": budget.names,
        }

    def spend(self, what: str, amount: int = 1) -> None:
        """Take `amount` from what is left. Errors: BudgetExhausted."""
        left = self.left[what] - amount
        self.left[what] = left
        if left < 0:
            raise BudgetExhausted(_COUNTED.get(what, what.replace("_", " ")))
