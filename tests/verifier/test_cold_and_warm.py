"""What is kept between requests changes no verdict: cold and warm give the same, over random questions and PKITS."""

import random as chance
import sys
import threading
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki import oids
from pki.errors import Malformed
from pki.instant import Instant
from tests.vectors import pkits
from tests.verifier.filing_world import rsa_key
from tests.verifier.path_world import (
    AT,
    DAY,
    UNKNOWN,
    Ca,
    alternative_names,
    authority_key,
    basic_constraints,
    directory,
    ec_key,
    email,
    entry,
    extended_usage,
    extension,
    key_usage,
    name,
    name_constraints,
    policies,
    policy_constraints,
    revoked,
    spki,
    subject_key,
)
from verifier.anchors import TrustAnchor, anchor_of
from verifier.crl import parse_crl
from verifier.engine_cache import EngineCache
from verifier.evidence import Evidence
from verifier.inputs import PathInputs, Profile, Usage
from verifier.kept import make_room
from verifier.sources import RevocationMode, StatusRules
from verifier.validator import Result, Validator

ONE, TWO = f"{oids.DOCUMENTATION_ARC}.1.1", f"{oids.DOCUMENTATION_ARC}.1.2"
ROOT, OTHER, MIDDLE, RESPONDER = Ca("Root"), Ca("Root", key=ec_key("another root")), Ca("Middle"), Ca("Responder")
NO_CHECK = extension(oids.OCSP_NO_CHECK, b"\x05\x00")
EMAIL = alternative_names(email("person@example.com"))

ANCHORS: list[TrustAnchor] = [
    ROOT.anchor(),
    # the same name and key, and may sign no CRL
    anchor_of(ROOT.issue(ROOT.named, ROOT.key, basic_constraints(), key_usage(5), subject_key(ROOT.key))),
    anchor_of(ROOT.root(policies(TWO))),
    anchor_of(ROOT.root(name_constraints(excluded=[email("example.com")]))),
    anchor_of(ROOT.root(start=AT + -9 * DAY, end=AT + -DAY)),
    TrustAnchor(ROOT.named, spki(ROOT.key)),
    OTHER.anchor(),
]
ISSUERS = [
    ROOT.ca(MIDDLE, policies(ONE)),
    ROOT.ca(MIDDLE, policies(ONE, TWO), name_constraints(permitted=[email("example.com")])),
    ROOT.ca(MIDDLE, policies(TWO), policy_constraints(0)),
    ROOT.ca(MIDDLE, end=AT + DAY),
    ROOT.ca(MIDDLE, extended_usage(oids.CLIENT_AUTH)),
    OTHER.ca(MIDDLE, policies(ONE)),
    ROOT.ca(MIDDLE, UNKNOWN),
    b"\x30\x03\x02\x01\x05",
]
LEAVES = [
    MIDDLE.leaf(policies(ONE), EMAIL, serial=11),
    MIDDLE.leaf(policies(TWO), alternative_names(email("person@example.org")), serial=12),
    MIDDLE.leaf(EMAIL, serial=13, end=AT + 2 * DAY),
    ROOT.leaf(policies(ONE), EMAIL, serial=14),
]
CRLS = [
    ROOT.crl(),
    ROOT.crl(entry(14), then=AT + 30 * DAY),
    ROOT.crl(this=AT + -9 * DAY, then=AT + -2 * DAY),
    MIDDLE.crl(entry(12), entry(99)),
    MIDDLE.crl(entry(11, AT + DAY), this=AT + DAY, then=AT + 9 * DAY),
    OTHER.crl(),
    b"\x30\x00",
]
DELEGATE = MIDDLE.issue(
    RESPONDER.named, RESPONDER.key, key_usage(0), extended_usage(oids.OCSP_SIGNING), NO_CHECK,
    authority_key(MIDDLE.key), end=AT + 2 * DAY,
)  # fmt: skip
ANSWERS = [
    MIDDLE.answer(11, responder=RESPONDER, certificates=[DELEGATE]),
    MIDDLE.answer(11, revoked(AT + -DAY), responder=RESPONDER, certificates=[DELEGATE], then=AT + 9 * DAY),
    MIDDLE.answer(13, this=AT, then=AT + 9 * DAY),
]
TIMES = [AT + timedelta(seconds=seconds) for seconds in (-10 * 86400, -86400, 0, 1, 3601, 86400, 86401, 3 * 86400)]

