"""RFC 5280 6.3: which CRL is believed about which certificate, and the forgeries that must not be."""

import itertools
import random as chance
from collections.abc import Sequence
from datetime import timedelta

import pytest

from pki import der, oids
from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Unknown
from tests.verifier.path_world import (
    AT,
    DAY,
    Ca,
    directory,
    distribution_points,
    ec_key,
    entry,
    extension,
    key_usage,
    point,
    scope,
    subject_key,
    uri,
)
from verifier.crl import parse_crl
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.inputs import PathInputs, Profile
from verifier.sources import RevocationMode, Source, StatusRules
from verifier.validator import Result, Validator

ROOT, SUB, SIBLING = Ca("Root"), Ca("Sub"), Ca("Sibling")
LEAF = SUB.leaf(serial=7)
SUB_CERTIFICATE = ROOT.ca(SUB, serial=21)
ROOT_CRL = ROOT.crl()
ANCHOR = ROOT.anchor()


def judge(
    crls: Sequence[bytes],
    leaf: bytes = LEAF,
    certificates: Sequence[bytes] = (SUB_CERTIFICATE,),
    mode: RevocationMode = RevocationMode.REQUIRED,
    profile: Profile = Profile.RFC5280,
    at: Instant = AT,
    known_at: Instant | None = None,
    skew: timedelta = timedelta(0),
) -> Result:
    validator = Validator([ANCHOR], PathInputs(profile=profile), StatusRules(mode, skew=skew))
    return validator.validate(leaf, at, Evidence(tuple(certificates), tuple(crls)), known_at=known_at)


def test_listed_by_nobody_is_good() -> None:
    result = judge([ROOT_CRL, SUB.crl(entry(8))])
    assert result.passed
    assert [answer.source for answer in result.statuses] == [Source.CRL, Source.CRL]
    assert result.statuses[0].this_update == AT + -DAY
    assert result.statuses[0].age(AT) == DAY


def test_listed_is_revoked_with_time_and_reason() -> None:
    result = judge([ROOT_CRL, SUB.crl(entry(7, AT + -3 * DAY, 3))])
    assert (result.indication, result.sub_indication) == (Indication.FAILED, SubIndication.REVOKED)
    assert result.revoked == Revoked(AT + -3 * DAY, Reason.AFFILIATION_CHANGED)
    assert "affiliationChanged" in result.reason


def test_a_revoked_ca_is_told_apart() -> None:
    result = judge([ROOT.crl(entry(21)), SUB.crl()])
    assert result.sub_indication is SubIndication.REVOKED_CA_NO_POE


def test_on_hold_is_not_revoked_for_good() -> None:
    result = judge([ROOT_CRL, SUB.crl(entry(7, reason=6))])
    assert (result.indication, result.sub_indication) == (Indication.INDETERMINATE, SubIndication.TRY_LATER)


def test_a_later_crl_releases_a_hold_but_nothing_else() -> None:
    earlier = {"this": AT + -3 * DAY, "number": 1}
    assert judge([ROOT_CRL, SUB.crl(entry(7, reason=6), **earlier), SUB.crl(number=2)]).passed  # type: ignore[arg-type]
    unlisted = judge([ROOT_CRL, SUB.crl(entry(7, reason=1), **earlier), SUB.crl(number=2)])  # type: ignore[arg-type]
    assert unlisted.sub_indication is SubIndication.REVOKED


