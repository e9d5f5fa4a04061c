"""Certificate policies as a graph (RFC 9618, which replaces the tree of RFC 5280 6.1).

The tree of RFC 5280 doubles at every level that an attacker maps two policies onto two; the graph keeps one node for
each policy of a level, with all its parents. Step letters are those of RFC 5280 6.1 as RFC 9618 5 rewrites them.
Policies are the content octets of their identifiers.
"""

from collections.abc import Iterable

from verifier.errors import BudgetExhausted
from verifier.extensions import ANY_POLICY


class _Node:
    __slots__ = ("expected", "parents")

    def __init__(self, expected: frozenset[bytes], parents: frozenset[bytes]) -> None:
        self.expected = expected
        self.parents = parents
        """Policies of nodes one level up."""


class PolicyGraph:
    """The valid_policy_graph. `is_null` once nothing is left of it."""

    __slots__ = ("_left", "_levels", "is_null")

    def __init__(self, max_nodes: int) -> None:
        # 6.1.2 (a): one node of depth 0, anyPolicy
        self._levels: list[dict[bytes, _Node]] = [{ANY_POLICY: _Node(frozenset((ANY_POLICY,)), frozenset())}]
        self._left = max_nodes
        self.is_null = False

    def copy(self) -> "PolicyGraph":
        """The same graph, for one leaf: a level that is added there is not added here. The nodes are shared."""
        made = PolicyGraph(self._left)
        made._levels, made.is_null = list(self._levels), self.is_null
        return made

    def _add(
        self, level: dict[bytes, _Node], policy: bytes, expected: frozenset[bytes], parents: frozenset[bytes]
    ) -> None:
        self._left -= 1
        if self._left < 0:
            raise BudgetExhausted("policy nodes")
        level[policy] = _Node(expected, parents)

    def descend(self, policies: Iterable[bytes] | None, may_be_any: bool) -> None:
        """6.1.3 (d) and (e): the next level, from a certificate's policies (None: it has no such extension).

        `may_be_any`: inhibit_anyPolicy is above 0, or the certificate is self-issued and not the last.
        Errors: BudgetExhausted.
        """
        if self.is_null:
            return
        if policies is None:  # (e)
            self.nullify()
            return
        above = self._levels[-1]
        expecting: dict[bytes, list[bytes]] = {}
        for policy, node in above.items():
            for expected in node.expected:
                expecting.setdefault(expected, []).append(policy)
        level: dict[bytes, _Node] = {}
        self._levels.append(level)
        has_any = False
        for policy in policies:  # (d)(1)
            if policy == ANY_POLICY:
                has_any = True
            elif policy in expecting:  # (i)
                self._add(level, policy, frozenset((policy,)), frozenset(expecting[policy]))
            elif ANY_POLICY in above:  # (ii)
                self._add(level, policy, frozenset((policy,)), frozenset((ANY_POLICY,)))
        if has_any and may_be_any:  # (d)(2)
            for expected, parents in expecting.items():
                if expected not in level:
                    self._add(level, expected, frozenset((expected,)), frozenset(parents))
        self._prune()  # (d)(3)

    def map(self, pairs: Iterable[tuple[bytes, bytes]], allowed: bool) -> None:
        """6.1.4 (b): policyMappings; `allowed`: policy_mapping is above 0. Errors: BudgetExhausted."""
        if self.is_null:
            return
        level, above = self._levels[-1], self._levels[-2]
        mapped: dict[bytes, set[bytes]] = {}
        for issuer_domain, subject_domain in pairs:
            mapped.setdefault(issuer_domain, set()).add(subject_domain)
        for policy, targets in mapped.items():
            if allowed:  # (1)
                if policy in level:
                    level[policy].expected = frozenset(targets)
                elif ANY_POLICY in level and ANY_POLICY in above:
                    self._add(level, policy, frozenset(targets), frozenset((ANY_POLICY,)))
            else:  # (2)
                level.pop(policy, None)
        self._prune()

    def _prune(self) -> None:
        """Nodes above the last level without children go, level by level upwards."""
        for depth in range(len(self._levels) - 1, 0, -1):
            used: set[bytes] = set()
            for node in self._levels[depth].values():
                used |= node.parents
            above = self._levels[depth - 1]
            if len(used) == len(above):
                return
            self._levels[depth - 1] = {policy: node for policy, node in above.items() if policy in used}
        if not self._levels[0]:
            self.nullify()

    def nullify(self) -> None:
        """Set the graph to NULL."""
        self.is_null = True
        self._levels = []

    def user_constrained(self, initial: frozenset[bytes] | None) -> frozenset[bytes]:
        """6.1.5 (g): the user_constrained_policy_set; `initial` None is the set {anyPolicy}."""
        if self.is_null:
            return frozenset()
        only_any = frozenset((ANY_POLICY,))
        authority = {
            policy
            for level in self._levels[1:]
            for policy, node in level.items()
            if policy != ANY_POLICY and node.parents == only_any
        }
        if ANY_POLICY in self._levels[-1]:
            authority.add(ANY_POLICY)
        if initial is None or ANY_POLICY in initial:
            return frozenset(authority)
        # (6): anyPolicy itself is no policy that somebody asked for
        return initial if ANY_POLICY in authority else frozenset(authority & initial)