QUESTIONS = st.fixed_dictionaries(
    {
        "anchors": st.lists(st.sampled_from(ANCHORS), min_size=1, max_size=3),
        "leaf": st.sampled_from(LEAVES),
        "evidence": st.builds(
            Evidence,
            st.lists(st.sampled_from(ISSUERS), max_size=4, unique=True).map(tuple),
            st.lists(st.sampled_from(CRLS), max_size=4, unique=True).map(tuple),
            st.lists(st.sampled_from(ANSWERS), max_size=2, unique=True).map(tuple),
        ),
        "at": st.sampled_from(TIMES),
        "later": st.sampled_from([timedelta(0), timedelta(0), timedelta(days=2)]),
        "inputs": st.builds(
            PathInputs,
            st.sampled_from([None, frozenset({ONE}), frozenset({TWO}), frozenset({ONE, TWO})]),
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.sampled_from([Usage.ANY, Usage.SIGNATURE, Usage.TLS_CLIENT]),
            st.sampled_from([None, 0, 1]),
            st.just(2048),
            st.sampled_from(Profile),
        ),
        "rules": st.builds(
            StatusRules,
            st.sampled_from(RevocationMode),
            st.sampled_from([timedelta(0), timedelta(hours=1)]),
            st.sampled_from([None, timedelta(hours=2)]),
        ),
    }
)


def judge(question: dict[str, object], cache: EngineCache) -> Result:
    inputs, rules, at = question["inputs"], question["rules"], question["at"]
    later, anchors, evidence = question["later"], question["anchors"], question["evidence"]
    assert isinstance(inputs, PathInputs) and isinstance(rules, StatusRules) and isinstance(at, Instant)
    assert isinstance(later, timedelta) and isinstance(anchors, list) and isinstance(evidence, Evidence)
    leaf = question["leaf"]
    assert isinstance(leaf, bytes)
    validator = Validator(anchors, inputs, rules, cache=cache)
    return validator.validate(leaf, at, evidence, known_at=at + later)


class TestRandomQuestions:
    SHARED = EngineCache()
    """One cache for all of them: other anchors, times, policies, constraints and rules came before."""

    @given(question=QUESTIONS)
    @settings(max_examples=700, deadline=None)
    def test_what_came_before_changes_nothing(self, question: dict[str, object]) -> None:
        assert judge(question, self.SHARED) == judge(question, EngineCache())

    def test_the_questions_have_every_kind_of_answer(self) -> None:
        """Otherwise the property would hold for nothing."""
        cache, source = EngineCache(), chance.Random(5)
        indications = set()
        for leaf in LEAVES:
            for at in TIMES:
                for _ in range(6):
                    evidence = Evidence(tuple(ISSUERS[:2]), tuple(source.sample(CRLS, 4)), tuple(ANSWERS[:1]))
                    result = Validator(ANCHORS[:1], cache=cache).validate(leaf, at, evidence)
                    indications.add((result.indication, result.sub_indication))
        assert len(indications) >= 4


@pytest.mark.parametrize("seed", [1, 2])
def test_pkits_in_any_order_out_of_one_cache(seed: int) -> None:
    """Every case three times: cold; with what all others left behind; and once more, when all is known."""
    order = list(pkits.cases())
    chance.Random(seed).shuffle(order)
    shared = EngineCache()

    def told(cases: list[pkits.PkitsCase], cache: EngineCache | None) -> dict[str, Result]:
        found = {}
        for case in cases:
            first, *middle, last = case.certificates
            evidence = Evidence(tuple(map(pkits.certificate, middle)), tuple(map(pkits.crl, case.crls)))
            validator = Validator([anchor_of(pkits.certificate(first))], case.inputs, cache=cache or EngineCache())
            found[case.id] = validator.validate(pkits.certificate(last), pkits.AT, evidence)
        return found

    cold = told(order, None)
    assert told(order, shared) == cold
    assert told(order[::-1], shared) == cold