class TestMissing:
    @pytest.mark.parametrize("crls", [[], [ROOT_CRL], [SUB.crl()]])
    def test_required_and_missing_is_indeterminate(self, crls: list[bytes]) -> None:
        result = judge(crls)
        assert result.indication is Indication.INDETERMINATE

    def test_if_present_asks_only_of_what_is_there(self) -> None:
        assert judge([], mode=RevocationMode.IF_PRESENT).passed
        assert judge([SIBLING.crl(entry(7))], mode=RevocationMode.IF_PRESENT).passed
        assert not judge([SUB.crl(entry(7))], mode=RevocationMode.IF_PRESENT).passed

    def test_if_present_does_not_pass_over_what_cannot_be_accepted(self) -> None:
        stale = SUB.crl(this=AT + -9 * DAY, then=AT + -2 * DAY)
        assert judge([stale], mode=RevocationMode.IF_PRESENT).indication is Indication.INDETERMINATE

    def test_off_asks_nothing_and_says_nothing(self) -> None:
        result = judge([SUB.crl(entry(7))], mode=RevocationMode.OFF)
        assert result.passed
        assert result.statuses == ()


class TestFreshness:
    @pytest.mark.parametrize(
        ("this", "then", "good"),
        [
            (-DAY, DAY, True),
            (timedelta(0), timedelta(0), True),
            (-2 * DAY, timedelta(seconds=-1), False),
            (timedelta(seconds=1), DAY, False),
            (-DAY, None, False),
        ],
    )
    def test_the_window(self, this: timedelta, then: timedelta | None, good: bool) -> None:
        crl = SUB.crl(this=AT + this, then=None if then is None else AT + then)
        assert judge([ROOT_CRL, crl]).passed is good

    def test_skew_is_the_callers(self) -> None:
        crl = SUB.crl(this=AT + timedelta(minutes=3))
        assert not judge([ROOT_CRL, crl]).passed
        assert judge([ROOT_CRL, crl], skew=timedelta(minutes=5)).passed

    def test_the_policy_may_want_fresher_ones(self) -> None:
        def judged(age: timedelta, *crls: bytes) -> Result:
            validator = Validator([ANCHOR], rules=StatusRules(maximum_age=age))
            return validator.validate(LEAF, AT, Evidence((SUB_CERTIFICATE,), (ROOT_CRL, *crls)))

        assert judged(DAY, SUB.crl()).passed
        assert judged(timedelta(hours=1), SUB.crl()).indication is Indication.INDETERMINATE
        # what revokes counts at any age; a delta makes what it adds to as young as itself
        assert judged(timedelta(hours=1), SUB.crl(entry(7))).revoked is not None
        young = SUB.crl(this=AT + timedelta(minutes=-5), number=2, base=1)
        assert judged(timedelta(hours=1), SUB.crl(), young).passed

    def test_a_later_look_dates_the_revocation(self) -> None:
        later = AT + 20 * DAY
        crls = [
            ROOT.crl(this=later + -DAY, then=later + DAY),
            SUB.crl(entry(7, AT + 5 * DAY), this=later + -DAY, then=later + DAY),
        ]
        result = judge(crls, known_at=later)
        assert result.passed
        assert result.revoked is not None
        assert result.revoked.since == AT + 5 * DAY
        assert judge(crls, at=AT + 6 * DAY, known_at=later).sub_indication is SubIndication.REVOKED

    def test_what_has_expired_may_no_longer_be_listed(self) -> None:
        """RFC 5280 5: revoked while valid, taken off the list since; a CRL from after its end cannot say "good"."""
        end, later = AT + DAY, AT + 20 * DAY
        leaf = SUB.leaf(serial=7, end=end)
        upper = ROOT.crl(this=later + -DAY, then=later + DAY)
        window = {"this": later + -DAY, "then": later + DAY}
        forgetful = judge([upper, SUB.crl(**window)], leaf, known_at=later)  # type: ignore[arg-type]
        assert forgetful.indication is Indication.INDETERMINATE
        assert "expired" in forgetful.reason
        # one that was made while it was valid can, and so can one that keeps the expired (X.509 9.5.2.8)
        assert judge([upper, SUB.crl(this=end, then=later)], leaf, known_at=later).passed
        for since, good in ((AT, True), (end, True), (end + timedelta(seconds=1), False)):
            keeping = extension("2.5.29.60", der.generalized_time(since))
            assert judge([upper, SUB.crl(**window, more=[keeping])], leaf, known_at=later).passed is good  # type: ignore[arg-type]
        assert judge([upper, SUB.crl(entry(7), **window)], leaf, known_at=later).sub_indication is SubIndication.REVOKED  # type: ignore[arg-type]

    def test_an_invalidity_date_reaches_back(self) -> None:
        later = AT + 20 * DAY
        invalid = extension(oids.INVALIDITY_DATE, der.generalized_time(AT + -DAY))
        crls = [
            ROOT.crl(this=later + -DAY, then=later + DAY),
            SUB.crl(entry(7, AT + 5 * DAY, 1, invalid), this=later + -DAY, then=later + DAY),
        ]
        assert judge(crls, known_at=later).sub_indication is SubIndication.REVOKED


