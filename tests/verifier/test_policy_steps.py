"""Policies letter by letter (RFC 5280 6.1 as RFC 9618 5 rewrites it), and what an anchor's certificate adds (RFC 5937).

Each test names the letter and turns on it: with the step left out, the answer is another.
"""

from pki import der, oids
from tests.verifier.path_world import (
    AT,
    Ca,
    authority_key,
    ec_key,
    extension,
    key_usage,
    policies,
    policy_constraints,
    policy_mappings,
)
from verifier.anchors import anchor_of
from verifier.certificate import parse
from verifier.inputs import PathInputs
from verifier.path import ValidPath
from verifier.path_search import validate_path

ROOT, SUB, LOW = Ca("Root"), Ca("Sub"), Ca("Low")
RENEWED = Ca("Renewed", SUB.named)
ONE, TWO, THREE = (f"1.3.6.1.4.1.32473.1.{number}" for number in (1, 2, 3))
ANY = oids.ANY_POLICY


def inhibit_any(skip: int) -> bytes:
    return extension(oids.INHIBIT_ANY_POLICY, der.integer(skip), True)


def judged(*chain: bytes, anchor: tuple[bytes, ...] = (), **inputs: object) -> tuple[str, ...] | None:
    """The user-constrained policies of a path from the leaf upwards; None if it does not hold."""
    given = [anchor_of(ROOT.root(*anchor))]
    found = validate_path(parse(chain[0]), map(parse, chain[1:]), given, AT, PathInputs(**inputs))  # type: ignore[arg-type]
    return found.policies if isinstance(found, ValidPath) else None


class TestPrepare:
    """6.1.4."""

    def test_b1_a_policy_under_any_policy_is_mapped_too(self) -> None:
        sub = ROOT.ca(SUB, policies(ANY), policy_mappings((ONE, TWO)))
        assert judged(SUB.leaf(policies(TWO)), sub) == (ONE,)

    def test_b1_a_policy_that_is_not_asserted_is_mapped_to_nothing(self) -> None:
        sub = ROOT.ca(SUB, policies(THREE), policy_mappings((ONE, TWO)))
        assert judged(SUB.leaf(policies(TWO)), sub, require_explicit_policy=True) is None

    def test_b1_one_to_two_and_two_to_one(self) -> None:
        sub = ROOT.ca(SUB, policies(ONE, TWO), policy_mappings((ONE, TWO), (TWO, ONE)))
        assert judged(SUB.leaf(policies(TWO)), sub) == (ONE,)
        both = ROOT.ca(SUB, policies(ONE, TWO), policy_mappings((ONE, THREE), (TWO, THREE)))
        assert judged(SUB.leaf(policies(THREE)), both) == (ONE, TWO), "one node, two parents (RFC 9618)"

    def test_b2_a_mapping_that_is_inhibited_takes_the_policy_away(self) -> None:
        """6.1.4 (i)(2): inhibitPolicyMapping counts from the next certificate on."""
        low = SUB.ca(LOW, policies(ONE, THREE), policy_mappings((ONE, TWO)))
        leaf = LOW.leaf(policies(TWO, THREE))
        assert judged(leaf, low, ROOT.ca(SUB, policies(ANY))) == (ONE, THREE)
        assert judged(leaf, low, ROOT.ca(SUB, policies(ANY), policy_constraints(mapping=0))) == (THREE,)
        assert judged(leaf, low, ROOT.ca(SUB, policies(ANY), policy_constraints(mapping=1))) == (ONE, THREE)
        own = ROOT.ca(SUB, policies(ONE, THREE), policy_mappings((ONE, TWO)), policy_constraints(mapping=0))
        assert judged(SUB.leaf(policies(TWO)), own) == (ONE,), "its own mapping is before it"

    def test_h_only_what_is_not_self_issued_is_counted(self) -> None:
        asking = ROOT.ca(SUB, policies(ONE), policy_constraints(explicit=1))
        assert judged(LOW.leaf(), SUB.ca(LOW), asking) is None
        one_more = ROOT.ca(SUB, policies(ONE), policy_constraints(explicit=2))
        assert judged(RENEWED.leaf(), SUB.ca(RENEWED), one_more) == ()

    def test_i1_only_a_smaller_number_counts(self) -> None:
        low = SUB.ca(LOW, policies(TWO), policy_constraints(explicit=9))
        assert judged(LOW.leaf(policies(TWO)), low, ROOT.ca(SUB, policies(ONE), policy_constraints(explicit=0))) is None
        assert judged(LOW.leaf(policies(TWO)), low, ROOT.ca(SUB, policies(ONE))) == ()

    def test_j_any_policy_may_be_inhibited_from_a_certificate_on(self) -> None:
        low = SUB.ca(LOW, policies(ANY))
        for skip, found in ((0, None), (1, (ONE,))):
            sub = ROOT.ca(SUB, policies(ONE), inhibit_any(skip))
            assert judged(LOW.leaf(policies(ONE)), low, sub, require_explicit_policy=True) == found
        again = SUB.ca(LOW, policies(ANY), inhibit_any(9))
        sub = ROOT.ca(SUB, policies(ONE), inhibit_any(0))
        assert judged(LOW.leaf(policies(ONE)), again, sub, require_explicit_policy=True) is None