class TestWhatIsKept:
    def test_issuers_that_were_good_are_judged_anew_when_time_has_passed(self) -> None:
        issuer = ROOT.ca(MIDDLE, end=AT + DAY)
        validator = Validator(ANCHORS[:1], rules=StatusRules(RevocationMode.OFF))
        for at, passes in ((AT, True), (AT + DAY, True), (AT + (DAY + timedelta(seconds=1)), False), (AT, True)):
            assert validator.validate(LEAVES[0], at, Evidence((issuer,))).passed is passes

    def test_an_issuers_state_is_not_lent_to_another_anchor_of_its_name_and_key(self) -> None:
        cache = EngineCache()
        off = StatusRules(RevocationMode.OFF)
        evidence = Evidence((ISSUERS[0],))
        free, bound = ANCHORS[0], ANCHORS[3]
        assert Validator([free], rules=off, cache=cache).validate(LEAVES[0], AT, evidence).passed
        assert not Validator([bound], rules=off, cache=cache).validate(LEAVES[0], AT, evidence).passed
        assert Validator([free], rules=off, cache=cache).validate(LEAVES[0], AT, evidence).passed

    def test_a_crl_accepted_under_one_anchor_is_not_under_its_twin_that_may_sign_none(self) -> None:
        leaf, evidence = LEAVES[3], Evidence((), (CRLS[0],))
        may, may_not = ANCHORS[0], ANCHORS[1]
        for first, second in ((may, may_not), (may_not, may)):
            cache = EngineCache()
            results = [
                Validator([anchor], cache=cache).validate(leaf, AT, evidence).passed for anchor in (first, second)
            ]
            assert results == [first is may, second is may]
        # also when one request offers both: whichever comes first, the one that may is found
        for anchors in ([may, may_not], [may_not, may]):
            assert Validator(anchors).validate(leaf, AT, evidence).passed

    def test_a_responder_is_judged_anew_when_its_certificate_has_ended(self) -> None:
        answer = MIDDLE.answer(11, responder=RESPONDER, certificates=[DELEGATE], then=AT + 30 * DAY)
        evidence = Evidence((ISSUERS[0],), (ROOT.crl(then=AT + 30 * DAY),), (answer,))
        validator = Validator(ANCHORS[:1])
        end = AT + 2 * DAY
        for at, passes in ((AT, True), (end, True), (end + timedelta(seconds=1), False), (AT, True)):
            result = validator.validate(LEAVES[0], at, evidence)
            assert result.passed is passes, result.reason

    def test_shorter_keys_that_one_caller_allows_are_not_allowed_to_the_next(self) -> None:
        short = Ca("Short", key=rsa_key("root"))
        anchor, leaf, evidence = short.anchor(), short.leaf(), Evidence((), (short.crl(),))
        cache = EngineCache()
        for bits, passes in ((2048, True), (3072, False), (2048, True)):
            result = Validator([anchor], PathInputs(min_rsa_bits=bits), cache=cache).validate(leaf, AT, evidence)
            assert result.passed is passes

    def test_a_responder_that_one_issuers_constraints_allow_is_judged_anew_under_others(self) -> None:
        free, bound = ISSUERS[0], ROOT.ca(MIDDLE, name_constraints(excluded=[directory(RESPONDER.named)]))
        for order in ((free, bound), (bound, free)):
            cache = EngineCache()
            for issuer in order:
                evidence = Evidence((issuer,), (CRLS[0],), (ANSWERS[0],))
                result = Validator(ANCHORS[:1], cache=cache).validate(LEAVES[0], AT, evidence)
                assert result.passed is (issuer is free), result.reason

    @pytest.mark.parametrize(
        ("crl", "lenient", "careful"),
        [
            (
                ROOT.crl(this=AT + timedelta(minutes=30)),
                (PathInputs(), StatusRules(skew=timedelta(hours=1))),
                (PathInputs(), StatusRules()),
            ),
            (
                ROOT.crl(number=None),
                (PathInputs(), StatusRules()),
                (PathInputs(profile=Profile.STRICT), StatusRules()),
            ),
        ],
    )
    def test_a_crl_that_one_caller_accepts_is_not_accepted_for_the_next(
        self, crl: bytes, lenient: tuple[PathInputs, StatusRules], careful: tuple[PathInputs, StatusRules]
    ) -> None:
        for leaf, certificates in ((LEAVES[3], ()), (LEAVES[0], (ISSUERS[0],))):
            for order in ((lenient, careful), (careful, lenient)):
                cache = EngineCache()
                for inputs, rules in order:
                    evidence = Evidence(certificates, (crl, CRLS[3]))
                    result = Validator(ANCHORS[:1], inputs, rules, cache=cache).validate(leaf, AT, evidence)
                    assert result.passed is (rules is lenient[1]), result.reason

    def test_threads_that_make_room_at_once(self) -> None:
        # the dictionary's first key, looked up while another thread adds one: RuntimeError without a second look
        kept: dict[tuple[int, int], None] = {}
        wrong: list[Exception] = []

        def fill(number: int) -> None:
            try:
                for step in range(30_000):
                    make_room(kept, 2)
                    kept[number, step] = None
            except Exception as error:
                wrong.append(error)

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        assert not wrong
        assert len(kept) <= 2 + 4

    def test_threads_that_fill_a_small_cache_at_once(self) -> None:
        """Everything is dropped all the time while others look; verdicts stay, and nothing breaks."""
        cache = EngineCache(most=2)
        cache.paths.signatures._most = cache.paths.issuers._most = 2
        wrong: list[object] = []

        def ask(seed: int) -> None:
            source = chance.Random(seed)
            try:
                for _ in range(150):
                    leaf, issuer = source.choice(LEAVES[:3]), source.choice(ISSUERS[:3])
                    evidence = Evidence((issuer,), (CRLS[0], CRLS[3]), ())
                    result = Validator(ANCHORS[:1], cache=cache).validate(leaf, AT, evidence)
                    if result != Validator(ANCHORS[:1]).validate(leaf, AT, evidence):
                        wrong.append(result)
            except Exception as error:
                wrong.append(error)

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        assert not wrong