class TestSigner:
    def test_the_issuer_must_be_allowed_to_sign_crls(self) -> None:
        from tests.verifier.path_world import authority_key, basic_constraints

        def sub(*usage: bytes) -> bytes:
            return ROOT.issue(
                SUB.named, SUB.key, basic_constraints(), *usage, subject_key(SUB.key), authority_key(ROOT.key)
            )

        assert not judge([ROOT_CRL, SUB.crl()], certificates=[sub(key_usage(5))]).passed
        assert judge([ROOT_CRL, SUB.crl()], certificates=[sub(key_usage(5, 6))]).passed
        assert judge([ROOT_CRL, SUB.crl()], certificates=[sub()]).passed

    def test_another_key_of_the_same_ca(self) -> None:
        crl_key = Ca("Sub, CRL key", SUB.named)
        crl = crl_key.crl()
        signer = ROOT.ca(crl_key, serial=22)
        assert judge([ROOT_CRL, crl], certificates=[SUB_CERTIFICATE, signer]).passed
        assert not judge([ROOT_CRL, crl]).passed
        # its own status counts
        assert not judge([ROOT.crl(entry(22)), crl], certificates=[SUB_CERTIFICATE, signer]).passed
        # and it must say cRLSign
        silent = ROOT.issue(crl_key.named, crl_key.key, subject_key(crl_key.key))
        assert not judge([ROOT_CRL, crl], certificates=[SUB_CERTIFICATE, silent]).passed

    def test_the_same_name_under_another_anchor(self) -> None:
        stranger, impostor = Ca("Stranger root"), Ca("Impostor", SUB.named)
        validator = Validator([ANCHOR, stranger.anchor()])
        evidence = Evidence((SUB_CERTIFICATE, stranger.ca(impostor)), (ROOT_CRL, impostor.crl(), stranger.crl()))
        assert not validator.validate(LEAF, AT, evidence).passed

    def test_a_generation_of_the_same_name_does_not_speak_for_another(self) -> None:
        # JPKI's roots share one name over three generations; each has its own CRLs
        old, new = Ca("Generation 1", SUB.named), Ca("Generation 2", SUB.named)
        leaf = new.leaf(serial=7)
        certificates = [ROOT.ca(old), ROOT.ca(new)]
        assert judge([ROOT_CRL, new.crl()], leaf, certificates).passed
        assert not judge([ROOT_CRL, new.crl(entry(7))], leaf, certificates).passed

    def test_the_algorithms_must_agree(self) -> None:
        crl = bytearray(SUB.crl())
        inner = crl.index(der.oid(oids.ECDSA_WITH_SHA256))
        crl[inner + 9] = 3
        assert not judge([ROOT_CRL, bytes(crl)]).passed


