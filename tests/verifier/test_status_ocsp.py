"""RFC 6960 3.2: which OCSP answers are accepted, by whom, for what and until when."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from pki import der, oids
from pki.instant import Instant
from pki.revocation import Reason, Revoked
from tests.verifier.path_world import (
    AT,
    DAY,
    NO_CHECK,
    UNKNOWN,
    Ca,
    authority_key,
    ec_key,
    entry,
    extended_usage,
    extension,
    key_usage,
    revoked,
    spki,
    subject_key,
)
from verifier.engine_cache import EngineCache
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.sources import RevocationMode, Source, StatusRules
from verifier.validator import Result, Validator

ROOT, OTHER = Ca("Root"), Ca("Other root")
RESPONDER = Ca("Responder")
LEAF = ROOT.leaf(serial=7)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
SIGNING = extended_usage(oids.OCSP_SIGNING)


def delegate(*extensions: bytes, issuer: Ca = ROOT, responder: Ca = RESPONDER, **how: object) -> bytes:
    """A responder's certificate with the usual extensions, and others instead when they are given."""
    return issuer.issue(
        responder.named,
        responder.key,
        *(extensions or (SIGNING, NO_CHECK, key_usage(0))),
        subject_key(responder.key),
        authority_key(issuer.key),
        serial=900,
        **how,  # type: ignore[arg-type]
    )


def judge(
    *answers: bytes,
    leaf: bytes = LEAF,
    crls: Sequence[bytes] = (),
    certificates: Sequence[bytes] = (),
    rules: StatusRules | None = None,
    at: Instant = AT,
    known_at: Instant | None = None,
) -> Result:
    validator = Validator([ROOT.anchor()], rules=rules or StatusRules())
    return validator.validate(leaf, at, Evidence(tuple(certificates), tuple(crls), answers), known_at=known_at)


def delegated(*extensions: bytes, **how: object) -> Result:
    return judge(ROOT.answer(7, responder=RESPONDER, certificates=[delegate(*extensions, **how)]))  # type: ignore[arg-type]


def test_the_issuer_answers_good() -> None:
    result = judge(ROOT.answer(7))
    assert result.passed
    assert result.statuses[0].source is Source.OCSP
    assert result.statuses[0].this_update == AT + -HOUR
    assert result.statuses[0].next_update == AT + HOUR


def test_the_issuer_answers_revoked() -> None:
    result = judge(ROOT.answer(7, revoked(AT + -3 * DAY, 1)))
    assert (result.indication, result.sub_indication) == (Indication.FAILED, SubIndication.REVOKED)
    assert result.revoked == Revoked(AT + -3 * DAY, Reason.KEY_COMPROMISE)


def test_unknown_is_neither_good_nor_revoked() -> None:
    result = judge(ROOT.answer(7, UNKNOWN))
    assert (result.indication, result.sub_indication) == (Indication.INDETERMINATE, SubIndication.TRY_LATER)