class TestDescend:
    """6.1.3."""

    def test_d1i_what_is_expected_goes_on_under_its_own_name(self) -> None:
        sub = ROOT.ca(SUB, policies(ONE), policy_mappings((ONE, TWO)))
        assert judged(SUB.leaf(policies(ONE)), sub, require_explicit_policy=True) is None, "TWO is expected, not ONE"

    def test_d1ii_any_policy_above_lets_every_policy_in(self) -> None:
        assert judged(SUB.leaf(policies(THREE)), ROOT.ca(SUB, policies(ONE, ANY))) == (THREE,)

    def test_d2_any_policy_of_a_self_issued_ca_counts_though_it_is_inhibited(self) -> None:
        sub = ROOT.ca(SUB, policies(ONE), inhibit_any(0))
        renewed = SUB.ca(RENEWED, policies(ANY))
        assert judged(RENEWED.leaf(policies(ONE)), renewed, sub, require_explicit_policy=True) == (ONE,)
        last = SUB.issue(SUB.named, ec_key("next"), key_usage(0), authority_key(SUB.key), policies(ANY))
        assert judged(last, sub, require_explicit_policy=True) is None, "but not of the last one"

    def test_d3_what_has_no_child_is_gone_for_good(self) -> None:
        low = SUB.ca(LOW, policies(TWO))
        assert judged(LOW.leaf(policies(ONE, TWO)), low, ROOT.ca(SUB, policies(ONE, TWO))) == (TWO,)

    def test_e_without_the_extension_nothing_is_left(self) -> None:
        chain = LOW.leaf(policies(ONE)), SUB.ca(LOW), ROOT.ca(SUB, policies(ONE))
        assert judged(*chain) == ()
        assert judged(*chain, require_explicit_policy=True) is None

    def test_f_a_ca_in_between_that_has_none_ends_the_path_where_one_is_required(self) -> None:
        asking = ROOT.ca(SUB, policies(ONE), policy_constraints(explicit=0))
        assert judged(LOW.leaf(policies(ONE)), SUB.ca(LOW), asking) is None


class TestWrapUp:
    """6.1.5."""

    def test_b_a_leaf_may_ask_for_a_policy_of_itself(self) -> None:
        sub = ROOT.ca(SUB, policies(ONE))
        assert judged(SUB.leaf(policies(TWO)), sub) == ()
        assert judged(SUB.leaf(policies(TWO), policy_constraints(explicit=0)), sub) is None
        assert judged(SUB.leaf(policies(TWO), policy_constraints(explicit=1)), sub) == (), "zero only"
        assert judged(SUB.leaf(policies(ONE), policy_constraints(explicit=0)), sub) == (ONE,)

    def test_g_the_callers_set_is_compared_where_no_mapping_has_been(self) -> None:
        """(g)(iii): the policies of the caller's own domain, not those that they were mapped to."""
        sub = ROOT.ca(SUB, policies(ONE), policy_mappings((ONE, TWO)))
        leaf = SUB.leaf(policies(TWO))
        assert judged(leaf, sub, initial_policies=frozenset({ONE})) == (ONE,)
        assert judged(leaf, sub, initial_policies=frozenset({TWO})) == ()
        assert judged(leaf, sub, initial_policies=frozenset({TWO}), require_explicit_policy=True) is None

    def test_g_any_policy_at_the_end_becomes_what_the_caller_asked_for(self) -> None:
        asked = frozenset({ONE, TWO})
        chain = SUB.leaf(policies(ANY)), ROOT.ca(SUB, policies(ONE, ANY))
        assert judged(*chain, initial_policies=asked) == (ONE, TWO)
        assert judged(SUB.leaf(policies(ANY)), ROOT.ca(SUB, policies(ONE)), initial_policies=asked) == (ONE,)


class TestAnchors:
    """RFC 5937 3.2: what the anchor's certificate says is said of every path below it."""

    def test_policies_that_have_nothing_in_common_with_the_callers(self) -> None:
        chain = SUB.leaf(policies(ONE, TWO)), ROOT.ca(SUB, policies(ONE, TWO))
        assert judged(*chain, anchor=(policies(ONE),), initial_policies=frozenset({ONE, TWO})) == (ONE,)
        asking = {"initial_policies": frozenset({TWO}), "require_explicit_policy": True}
        assert judged(*chain, anchor=(policies(ONE),), **asking) is None
        assert judged(*chain, anchor=(policies(ANY),), **asking) == (TWO,)

    def test_require_explicit_policy(self) -> None:
        chain = SUB.leaf(policies(TWO)), ROOT.ca(SUB, policies(ONE))
        assert judged(*chain) == ()
        assert judged(*chain, anchor=(policy_constraints(explicit=0),)) is None

    def test_inhibit_policy_mapping(self) -> None:
        chain = SUB.leaf(policies(TWO)), ROOT.ca(SUB, policies(ONE), policy_mappings((ONE, TWO)))
        assert judged(*chain) == (ONE,)
        assert judged(*chain, anchor=(policy_constraints(mapping=0),)) == ()

    def test_inhibit_any_policy(self) -> None:
        chain = SUB.leaf(policies(ONE)), ROOT.ca(SUB, policies(ANY))
        assert judged(*chain) == (ONE,)
        assert judged(*chain, anchor=(inhibit_any(0),)) == ()