class TestContent:
    CRITICAL = extension("1.3.6.1.4.1.32473.666", b"\x05\x00", critical=True)

    def test_an_unknown_critical_extension_spoils_it(self) -> None:
        assert not judge([ROOT_CRL, SUB.crl(more=[self.CRITICAL])]).passed

    def test_also_in_the_entry_of_somebody_else(self) -> None:
        assert not judge([ROOT_CRL, SUB.crl(entry(8, AT + -DAY, None, self.CRITICAL))]).passed

    def test_certificate_issuer_outside_an_indirect_crl(self) -> None:
        foreign = extension(oids.CERTIFICATE_ISSUER, der.sequence(directory(SIBLING.named)), critical=True)
        assert not judge([ROOT_CRL, SUB.crl(entry(7, AT + -DAY, None, foreign))]).passed

    def test_strict_wants_a_crl_number_that_is_not_critical(self) -> None:
        strict = {"profile": Profile.STRICT}
        critical = SUB.crl(number=None, more=[extension(oids.CRL_NUMBER, der.integer(1), critical=True)])
        for crl in (SUB.crl(number=None), critical):
            assert judge([ROOT_CRL, crl]).passed
            assert not judge([ROOT_CRL, crl], **strict).passed  # type: ignore[arg-type]
        assert judge([ROOT_CRL, SUB.crl()], **strict).passed  # type: ignore[arg-type]

    def test_the_same_number_twice(self) -> None:
        for reasons in ((1, 6), (6, 1), (8, 1), (1, 8)):
            crl = SUB.crl(*(entry(7, reason=reason) for reason in reasons))
            assert judge([ROOT_CRL, crl]).sub_indication is SubIndication.REVOKED

    def test_serial_numbers_that_should_not_be(self) -> None:
        for serial in (-5, 0, 1 << 159, 1 << 300):
            leaf = SUB.leaf(serial=serial)
            assert judge([ROOT_CRL, SUB.crl(entry(5))], leaf).passed
            assert not judge([ROOT_CRL, SUB.crl(entry(serial))], leaf).passed


class TestScope:
    ONE, OTHER = uri("http://crl.example/1"), uri("http://crl.example/2")

    def test_a_partition_speaks_only_for_its_point(self) -> None:
        leaf = SUB.leaf(distribution_points(point([self.ONE])), serial=7)
        assert judge([ROOT_CRL, SUB.crl(scope=scope([self.ONE]))], leaf).passed
        assert not judge([ROOT_CRL, SUB.crl(scope=scope([self.OTHER]))], leaf).passed
        revoking = [ROOT_CRL, SUB.crl(scope=scope([self.OTHER])), SUB.crl(entry(7), scope=scope([self.ONE]))]
        assert judge(revoking, leaf).sub_indication is SubIndication.REVOKED

    def test_a_partition_says_nothing_of_a_certificate_without_points(self) -> None:
        assert not judge([ROOT_CRL, SUB.crl(scope=scope([self.ONE]))]).passed

    @pytest.mark.parametrize(("flags", "good"), [("user", True), ("ca", False), ("attribute", False)])
    def test_only_some_kinds_of_certificates(self, flags: str, good: bool) -> None:
        assert judge([ROOT_CRL, SUB.crl(scope=scope(**{flags: True}))]).passed is good  # type: ignore[arg-type]
        swapped = ROOT.crl(scope=scope(**{flags: True}))  # type: ignore[arg-type]
        assert judge([swapped, SUB.crl()]).passed is (flags == "ca")

    def test_reasons_must_all_be_covered(self) -> None:
        compromise, rest = b"\x05\x60", b"\x07\x1f\x80"  # bits 1, 2; bits 3 to 8
        half = SUB.crl(scope=scope(reasons=compromise))
        other = SUB.crl(scope=scope(reasons=rest))
        assert not judge([ROOT_CRL, half]).passed
        assert judge([ROOT_CRL, half, other]).passed
        assert judge([ROOT_CRL, half, SUB.crl(entry(7), scope=scope(reasons=rest))]).revoked is not None
        # revoked for one of the reasons is revoked, whatever of the others is not known
        assert judge([ROOT_CRL, SUB.crl(entry(7), scope=scope(reasons=compromise))]).revoked is not None