@pytest.mark.parametrize("status", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("mode", [RevocationMode.REQUIRED, RevocationMode.IF_PRESENT])
def test_a_responder_that_gives_no_answer_is_indeterminate(status: int, mode: RevocationMode) -> None:
    result = judge(der.sequence(der.enumerated(status)), rules=StatusRules(mode))
    assert result.indication is Indication.INDETERMINATE


class TestAboutWhom:
    @pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha384", "sha512"])
    def test_every_known_hash(self, hash_name: str) -> None:
        assert judge(ROOT.answer(7, singles=[ROOT.single(7, hash_name=hash_name)])).passed

    def test_another_serial_number(self) -> None:
        assert not judge(ROOT.answer(8)).passed

    def test_another_issuers_name(self) -> None:
        assert not judge(ROOT.answer(7, singles=[ROOT.single(7, named=OTHER.named)])).passed

    def test_another_issuers_key(self) -> None:
        assert not judge(ROOT.answer(7, singles=[ROOT.single(7, key=OTHER.key)])).passed

    def test_answers_for_others_are_not_even_present(self) -> None:
        assert judge(ROOT.answer(8, revoked()), rules=StatusRules(RevocationMode.IF_PRESENT)).passed

    def test_one_of_many_in_an_answer(self) -> None:
        singles = [ROOT.single(5, revoked()), ROOT.single(7), ROOT.single(9, UNKNOWN)]
        assert judge(ROOT.answer(7, singles=singles)).passed


class TestContradiction:
    def test_revoked_wins_in_any_order_and_across_answers(self) -> None:
        good, bad = ROOT.single(7), ROOT.single(7, revoked())
        for singles in ([good, bad], [bad, good]):
            assert judge(ROOT.answer(7, singles=singles)).revoked is not None
        for answers in ([good], [bad]), ([bad], [good]):
            assert judge(*(ROOT.answer(7, singles=one) for one in answers)).revoked is not None

    def test_an_older_revocation_wins_too(self) -> None:
        bad = ROOT.single(7, revoked(), this=AT + -3 * HOUR)
        assert judge(ROOT.answer(7, singles=[ROOT.single(7), bad])).revoked is not None

    def test_only_a_hold_can_be_released(self) -> None:
        held = ROOT.single(7, revoked(AT + -DAY, 6), this=AT + -3 * HOUR)
        assert judge(ROOT.answer(7, singles=[held, ROOT.single(7)])).passed
        now_held = ROOT.single(7, revoked(AT + -DAY, 6), this=AT + -MINUTE)
        assert judge(ROOT.answer(7, produced=AT, singles=[ROOT.single(7), now_held])).sub_indication is (
            SubIndication.TRY_LATER
        )

    def test_unknown_beside_good_is_not_good(self) -> None:
        assert not judge(ROOT.answer(7, singles=[ROOT.single(7), ROOT.single(7, UNKNOWN)])).passed

    def test_a_crl_that_revokes_wins_over_a_good_answer_and_the_other_way_round(self) -> None:
        assert judge(ROOT.answer(7), crls=[ROOT.crl(entry(7))]).revoked is not None
        assert judge(ROOT.answer(7, revoked()), crls=[ROOT.crl()]).revoked is not None

    def test_a_crl_stands_in_for_a_responder_that_is_down(self) -> None:
        assert judge(der.sequence(der.enumerated(3)), crls=[ROOT.crl()]).passed


class TestWhen:
    @pytest.mark.parametrize(
        ("this", "then", "produced", "good"),
        [
            (-HOUR, HOUR, -HOUR, True),
            (timedelta(0), timedelta(0), timedelta(0), True),
            (-2 * HOUR, -SECOND, -HOUR, False),
            (SECOND, HOUR, SECOND, False),
            (-HOUR, HOUR, SECOND, False),
            (-HOUR, HOUR, -2 * HOUR, False),
            (-HOUR, -2 * HOUR, -HOUR, False),
            (-MINUTE, None, -MINUTE, True),
            (-HOUR, None, -HOUR, False),
        ],
    )
    def test_the_windows(self, this: timedelta, then: timedelta | None, produced: timedelta, good: bool) -> None:
        answer = ROOT.answer(7, this=AT + this, then=None if then is None else AT + then, produced=AT + produced)
        assert judge(answer).passed is good

    def test_skew_is_the_callers(self) -> None:
        answer = ROOT.answer(7, this=AT + 3 * MINUTE)
        assert not judge(answer).passed
        assert judge(answer, rules=StatusRules(skew=5 * MINUTE)).passed

    def test_the_policy_may_want_fresher_ones(self) -> None:
        assert not judge(ROOT.answer(7), rules=StatusRules(maximum_age=10 * MINUTE)).passed
        assert judge(ROOT.answer(7), rules=StatusRules(maximum_age=HOUR)).passed

    def test_a_later_answer_dates_the_revocation(self) -> None:
        later = AT + 9 * DAY
        answer = ROOT.answer(7, revoked(AT + DAY, 3), this=later + -HOUR, then=later + HOUR)
        assert judge(answer, known_at=later).passed
        assert judge(answer, at=AT + 2 * DAY, known_at=later).sub_indication is SubIndication.REVOKED

    def test_what_has_expired_may_be_forgotten(self) -> None:
        """RFC 6960 2.2, 4.4.4: "good" says only that nothing is known, unless the archive cutoff reaches back."""
        end, later = AT + DAY, AT + 9 * DAY
        leaf = ROOT.leaf(serial=7, end=end)
        window = {"this": later + -HOUR, "then": later + HOUR}
        forgetful = judge(ROOT.answer(7, **window), leaf=leaf, known_at=later)  # type: ignore[arg-type]
        assert forgetful.indication is Indication.INDETERMINATE
        assert "expired" in forgetful.reason
        for cutoff, good in ((AT, True), (end, True), (end + SECOND, False)):
            keeping = extension(oids.OCSP_ARCHIVE_CUTOFF, der.generalized_time(cutoff))
            single = ROOT.single(7, b"\x80\x00", later + -HOUR, later + HOUR, more=[keeping])
            assert judge(ROOT.answer(7, singles=[single], **window), leaf=leaf, known_at=later).passed is good  # type: ignore[arg-type]
        gone = ROOT.answer(7, revoked(AT + -DAY), **window)  # type: ignore[arg-type]
        assert judge(gone, leaf=leaf, known_at=later).sub_indication is SubIndication.REVOKED


class TestNonce:
    RULES = StatusRules(nonce=bytes(range(32)))

    def test_the_right_one(self) -> None:
        assert judge(ROOT.answer(7, nonce=bytes(range(32))), rules=self.RULES).passed

    @pytest.mark.parametrize("nonce", [None, bytes(32), bytes(range(31)), b""])
    def test_another_or_none(self, nonce: bytes | None) -> None:
        assert not judge(ROOT.answer(7, nonce=nonce), rules=self.RULES).passed

    def test_one_that_nobody_asked_for_does_no_harm(self) -> None:
        assert judge(ROOT.answer(7, nonce=b"abc")).passed


class TestWho:
    def test_a_delegate_with_nocheck(self) -> None:
        assert delegated().passed

    def test_named_by_name_or_by_key(self) -> None:
        for by_name in (True, False):
            answer = ROOT.answer(7, responder=RESPONDER, certificates=[delegate()], by_name=by_name)
            assert judge(answer).passed

    def test_a_delegate_found_among_the_certificates_at_hand(self) -> None:
        answer = ROOT.answer(7, responder=RESPONDER, by_name=True)
        assert judge(answer, certificates=[delegate()]).passed
        assert not judge(answer).passed

    def test_not_without_its_purpose(self) -> None:
        assert not delegated(NO_CHECK, key_usage(0)).passed
        assert not delegated(extended_usage(oids.SERVER_AUTH), NO_CHECK).passed
        assert not delegated(extended_usage(oids.ANY_EXTENDED_KEY_USAGE), NO_CHECK).passed

    def test_not_when_its_key_may_not_sign(self) -> None:
        assert not delegated(SIGNING, NO_CHECK, key_usage(2)).passed

    def test_not_from_another_ca(self) -> None:
        assert not delegated(issuer=OTHER).passed

    def test_not_from_another_ca_of_the_same_name(self) -> None:
        assert not delegated(issuer=Ca("Impostor", ROOT.named)).passed

    def test_not_from_a_ca_below(self) -> None:
        sub = Ca("Sub")
        answer = ROOT.answer(7, responder=RESPONDER, certificates=[delegate(issuer=sub), ROOT.ca(sub)])
        assert not judge(answer, certificates=[ROOT.ca(sub)]).passed

    def test_not_somebody_elses_end_entity(self) -> None:
        sibling = ROOT.issue(RESPONDER.named, RESPONDER.key, key_usage(0), subject_key(RESPONDER.key))
        assert not judge(ROOT.answer(7, responder=RESPONDER, certificates=[sibling])).passed

    def test_not_the_certificate_itself(self) -> None:
        own = Ca("leaf", key=ec_key("leaf"))
        assert not judge(ROOT.answer(7, responder=own, certificates=[LEAF])).passed

    def test_not_expired_or_with_unknown_critical_extensions(self) -> None:
        assert not delegated(start=AT + -9 * DAY, end=AT + -DAY).passed
        odd = extension("1.3.6.1.4.1.32473.666", b"\x05\x00", critical=True)
        assert not delegated(SIGNING, NO_CHECK, odd).passed

    def test_a_signature_that_does_not_verify(self) -> None:
        assert not judge(ROOT.answer(7, key=ec_key("forger"))).passed
        forged = ROOT.answer(7, responder=RESPONDER, certificates=[delegate()], key=ec_key("forger"))
        assert not judge(forged).passed

    def test_a_responder_id_of_somebody_else(self) -> None:
        # signed by the issuer itself, but it says that another one answers
        assert not judge(ROOT.answer(7, responder=OTHER, key=ROOT.key)).passed

    def test_without_nocheck_its_own_status_is_asked(self) -> None:
        checked = (SIGNING, key_usage(0))
        answer = ROOT.answer(7, responder=RESPONDER, certificates=[delegate(*checked)])
        assert not judge(answer).passed
        assert judge(answer, ROOT.answer(900)).passed
        assert judge(answer, crls=[ROOT.crl(entry(8))]).passed
        # revoked: its answer is worth nothing; the CRL alone says that the leaf is good
        only_answers = judge(answer, ROOT.answer(900, revoked()))
        assert not only_answers.passed
        assert only_answers.revoked is None

    def test_it_does_not_vouch_for_itself(self) -> None:
        checked = delegate(SIGNING, key_usage(0))
        answer = ROOT.answer(7, responder=RESPONDER, certificates=[checked])
        own = ROOT.answer(900, responder=RESPONDER, certificates=[checked])
        assert not judge(answer, own).passed

    def test_the_cas_two_generations_do_not_answer_for_each_other(self) -> None:
        new = Ca("Root, next generation", ROOT.named)
        validator = Validator([ROOT.anchor(), new.anchor()])
        evidence = Evidence((), (), (new.answer(7, singles=[ROOT.single(7)]),))
        assert not validator.validate(LEAF, AT, evidence).passed


class TestExtensions:
    CRITICAL = extension("1.3.6.1.4.1.32473.666", b"\x05\x00", critical=True)

    def test_an_unknown_critical_one_spoils_the_answer(self) -> None:
        assert not judge(ROOT.answer(7, more=[self.CRITICAL])).passed
        assert not judge(ROOT.answer(7, singles=[ROOT.single(7, more=[self.CRITICAL])])).passed


def test_old_answers_do_not_pass_by_a_shared_cache() -> None:
    """A genuine answer, then the same signature under changed octets, through one cache."""
    validator = Validator([ROOT.anchor()], cache=EngineCache())
    genuine = ROOT.answer(7)
    assert validator.validate(LEAF, AT, Evidence((), (), (genuine,))).passed
    changed = genuine.replace(der.generalized_time(AT + HOUR), der.generalized_time(AT + 9 * DAY))
    assert changed != genuine
    assert not validator.validate(LEAF, AT + DAY, Evidence((), (), (changed,))).passed


def test_a_key_of_the_responder_that_is_the_issuers_own() -> None:
    """A delegate with the issuer's very key is the issuer by another name: the answer names neither."""
    twin = Ca("Twin", key=ROOT.key)
    answer = ROOT.answer(7, responder=twin, by_name=True)
    assert spki(twin.key) == spki(ROOT.key)
    assert not judge(answer).passed
