"""Paths that must be found, and graphs that must not be walked to their end."""

from itertools import pairwise, permutations

import pytest

from pki import der, oids
from tests.verifier.path_world import (
    AT,
    DAY,
    Ca,
    basic_constraints,
    ec_key,
    entry,
    extension,
    key_usage,
    name,
    spki,
)
from verifier import name_preparation
from verifier.anchors import TrustAnchor, anchor_of
from verifier.budget import Budget
from verifier.certificate import parse
from verifier.engine_cache import EngineCache
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.path import PathFailure, ValidPath
from verifier.path_search import validate_path
from verifier.sources import RevocationMode, StatusRules
from verifier.validator import Validator

ROOT = Ca("Root")
UNKNOWN = extension("1.3.6.1.4.1.32473.666", b"\x05\x00", critical=True)


def wide_name(number: int, parts: int) -> bytes:
    return name(*(f"é{number}-{part}" for part in range(parts)))


def judge(
    leaf: bytes, *intermediates: bytes, anchors: tuple[TrustAnchor, ...] = (), budget: Budget | None = None
) -> ValidPath | PathFailure:
    return validate_path(parse(leaf), map(parse, intermediates), anchors or (ROOT.anchor(),), AT, None, budget)


def test_order_and_strangers_among_the_intermediates_do_not_matter() -> None:
    one, two, stranger = Ca("One"), Ca("Two"), Ca("Stranger")
    certificates = [ROOT.ca(one), one.ca(two), stranger.root(), ROOT.root()]
    for order in permutations(certificates):
        found = judge(two.leaf(), *order)
        assert isinstance(found, ValidPath)
        assert len(found.certificates) == 3


def test_generations_of_one_name_are_told_apart_by_key() -> None:
    generations = [Ca(f"Generation {number}", name("Same name")) for number in range(3)]
    anchors = tuple(generation.anchor() for generation in generations)
    for generation in generations:
        found = judge(generation.leaf(), anchors=anchors)
        assert isinstance(found, ValidPath)
        assert found.anchor.spki == spki(generation.key)


def test_generations_without_key_identifiers_too() -> None:
    generations = [Ca(f"Generation {number}", name("Same name")) for number in range(5)]
    anchors = tuple(TrustAnchor(one.named, spki(one.key)) for one in generations)
    leaf = generations[4].issue(name("leaf"), ec_key("leaf"))
    assert isinstance(judge(leaf, anchors=anchors), ValidPath)


def test_an_expired_or_constrained_way_does_not_hide_a_good_one() -> None:
    """The "chain of pain": an expired cross-certificate beside the root; a forbidden one beside a free one."""
    old_root, middle = Ca("Old root"), Ca("Middle")
    expired = old_root.ca(ROOT, start=AT + -99 * DAY, end=AT + -DAY)
    found = judge(middle.leaf(), ROOT.ca(middle), expired, anchors=(old_root.anchor(), ROOT.anchor()))
    assert isinstance(found, ValidPath)
    for order in permutations([ROOT.ca(middle, UNKNOWN), ROOT.ca(middle), old_root.ca(middle)]):
        assert isinstance(judge(middle.leaf(), *order), ValidPath)


def test_an_intermediate_can_be_the_anchor_while_its_root_lies_about() -> None:
    middle = Ca("Middle")
    found = judge(middle.leaf(), ROOT.root(), anchors=(anchor_of(ROOT.ca(middle)),))
    assert isinstance(found, ValidPath)


def test_cas_that_certify_each_other_around_the_anchor() -> None:
    """CVE-2024-0567: leaf ← A1 ← A, and A, B, C have all signed each other; A is trusted."""
    a, b, c, a1 = Ca("A"), Ca("B"), Ca("C"), Ca("A1")
    crossed = [one.ca(other) for one, other in permutations((a, b, c), 2)]
    found = judge(a1.leaf(), a.ca(a1), *crossed, anchors=(a.anchor(),))
    assert isinstance(found, ValidPath)


@pytest.mark.parametrize("named", [b"", name("Same name")])
def test_a_loop_that_leads_nowhere(named: bytes) -> None:
    one, two = Ca("One", named), Ca("Two", named)
    found = judge(one.leaf(), one.ca(two), two.ca(one))
    assert isinstance(found, PathFailure)
    assert found.sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND


def test_an_untrusted_root_is_no_anchor() -> None:
    stranger = Ca("Stranger")
    found = judge(stranger.leaf(), stranger.root())
    assert isinstance(found, PathFailure)
    assert found.indication is Indication.INDETERMINATE