class TestIndirect:
    KEEPER = Ca("CRL keeper")
    LEAF = SUB.leaf(distribution_points(point(issuer=[directory(KEEPER.named)])), serial=7)
    KEEPER_CERTIFICATE = ROOT.ca(KEEPER, serial=30)

    def foreign(self, issuer: Ca, serial: int = 7) -> bytes:
        return entry(
            serial,
            AT + -DAY,
            None,
            extension(oids.CERTIFICATE_ISSUER, der.sequence(directory(issuer.named)), critical=True),
        )

    def judged(self, crl: bytes, leaf: bytes | None = None) -> Result:
        return judge([ROOT_CRL, crl], leaf or self.LEAF, [SUB_CERTIFICATE, self.KEEPER_CERTIFICATE])

    def test_whom_the_distribution_point_names(self) -> None:
        assert self.judged(self.KEEPER.crl(scope=scope(indirect=True))).passed
        assert self.judged(self.KEEPER.crl(self.foreign(SUB), scope=scope(indirect=True))).revoked is not None

    def test_entries_are_about_the_issuer_they_name(self) -> None:
        assert self.judged(self.KEEPER.crl(entry(7), scope=scope(indirect=True))).passed
        assert self.judged(self.KEEPER.crl(self.foreign(SIBLING), scope=scope(indirect=True))).passed
        # the name stays in force for the entries that follow
        following = self.KEEPER.crl(self.foreign(SUB, 6), entry(7), scope=scope(indirect=True))
        assert self.judged(following).revoked is not None

    def test_not_without_the_flag_and_not_unasked(self) -> None:
        assert not self.judged(self.KEEPER.crl()).passed
        assert not self.judged(self.KEEPER.crl(scope=scope(indirect=True)), LEAF).passed


class TestDelta:
    BASE = SUB.crl(entry(9, reason=6), number=5)

    def test_adds_and_removes(self) -> None:
        assert judge([ROOT_CRL, self.BASE, SUB.crl(number=6, base=5)]).passed
        adding = SUB.crl(entry(7), number=6, base=5)
        assert judge([ROOT_CRL, self.BASE, adding]).revoked is not None
        held = SUB.leaf(serial=9)
        assert not judge([ROOT_CRL, self.BASE], held).passed
        removing = SUB.crl(entry(9, reason=8), number=6, base=5)
        assert judge([ROOT_CRL, self.BASE, removing], held).passed

    def test_removing_what_expired_takes_nothing_back(self) -> None:
        """RFC 5280 5.3.1: removeFromCRL is also written of a certificate that expired, whatever it was revoked for."""
        end, later = AT + DAY, AT + 20 * DAY
        leaf, upper = SUB.leaf(serial=7, end=end), ROOT.crl(this=later + -DAY, then=later + DAY)
        base = SUB.crl(entry(7, AT + -3 * DAY, 1), this=AT, then=later + DAY, number=5)
        removing = SUB.crl(entry(7, reason=8), this=later + -DAY, then=later + DAY, number=6, base=5)
        assert judge([upper, base, removing], leaf, known_at=later).sub_indication is SubIndication.REVOKED
        adding = SUB.crl(entry(7, AT + -DAY), this=later + -DAY, then=later + DAY, number=6, base=5)
        plain = SUB.crl(this=AT, then=later + DAY, number=5)
        assert judge([upper, plain, adding], leaf, known_at=later).sub_indication is SubIndication.REVOKED

    def test_removed_from_a_complete_crl_is_not_revoked(self) -> None:
        """6.3.3 (k), by the letter: such an entry is one too many, and no revocation."""
        assert judge([ROOT_CRL, SUB.crl(entry(7, reason=8))]).passed

    def test_says_nothing_alone_or_on_another_base(self) -> None:
        assert not judge([ROOT_CRL, SUB.crl(number=6, base=5)]).passed
        held = SUB.leaf(serial=9)
        newer_base = SUB.crl(entry(9, reason=8), number=7, base=6)
        assert not judge([ROOT_CRL, self.BASE, newer_base], held).passed

    def test_a_forged_one_is_passed_over(self) -> None:
        held = SUB.leaf(serial=9)
        forged = SUB.crl(entry(9, reason=8), number=6, base=5, key=ec_key("forger"))
        assert not judge([ROOT_CRL, self.BASE, forged], held).passed

    def test_the_newest_counts(self) -> None:
        older, newer = SUB.crl(number=6, base=5), SUB.crl(entry(7), number=7, base=5)
        for crls in itertools.permutations([ROOT_CRL, self.BASE, older, newer]):
            assert judge(crls).revoked is not None