class TestEntriesThatAreReadLate:
    """A CRL's entries are read when one may be about the certificate."""

    BROKEN = b"\x30\x06\x02\x01\x0b\x05\x00\x00"

    def test_one_that_cannot_be_read_spoils_what_it_may_be_about(self) -> None:
        crl = MIDDLE.crl(self.BROKEN)
        with pytest.raises(Malformed):
            parse_crl(crl).index()
        result = Validator(ANCHORS[:1]).validate(LEAVES[0], AT, Evidence((ISSUERS[0],), (ROOT.crl(), crl)))
        assert not result.passed
        assert "cannot be read" in result.reason

    @pytest.mark.parametrize("padded", [b"\x02\x02\x00\x0b", b"\x02\x81\x01\x0b"])
    def test_a_number_in_an_encoding_that_der_forbids_is_not_overlooked(self, padded: bytes) -> None:
        time = b"\x17\x0d" + b"261120000000Z"
        wrong = b"\x30" + bytes((len(padded) + len(time),)) + padded + time
        result = Validator(ANCHORS[:1]).validate(
            LEAVES[0], AT, Evidence((ISSUERS[0],), (ROOT.crl(), MIDDLE.crl(wrong)))
        )
        assert not result.passed

    def test_finding_gives_the_same_with_and_without_the_index(self) -> None:
        numbers = [5, 127, 128, 255, 256, 1 << 64, (1 << 159) - 1, -3]
        octets = MIDDLE.crl(*(entry(number, reason=1) for number in numbers))
        for number in (*numbers, 6, 0, 1, 1 << 63):
            fresh, indexed = parse_crl(octets), parse_crl(octets)
            indexed.index()
            found = fresh.find(MIDDLE.named, number)
            assert found == indexed.find(MIDDLE.named, number)
            assert (found is not None) is (number in numbers)
            assert fresh.find(name("Somebody else"), number) is None