def test_a_self_signed_leaf_is_no_anchor() -> None:
    own = Ca("leaf")
    assert isinstance(judge(own.issue(own.named, own.key, key_usage(0))), PathFailure)


class TestBounds:
    @pytest.mark.parametrize("named", [b"", name("Same name")])
    @pytest.mark.parametrize("count", [5, 12])
    @pytest.mark.parametrize("with_identifiers", [True, False])
    def test_a_mesh_ends_within_its_budget(self, named: bytes, count: int, with_identifiers: bool) -> None:
        cas = [Ca(f"M{number}", named) for number in range(count)]
        mesh = [
            one.ca(other)
            if with_identifiers
            else one.issue(other.named, other.key, basic_constraints(), key_usage(5, 6))
            for one, other in permutations(cas, 2)
        ]
        dead_end = ROOT.ca(cas[-1], UNKNOWN)
        for more in ([], [dead_end]):
            found = judge(cas[0].leaf(), *mesh, *more)
            assert isinstance(found, PathFailure)

    @pytest.mark.parametrize("same_name", [True, False])
    @pytest.mark.parametrize("same_key", [True, False])
    def test_a_hundred_cas_above_one_another(self, same_name: bool, same_key: bool) -> None:
        cas = [
            Ca(f"P{number}", name("Same name") if same_name else b"", ec_key("same" if same_key else f"P{number}"))
            for number in range(100)
        ]
        chain = [cas[0].root(), *(above.ca(below) for above, below in pairwise(cas))]
        found = judge(cas[-1].leaf(), *chain)
        assert isinstance(found, PathFailure)
        assert found.indication is Indication.INDETERMINATE

    @pytest.mark.parametrize(
        ("budget", "what"),
        [
            (Budget(steps=2), "steps"),
            (Budget(signatures=2), "signatures"),
            (Budget(paths=1), "paths"),
            (Budget(depth=2), "2 certificates"),
        ],
    )
    def test_each_bound_has_its_name(self, budget: Budget, what: str) -> None:
        one, two = Ca("One"), Ca("Two")
        # the first way is a dead end, so that a second one must be looked for
        chain = [ROOT.ca(one, UNKNOWN, start=AT + -DAY), ROOT.ca(one, start=AT + -2 * DAY), one.ca(two)]
        found = judge(two.leaf(), *chain, budget=budget)
        assert isinstance(found, PathFailure)
        assert found.indication is Indication.INDETERMINATE
        assert what in found.reason
        assert isinstance(judge(two.leaf(), *chain), ValidPath)

    def test_distribution_points_that_multiply(self) -> None:
        from tests.verifier.path_world import distribution_points, point, scope, uri

        many = [uri(f"http://crl.example/{number}") for number in range(600)]
        others = [uri(f"http://other.example/{number}") for number in range(600)]
        leaf = ROOT.leaf(distribution_points(point(many)))
        result = Validator([ROOT.anchor()]).validate(leaf, AT, Evidence((), (ROOT.crl(scope=scope(others)),)))
        assert result.indication is Indication.INDETERMINATE
        assert "name comparisons" in result.reason
        fewer = ROOT.leaf(distribution_points(point(many[:10])))
        assert Validator([ROOT.anchor()]).validate(fewer, AT, Evidence((), (ROOT.crl(scope=scope(many[9:])),))).passed

    def test_slow_signatures_count_for_more(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import dsa, ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        from verifier.keys import load_key

        assert load_key(spki(ec_key("a", ec.SECP384R1))).weight > load_key(spki(ec_key("a"))).weight
        # a generator that fits no real group does: the key is only weighed
        numbers = dsa.DSAPublicNumbers(4, dsa.DSAParameterNumbers((1 << 2047) + 1, (1 << 255) + 1, 2))
        encoded = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert load_key(encoded).weight >= 8

    def test_policies_that_multiply(self) -> None:
        """Every level maps every policy onto every other (CVE-2023-0464): a graph stays small, a tree would not."""
        arcs = [f"1.3.6.1.4.1.32473.7.{number}" for number in range(40)]
        from tests.verifier.path_world import policies, policy_constraints, policy_mappings

        mapped = (policies(*arcs), policy_mappings(*((one, other) for one in arcs for other in arcs)))
        cas = [Ca(f"L{number}") for number in range(10)]
        chain = [ROOT.ca(cas[0], *mapped, policy_constraints(explicit=0))]
        chain += [above.ca(below, *mapped) for above, below in pairwise(cas)]
        found = judge(cas[-1].leaf(policies(arcs[0])), *chain)
        assert isinstance(found, ValidPath)
        small = judge(cas[-1].leaf(policies(arcs[0])), *chain, budget=Budget(policy_nodes=100))
        assert isinstance(small, PathFailure)
        assert "policy nodes" in small.reason

    def test_more_certificates_or_octets_than_are_looked_at(self) -> None:
        validator = Validator([ROOT.anchor()], rules=StatusRules(RevocationMode.OFF), budget=Budget(certificates=1))
        leaf, junk = ROOT.leaf(), (b"\x30\x00", b"\x30\x01")
        result = validator.validate(leaf, AT, Evidence(junk))
        assert result.indication is Indication.INDETERMINATE
        big = Validator([ROOT.anchor()], rules=StatusRules(RevocationMode.OFF), budget=Budget(octets=3))
        assert big.validate(leaf, AT, Evidence((b"\x30\x00",) * 2)).indication is Indication.INDETERMINATE


class TestOctets:
    """What cannot be read is an answer, whatever it is."""

    @pytest.mark.parametrize(
        "octets",
        [
            b"",
            b"\x30",
            b"\x30\x80\x00\x00",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x80" * 50_000,
            b"\x24\x80" * 20_000,
            b"hello, world",
            bytes(1000),
            der.sequence(der.sequence(), der.sequence(), der.bit_string(b"x")),
        ],
    )
    def test_as_leaf(self, octets: bytes) -> None:
        result = Validator([ROOT.anchor()]).validate(octets, AT)
        assert (result.indication, result.sub_indication) == (Indication.FAILED, SubIndication.FORMAT_FAILURE)

    def test_every_prefix_and_every_changed_octet(self) -> None:
        validator = Validator([ROOT.anchor()], rules=StatusRules(RevocationMode.OFF), cache=EngineCache(8))
        leaf = ROOT.leaf()
        assert validator.validate(leaf, AT).passed
        for end in range(0, len(leaf), 7):
            assert not validator.validate(leaf[:end], AT).passed
        for place in range(len(leaf)):
            changed = bytearray(leaf)
            changed[place] ^= 0x41
            assert not validator.validate(bytes(changed), AT).passed
        assert not validator.validate(leaf + b"\x00", AT).passed

    def test_every_changed_octet_of_a_crl_and_of_an_answer(self) -> None:
        validator = Validator([ROOT.anchor()], cache=EngineCache(8))
        leaf, crl, answer = ROOT.leaf(serial=7), ROOT.crl(entry(8)), ROOT.answer(7)
        assert validator.validate(leaf, AT, Evidence((), (crl,))).passed
        assert validator.validate(leaf, AT, Evidence((), (), (answer,))).passed
        for place in range(len(crl)):
            changed = bytearray(crl)
            changed[place] ^= 0x41
            assert not validator.validate(leaf, AT, Evidence((), (bytes(changed),))).passed
        for place in range(len(answer)):
            changed = bytearray(answer)
            changed[place] ^= 0x41
            assert not validator.validate(leaf, AT, Evidence((), (), (bytes(changed),))).passed
        for whole in (crl, answer):
            for end in range(0, len(whole), 5):
                assert not validator.validate(leaf, AT, Evidence((), (whole[:end],), (whole[:end],))).passed

    def test_in_the_evidence_it_is_passed_over_and_told(self) -> None:
        middle = Ca("Middle")
        evidence = Evidence((b"junk", ROOT.ca(middle)), (b"junk", middle.crl(), ROOT.crl()), (b"junk",))
        result = Validator([ROOT.anchor()]).validate(middle.leaf(), AT, evidence)
        assert result.passed
        assert len(result.unreadable) == 3

    def test_the_same_extension_twice(self) -> None:
        twice = extension("1.3.6.1.4.1.32473.5", b"\x05\x00")
        result = Validator([ROOT.anchor()]).validate(ROOT.leaf(twice, twice), AT)
        assert result.sub_indication is SubIndication.FORMAT_FAILURE

    @pytest.mark.parametrize(
        ("oid", "value"),
        [
            (oids.SUBJECT_ALT_NAME, b"not DER"),
            (oids.SUBJECT_ALT_NAME, der.sequence()),
            (oids.EXTENDED_KEY_USAGE, der.sequence()),
            (oids.KEY_USAGE, der.named_bits()),
            (oids.AUTHORITY_INFO_ACCESS, der.sequence()),
            (oids.AUTHORITY_INFO_ACCESS, b"not DER"),
            (oids.CERTIFICATE_POLICIES, der.sequence()),
            (oids.POLICY_CONSTRAINTS, der.sequence()),
            (oids.BASIC_CONSTRAINTS, der.sequence(der.boolean(True), der.integer(-1))),
            (oids.CRL_DISTRIBUTION_POINTS, der.sequence()),
            (oids.OCSP_NO_CHECK, der.integer(1)),
        ],
    )
    def test_extensions_that_cannot_be_read(self, oid: str, value: bytes) -> None:
        leaf = ROOT.issue(name("leaf"), ec_key("leaf"), extension(oid, value))
        result = Validator([ROOT.anchor()]).validate(leaf, AT)
        assert result.sub_indication is SubIndication.FORMAT_FAILURE

    def test_extensions_need_version_3(self) -> None:
        result = Validator([ROOT.anchor()]).validate(ROOT.leaf(version=2), AT)
        assert result.sub_indication is SubIndication.FORMAT_FAILURE


def test_what_one_request_learnt_does_not_leak_into_another() -> None:
    """One cache, the same issuer's name with another key: the second must be judged by its own key."""
    cache = EngineCache()
    impostor = Ca("Impostor", ROOT.named)
    rules = StatusRules(RevocationMode.OFF)
    assert Validator([ROOT.anchor()], rules=rules, cache=cache).validate(ROOT.leaf(), AT).passed
    forged = impostor.leaf()
    assert Validator([impostor.anchor()], rules=rules, cache=cache).validate(forged, AT).passed
    assert not Validator([ROOT.anchor()], rules=rules, cache=cache).validate(forged, AT).passed

    def test_names_that_are_dear_to_prepare(self) -> None:
        """Not ASCII, in many parts, longer than most: each is prepared once, however often the mesh is walked."""
        cas = [Ca(f"W{number}", wide_name(number, 120)) for number in range(6)]
        mesh = [one.ca(other) for one, other in permutations(cas, 2)]
        validator = Validator([ROOT.anchor()])
        crls = tuple(one.crl() for one in cas)
        before = name_preparation._long.cache_info().misses
        result = validator.validate(cas[0].leaf(), AT, Evidence((*mesh, ROOT.ca(cas[-1])), crls))
        assert result.indication is Indication.INDETERMINATE
        assert name_preparation._long.cache_info().misses - before <= len(cas)

    def test_more_names_than_are_prepared(self) -> None:
        leaf = ROOT.leaf()
        rules = StatusRules(RevocationMode.OFF)
        others = tuple(ROOT.ca(Ca(f"W{number}", wide_name(number, 30))) for number in range(8))
        assert Validator([ROOT.anchor()], rules=rules).validate(leaf, AT, Evidence(others)).passed
        small = Validator([ROOT.anchor()], rules=rules, budget=Budget(names=2048))
        for evidence in (
            Evidence(others),
            Evidence((), tuple(Ca(f"W{number}", wide_name(number, 30)).crl() for number in range(8))),
        ):
            result = small.validate(leaf, AT, evidence)
            assert result.indication is Indication.INDETERMINATE
            assert "too many names" in result.reason
        # the same name again and again is one name
        assert small.validate(leaf, AT, Evidence(others[:1] * 8)).passed

    def test_a_name_that_is_too_long_to_be_one(self) -> None:
        result = Validator([ROOT.anchor()]).validate(Ca("Long", name("é" * 10_000)).leaf(), AT)
        assert (result.indication, result.sub_indication) == (Indication.FAILED, SubIndication.FORMAT_FAILURE)
        assert "16 kB" in result.reason

    def test_entries_of_a_crl_are_not_read_before_its_signature_holds(self) -> None:
        """Who offers CRLs of their own making would have us read a million entries of each."""
        critical = entry(7, AT + -DAY, None, UNKNOWN)
        forged = tuple(Ca("Stranger", ROOT.named).crl(critical, number=number) for number in range(3))
        cache = EngineCache()
        result = Validator([ROOT.anchor()], cache=cache).validate(ROOT.leaf(), AT, Evidence((), forged))
        assert result.indication is Indication.INDETERMINATE
        assert all(cache.crl(one)._entries is None for one in forged)
        genuine = ROOT.crl(critical)
        result = Validator([ROOT.anchor()], cache=cache).validate(ROOT.leaf(), AT, Evidence((), (*forged, genuine)))
        assert result.indication is Indication.INDETERMINATE
        assert "critical extension" in result.reason
        assert cache.crl(genuine)._entries is not None