def shuffled(things: Sequence[bytes]) -> list[list[bytes]]:
    """24 orders of them, the same in every run."""
    dice = chance.Random(24)
    return [dice.sample(list(things), len(things)) for _ in range(24)]


class TestForgeries:
    """The four classic ones; each in 24 orders, with one validator for all, so that its caches are tried too."""

    def refused(self, crls: Sequence[bytes], leaf: bytes, certificates: Sequence[bytes]) -> None:
        validator = Validator([ANCHOR])
        for order in shuffled(crls):
            assert not validator.validate(leaf, AT, Evidence(tuple(certificates), tuple(order))).passed

    def test_a_old_signature_under_new_octets(self) -> None:
        """A: the current CRL revokes; an old genuine one, and its signature under a body with later dates."""
        current = SUB.crl(entry(7), this=AT + -DAY, number=9)
        old = SUB.crl(this=AT + -90 * DAY, then=AT + -60 * DAY, number=2)
        forged_body = SUB.crl(this=AT + timedelta(hours=-1), then=AT + 30 * DAY, number=10)
        parsed, body = parse_crl(old), parse_crl(forged_body)
        forged = der.sequence(body.tbs, body.outer_algorithm, der.bit_string(parsed.signature))
        self.refused([ROOT_CRL, current, old, forged], LEAF, [SUB_CERTIFICATE])
        # also when the current CRL is withheld: nothing genuine is current then
        self.refused([ROOT_CRL, old, forged], LEAF, [SUB_CERTIFICATE])

    def test_b_bad_signature_beside_genuine_siblings(self) -> None:
        """B: a forged CRL for A among the genuine ones of two siblings."""
        other = Ca("Other sibling")
        forged = SUB.crl(key=ec_key("forger"))
        crls = [ROOT_CRL, forged, SIBLING.crl(), other.crl()]
        certificates = [SUB_CERTIFICATE, ROOT.ca(SIBLING), ROOT.ca(other), SIBLING.leaf(), other.leaf()]
        self.refused(crls, LEAF, certificates)

    def test_c_a_siblings_crl_for_the_parents(self) -> None:
        """C: the parent's CRL is missing; the sibling offers one of its own, also under the parent's name."""
        as_parent = SIBLING.crl(issuer=ROOT.named)
        crls = [SUB.crl(), SIBLING.crl(), as_parent]
        self.refused(crls, LEAF, [SUB_CERTIFICATE, ROOT.ca(SIBLING)])

    def test_d_an_end_entity_signs_for_its_siblings(self) -> None:
        """D: a certificate without keyUsage signs a CRL, under its own name and under its issuer's."""
        key = ec_key("end entity")
        for subject in (Ca("end entity").named, SUB.named):
            signer = SUB.issue(subject, key, subject_key(key))
            crls = [ROOT_CRL, SUB.crl(issuer=subject, key=key), SUB.crl(issuer=SUB.named, key=key)]
            self.refused(crls, LEAF, [SUB_CERTIFICATE, signer])

    def test_the_genuine_ones_pass_in_every_order(self) -> None:
        validator = Validator([ANCHOR])
        crls = [ROOT_CRL, SUB.crl(entry(8)), SIBLING.crl(), SUB.crl(key=ec_key("forger"))]
        for order in shuffled(crls):
            assert validator.validate(LEAF, AT, Evidence((SUB_CERTIFICATE,), tuple(order))).passed


