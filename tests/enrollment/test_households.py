"""A household files once: members by their own rules, one transaction online, the rest told why and by when."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enrollment import card_waiting, grants, protection, registry
from enrollment.application import ApplicationState
from enrollment.counters import Affair
from enrollment.errors import (
    CertificateEnded,
    FilingReplayed,
    FilingVoid,
    KeyNotFromCard,
    NotGranted,
    SignatureInvalid,
    WrongState,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.filing import Consent, HouseholdFiling, parse_filing
from enrollment.grants import GrantKind
from enrollment.households import HouseholdAssertion, Households, Outcome, Relation, results_of
from enrollment.signed import OwnerKeys
from enrollment.store import people as rows
from pki.certificate import parse_certificate
from pki.instant import Validity
from pki.purpose import Purpose
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, resident

TOWN_KEY = ec.derive_private_key(20261123, ec.SECP256R1())
SPKI = TOWN_KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
NEW = "神奈川県架空市本町１番１号"


class Family:
    """Two parents with cards, a child of ten, and a grandmother with a card."""

    def __init__(self, database, folder, seed):
        self.office = office = open_office(database, folder, seed)
        self.households = Households(database, office.moves.registrar, OwnerKeys({TOWN: SPKI}), office.random)
        self.mother, self.mothers_card = office.enrolled(card_id="CARD-M")
        self.father, self.fathers_card = office.enrolled(card_id="CARD-F", name="実印　太郎")
        self.granny, self.grannys_card = office.enrolled(card_id="CARD-G", date_of_birth=date(1950, 1, 1))
        child = {"name": "実印　小花", "date_of_birth": date(2016, 5, 5)}
        self.child = database.transaction(lambda conn: resident(conn, office.random, **child))
        anchor = {"kind": EventKind.ANCHOR, "actor": "clerk"}
        from enrollment import ledger
        from enrollment.ledger import Happening

        database.transaction(lambda conn: ledger.record(conn, Happening(self.child, **anchor), AT, office.random))
        self.everybody = {
            self.mother: Relation.HEAD, self.father: Relation.SPOUSE, self.child: Relation.CHILD,
            self.granny: Relation.PARENT,
        }  # fmt: skip

    def assertion(self, **changes):
        said = HouseholdAssertion(TOWN, self.everybody, 7, AT + timedelta(hours=1))
        said = replace(said, **changes)
        return replace(said, signature=TOWN_KEY.sign(said.octets(), ec.ECDSA(hashes.SHA256())))

    def filing(self, members=None, card=None, **changes):
        members = tuple(sorted(members or self.everybody))
        fields = {"filing": self.office.random(16).hex(), "void_after": AT + timedelta(days=1), **changes}
        return self.signed(
            HouseholdFiling(
                municipality=OTHER_TOWN, address=NEW, moved_on=date(2026, 11, 20), members=members, **fields
            ),
            card or self.mothers_card,
        )

    def signed(self, filing, card):
        template = self.office.verified(card, b"request", "東京都見本区１番")
        return replace(template, filing=filing, document=filing.document())

    def consent(self, verified, card):
        digest = hashlib.sha256(verified.document).hexdigest()
        return self.signed(Consent(verified.filing.filing, digest, AT + timedelta(days=1)), card)

    def consents(self, verified):
        return {
            self.father: self.consent(verified, self.fathers_card),
            self.granny: self.consent(verified, self.grannys_card),
        }

    def accept(self, verified=None, consents=None, assertion=None, key="key-0001", at=AT):
        verified = verified or self.filing()
        consents = self.consents(verified) if consents is None else consents
        results = self.households.accept(verified, assertion or self.assertion(), consents, key, at)
        return {result.person: result for result in results}

    def address(self, person):
        return self.office.database.read(lambda conn: rows.person_of(conn, person)).attributes.address


def certify(family, application, request, at):
    office = family.office
    return card_waiting.certify(office.database, office.moves.registrar, office.random, application, request, at)


@pytest.fixture
def family(sqlite_database, tmp_path, request):
    return Family(sqlite_database, tmp_path, request.node.nodeid)


def test_everybody_moves_and_every_count_moves(family):
    results = family.accept()
    assert {result.outcome for result in results.values()} == {Outcome.ONLINE}
    for person in family.everybody:
        event = family.office.events(person)[-1]
        assert (event.kind, event.seq, event.actor) == (EventKind.REMOTE_MOVE, 1, family.mother)
        assert family.address(person) == NEW
        live = [one for one in family.office.certificates(person) if one.ended_at is None]
        assert [one.purpose for one in live] == ([] if person == family.child else [Purpose.AUTHENTICATION])
    assert results[family.child].application is None


def test_a_members_own_card_gets_the_new_certificate_later(family):
    results = family.accept()
    application = results[family.father].application
    request = family.office.request(family.fathers_card)
    other = family.office.request(family.mothers_card)
    with pytest.raises(KeyNotFromCard):
        certify(family, application, other, AT)
    assert certify(family, application, request, AT).state is ApplicationState.INTENDED
    assert certify(family, application, request, AT).state is ApplicationState.INTENDED
    done = family.office.issuing.continue_(application, family.fathers_card, AT)
    assert done.state is ApplicationState.DELIVERED
    new = parse_certificate(family.fathers_card.read(Purpose.SIGNATURE))
    assert new.fingerprint.hex() in [one.fingerprint for one in family.office.certificates(family.father)]


@pytest.mark.parametrize("trouble", ["cap", "protected", "no consent", "not in the roster", "too old a roster"])
def test_one_member_never_blocks_the_others_silently(family, trouble):
    assertion, consents, verified = family.assertion(), None, family.filing()
    if trouble == "cap":
        for number in (1, 2, 3):
            family.office.move(family.fathers_card, f"東京都見本区{number}番")
        consents = family.consents(verified)
    if trouble == "protected":
        family.office.database.transaction(
            lambda conn: protection.apply(
                conn, family.father, rows.operator_of(conn, "clerk"), AT, family.office.random
            )
        )
    if trouble == "no consent":
        consents = {family.granny: family.consent(verified, family.grannys_card)}
    if trouble == "not in the roster":
        assertion = family.assertion(members={p: r for p, r in family.everybody.items() if p != family.father})
    if trouble == "too old a roster":
        with pytest.raises(NotGranted):
            family.accept(verified, assertion=family.assertion(valid_until=AT + timedelta(seconds=-1)))
        return
    before = family.address(family.father)
    results = family.accept(verified, consents, assertion)
    reason = {"cap": "cap-reached", "protected": "look-at-counter", "no consent": "consent-missing"}
    father = results[family.father]
    assert (father.outcome, father.reason) == (Outcome.IN_PERSON, reason.get(trouble, "not-in-household"))
    assert father.by == date(2026, 12, 4)
    assert (father.decision is not None) == (trouble == "cap")
    assert family.address(family.father) == before
    for person in (family.mother, family.child, family.granny):
        assert results[person].outcome is Outcome.ONLINE
        assert family.address(person) == NEW
    stored = family.office.database.read(lambda conn: results_of(conn, verified.filing.filing))
    assert {one.person: one for one in stored} == results


def test_a_consent_is_for_one_document_and_by_ones_own_card(family):
    verified = family.filing()
    other = family.filing()
    forged = {
        family.father: family.consent(verified, family.mothers_card),
        family.granny: family.consent(other, family.grannys_card),
    }
    results = family.accept(verified, forged)
    assert [results[p].reason for p in (family.father, family.granny)] == ["consent-missing"] * 2


def test_a_grant_stands_for_a_consent_until_it_is_revoked(family):
    def give(conn):
        return grants.give(
            conn, family.granny, family.mother, GrantKind.PROXY, frozenset({Affair.MOVE}),
            Validity(AT, AT + timedelta(days=30)), "d" * 64, rows.operator_of(conn, "clerk"), AT, family.office.random,
        )  # fmt: skip

    grant = family.office.database.transaction(give)
    later = AT + timedelta(days=2)

    def revoke(by, which=grant.grant):
        return family.office.database.transaction(lambda c: grants.revoke(c, family.granny, which, by, later))

    with pytest.raises(NotGranted):
        revoke(family.father)
    assert revoke(family.granny)
    clerk = family.office.database.read(lambda c: rows.operator_of(c, "clerk"))
    assert not revoke(clerk, "0" * 32)
    verified = family.filing()
    assert family.accept(verified, {})[family.granny].outcome is Outcome.ONLINE
    late = {"void_after": AT + timedelta(days=9)}
    roster = family.assertion(valid_until=AT + timedelta(days=9))
    # the mother's certificate ended with the first filing: nobody signs with it any more
    with pytest.raises(CertificateEnded):
        family.accept(family.filing(**late), {}, roster, "key-0002", AT + timedelta(days=3))


def test_a_child_cannot_file_for_its_parents(family):
    verified = family.filing(members=[family.father, family.mother], card=family.fathers_card)
    results = family.accept(verified, {})
    assert results[family.mother].reason == "consent-missing"
    assert results[family.father].outcome is Outcome.ONLINE


def test_what_is_refused_as_a_whole_changes_nothing(family):
    with pytest.raises(SignatureInvalid):
        family.accept(assertion=replace(family.assertion(), version=8))
    with pytest.raises(SignatureInvalid):
        family.accept(assertion=replace(family.assertion(), owner=OTHER_TOWN))
    with pytest.raises(FilingVoid):
        family.accept(family.filing(void_after=AT + timedelta(seconds=-1)))
    with pytest.raises(NotGranted):
        family.accept(family.filing(members=[family.father]))
    for person in family.everybody:
        assert len(family.office.events(person)) == 1


def test_the_same_filing_again(family):
    verified = family.filing()
    first = family.accept(verified)
    assert family.accept(verified) == first
    with pytest.raises(FilingReplayed):
        family.accept(verified, key="key-0002")


def test_an_application_of_another_kind_is_not_certified_here(family):
    person = family.office.database.transaction(lambda conn: resident(conn, family.office.random))
    application = family.office.filed(person)
    with pytest.raises(WrongState):
        certify(family, application, b"", AT)


def test_the_documents_are_read_back_as_they_were_signed(family):
    verified = family.filing()
    assert parse_filing(verified.document) == verified.filing
    consent = family.consent(verified, family.fathers_card)
    assert parse_filing(consent.document) == consent.filing


def test_grants_are_narrow(family):
    def give(conn, who="clerk", scope=frozenset({Affair.MOVE}), person=family.granny):
        return grants.give(
            conn, person, family.mother, GrantKind.PROXY, scope, Validity(AT, AT), "d" * 64,
            rows.operator_of(conn, who), AT, family.office.random,
        )  # fmt: skip

    with pytest.raises(NotGranted):
        family.office.database.transaction(lambda conn: give(conn, scope=frozenset({Affair.IN_PERSON_CHECK})))
    with pytest.raises(NotGranted):
        family.office.database.transaction(lambda conn: give(conn, person=family.mother))
    with pytest.raises(registry.NotYours):
        family.office.database.transaction(lambda conn: give(conn, who="other-clerk"))