def test_a_certificate_of_a_crl_keeper_that_alone_can_speak_for_itself() -> None:
    """PKITS 4.14.30: its CA named it as the issuer of the CRL that covers itself."""
    keeper = Ca("Keeper of its own")
    named = distribution_points(point(issuer=[directory(keeper.named)]))
    certificate = SUB.issue(keeper.named, keeper.key, named, key_usage(6), subject_key(keeper.key), serial=40)
    leaf = SUB.leaf(named, serial=7)
    crl = keeper.crl(scope=scope(indirect=True))
    assert judge([ROOT_CRL, crl], leaf, [SUB_CERTIFICATE, certificate]).passed
    listing = entry(
        40, AT + -DAY, None, extension(oids.CERTIFICATE_ISSUER, der.sequence(directory(SUB.named)), critical=True)
    )
    assert not judge(
        [ROOT_CRL, keeper.crl(listing, scope=scope(indirect=True))], leaf, [SUB_CERTIFICATE, certificate]
    ).passed


def test_two_signers_that_vouch_for_each_other_are_not_believed() -> None:
    one, two = Ca("One", SUB.named), Ca("Two", SUB.named)
    # both keys bear the CA's name and were certified by the CA itself; the CA's own CRL is missing
    certificates = [SUB_CERTIFICATE, SUB.ca(one), SUB.ca(two)]
    assert not judge([ROOT_CRL, one.crl(), two.crl()], LEAF, certificates).passed


def test_good_status_types() -> None:
    result = judge([ROOT_CRL, SUB.crl()])
    assert isinstance(result.statuses[0].status, Good)
    assert isinstance(judge([ROOT_CRL]).statuses[0].status, Unknown)


class TestTwoAnchors:
    """The same CA key certified by two roots, and a separate CRL key that only one of them certified."""

    LEFT, RIGHT = Ca("Left root"), Ca("Right root")
    KEEPER = Ca("Sub, CRL key", SUB.named)

    def judged(self, *crls: bytes, anchors: Sequence[Ca]) -> Result:
        certificates = (
            self.LEFT.ca(SUB, serial=51),
            self.RIGHT.ca(SUB, serial=52),
            self.LEFT.ca(self.KEEPER, serial=53),
        )
        validator = Validator([anchor.anchor() for anchor in anchors])
        return validator.validate(LEAF, AT, Evidence(certificates, (self.KEEPER.crl(), *crls)))

    def test_what_holds_under_one_is_found_in_either_order(self) -> None:
        for anchors in itertools.permutations((self.LEFT, self.RIGHT)):
            assert self.judged(self.LEFT.crl(), self.RIGHT.crl(), anchors=anchors).passed

    def test_what_was_learnt_under_one_is_not_used_under_the_other(self) -> None:
        revoked_left = self.LEFT.crl(entry(51))
        for anchors in itertools.permutations((self.LEFT, self.RIGHT)):
            assert not self.judged(revoked_left, self.RIGHT.crl(), anchors=anchors).passed

    def test_two_certificates_of_one_key_that_may_do_different_things(self) -> None:
        from tests.verifier.path_world import authority_key, basic_constraints

        def sub(*usage: int, start: Instant) -> bytes:
            return ROOT.issue(
                SUB.named,
                SUB.key,
                basic_constraints(),
                key_usage(*usage),
                subject_key(SUB.key),
                authority_key(ROOT.key),
                start=start,
            )

        first, second = AT + -2 * DAY, AT + -3 * DAY
        for without, having in ((first, second), (second, first)):
            certificates = [sub(5, start=without), sub(5, 6, start=having)]
            assert judge([ROOT_CRL, SUB.crl()], certificates=certificates).passed
