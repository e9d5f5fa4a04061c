"""What officers sign with their cards: exactly this, once, now; and what is refused where it is demanded."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from enrollment import acts, confirmations, deciding, grants, ledger, loss, procedures, protection, visits
from enrollment.acts import SignedAct, What
from enrollment.approvals import ApprovalEvent
from enrollment.counters import Affair
from enrollment.errors import ActNotSigned, ActRefused, NeedsApproval, SamePerson, SignatureInvalid
from enrollment.events import EventKind
from enrollment.grants import GrantKind
from enrollment.ledger import Happening
from enrollment.operators import Role
from enrollment.store import people as rows
from pki.instant import Validity
from tests.enrollment.town import ALWAYS, AT, TOWN, found, hanako, operator, resident, seen
from tests.verifier.filing_world import build_world

WORLD = build_world()
CARDS = {
    "anna": WORLD.signer,
    "bert": WORLD.signature_certificate("bert"),
    "carla": WORLD.signature_certificate("c"),
    "dora": WORLD.signature_certificate("d"),
}


@pytest.fixture
def town(database, random):
    def enter(conn):
        found(conn)
        for name, roles in (("anna", (Role.CLERK,)), ("bert", (Role.CLERK, Role.SUPERVISOR)), ("carla", (Role.CLERK,))):
            fingerprint = CARDS[name].certificate.fingerprint.hex()
            rows.add_operator(conn, replace(operator(name, "main", *roles), card_fingerprint=fingerprint))
        acts.demand(conn, TOWN, AT, "council")
        person = resident(conn, random)
        ledger.record(conn, Happening(person, EventKind.ANCHOR, "anna"), AT, random)
        move, _ = ledger.record(conn, Happening(person, EventKind.REMOTE_MOVE, person), AT, random)
        return person, move.event

    return Town(database, random, *database.transaction(enter))


class Town:
    """A town whose officers have cards and must use them."""

    def __init__(self, database, random, person, event):
        self.database, self.random, self.person, self.event = database, random, person, event

    def operator(self, name):
        return self.database.read(lambda c: rows.operator_of(c, name))

    def signed(self, who, what, subject, content, at=AT, card=None, **changes):
        act = replace(acts.prepare(self.operator(who), what, subject, content, at, self.random), **changes)
        return SignedAct(act, CARDS[card or who].sign(act.to_be_signed()))

    def keep(self, signed, at=AT, certificate=None):
        given = certificate or CARDS[signed.act.operator].certificate.der
        return self.database.transaction(lambda c: acts.record(c, signed, at, given))

    def sign(self, who, what, subject, content, at=AT):
        return self.keep(self.signed(who, what, subject, content, at), at)

    def do(self, act, *arguments, **more):
        return self.database.transaction(lambda c: act(c, *arguments, **more))

    def correction(self):
        """Proposed by one, approved by another, each with their own card; the approval's id."""
        content = procedures.content_of("correction", person=self.person, event=self.event)
        self.sign("anna", What.PROPOSE, self.person, content)
        proposed = self.do(
            procedures.propose_correction,
            self.person,
            self.event,
            self.operator("anna"),
            AT,
            self.random,
            "typed twice",
        )
        yes = deciding.decision_content(proposed, ApprovalEvent.APPROVE)
        self.sign("bert", What.APPROVE, proposed.approval, yes)
        self.do(deciding.approve, proposed.approval, self.operator("bert"), AT)
        return proposed.approval, content


def test_a_correction_is_signed_three_times_and_the_ledger_names_the_act(town):
    approval, content = town.correction()
    with pytest.raises(ActNotSigned):
        town.do(procedures.correct, town.person, town.event, approval, town.operator("anna"), AT, town.random)
    act = town.sign("anna", What.CORRECT, town.person, content)
    done = town.do(procedures.correct, town.person, town.event, approval, town.operator("anna"), AT, town.random)
    assert done.evidence == (content, act)
    assert town.database.read(acts.verify) == (3, ())
    assert town.database.read(lambda c: acts.verify(c, town.person))[0] == 2


def test_a_signature_does_one_thing_once(town):
    wrong = procedures.content_of("correction", person=town.person, event="0" * 32)
    town.sign("anna", What.PROPOSE, town.person, wrong)
    ask = (procedures.propose_correction, town.person, town.event, town.operator("anna"), AT, town.random, "x")
    with pytest.raises(ActNotSigned):  # it names another event
        town.do(*ask)
    content = procedures.content_of("correction", person=town.person, event=town.event)
    town.sign("carla", What.PROPOSE, town.person, content)
    with pytest.raises(ActNotSigned):  # it is a colleague's
        town.do(*ask)
    town.sign("anna", What.CORRECT, town.person, content)
    with pytest.raises(ActNotSigned):  # it says do, not propose
        town.do(*ask)
    town.sign("anna", What.PROPOSE, town.person, content)
    late = (*ask[:4], AT + timedelta(minutes=5, seconds=1), *ask[5:])
    with pytest.raises(ActNotSigned):
        town.do(*late)
    assert town.do(*ask)
    with pytest.raises(ActNotSigned):  # used up
        town.do(*ask)


def test_what_is_refused_before_it_is_kept(town):
    good = town.signed("anna", What.PROPOSE, "x", "c")
    assert town.keep(good) == town.keep(good)  # once more changes nothing
    for at in (AT + timedelta(seconds=-1), AT + timedelta(minutes=5, seconds=1)):
        with pytest.raises(ActRefused):
            town.keep(town.signed("anna", What.PROPOSE, "y", "c"), at)
    with pytest.raises(ActRefused):
        town.keep(town.signed("anna", What.PROPOSE, "y", "c", counter="branch"))
    with pytest.raises(ActRefused):  # the same nonce under another act
        town.keep(town.signed("anna", What.PROPOSE, "y", "c", nonce=good.act.nonce))
    for card in ("bert", "carla"):
        with pytest.raises(SignatureInvalid):  # another officer's card, whichever certificate is shown
            town.keep(town.signed("anna", What.PROPOSE, "y", "c", card=card), certificate=CARDS[card].certificate.der)
        with pytest.raises(SignatureInvalid):
            town.keep(town.signed("anna", What.PROPOSE, "y", "c", card=card))
    changed = town.signed("anna", What.PROPOSE, "y", "c")
    with pytest.raises(SignatureInvalid):
        town.keep(replace(changed, act=replace(changed.act, subject="z")))
    with pytest.raises(SignatureInvalid):
        town.keep(replace(changed, signature=b""))
    with pytest.raises(SignatureInvalid):  # not issued here, and none was shown
        town.do(acts.record, changed, AT)


@pytest.mark.parametrize(
    ("column", "value"),
    [("subject", "'somebody'"), ("content", "'other'"), ("at", "at + 1"), ("signature", "x'00'"),
     ("operator", "'carla'"), ("card_fingerprint", "'00'")],
)  # fmt: skip
def test_whoever_changes_a_kept_act_is_found_out(town, column, value):
    name = town.sign("anna", What.SUSPEND, town.person, "c")
    if column == "signature" and town.database.engine.dialect.name == "postgresql":
        value = "'\\x00'"
    with town.database.engine.begin() as conn:
        conn.execute(text(f"UPDATE enrollment_acts SET {column} = {value}"))
    count, faults = town.database.read(acts.verify)
    assert (count, [fault.act for fault in faults]) == (1, [name])


def test_every_act_stands_in_the_towns_log(town):
    from transparency.entry import EntryKind

    name = town.sign("anna", What.SUSPEND, town.person, "c")
    with town.database.engine.connect() as conn:
        entries = conn.execute(text("SELECT * FROM transparency_staged")).all()
    wanted = EntryKind.ACT.encode() + b"\n" + bytes.fromhex(name)
    assert any(wanted in [bytes(v) for v in row if isinstance(v, bytes | memoryview)] for row in entries)


def test_evidence_without_a_signature_is_no_evidence_there(town):
    evidence = seen(town.person, officer="anna")
    with pytest.raises(ActNotSigned):
        town.do(visits.check, evidence, "anna", AT, town.random)
    signed = replace(evidence, signature=CARDS["anna"].sign(evidence.to_be_signed()))
    certificate = CARDS["anna"].certificate.der
    checked = town.do(visits.check, signed, "anna", AT, town.random, officer_certificate=certificate)
    assert checked.event.kind is EventKind.ANCHOR


def test_before_the_day_it_is_demanded_nothing_changes(town):
    early = AT + timedelta(seconds=-1)
    anna = town.operator("anna")
    proposed = town.do(deciding.propose, anna, Affair.CORRECTION, town.person, "c", early, town.random)
    assert proposed.proposed_by == "anna"
    acts_demanded = town.database.read(lambda c: [acts.is_demanded(c, TOWN, at) for at in (early, AT)])
    assert acts_demanded == [False, True]
    town.do(acts.demand, TOWN, AT + timedelta(days=9), "somebody")  # never taken back, never put off
    assert town.database.read(lambda c: acts.is_demanded(c, TOWN, AT))


def test_never_the_same_person_or_card(town):
    content = procedures.content_of("correction", person=town.person, event=town.event)
    town.sign("bert", What.PROPOSE, town.person, content)
    bert = town.operator("bert")
    mine = town.do(procedures.propose_correction, town.person, town.event, bert, AT, town.random, "x")
    town.sign("bert", What.APPROVE, mine.approval, deciding.decision_content(mine, ApprovalEvent.APPROVE))
    with pytest.raises(SamePerson):
        town.do(deciding.approve, mine.approval, bert, AT)
    twin = replace(bert, operator="twin")  # another name with the same card
    with pytest.raises(SamePerson):
        town.do(deciding.approve, mine.approval, twin, AT)
    with pytest.raises(NeedsApproval):
        town.do(deciding.use, mine.approval, Affair.CORRECTION, town.person, content, AT)


def _grant_parts(town):
    holder = town.database.transaction(lambda c: resident(c, town.random))
    scope = frozenset({Affair.MOVE})
    return holder, scope, Validity(AT, ALWAYS.not_after)


def test_each_single_handed_act_is_signed_too(town):
    anna, other = town.operator("anna"), hanako(address="東京都見本区新町１番")
    holder, scope, validity = _grant_parts(town)
    given = (town.person, holder, GrantKind.PROXY, scope, validity, "d" * 64)
    cases = (
        (What.OFFICIAL_CHANGE, procedures.official_content(town.person, other),
         lambda: town.do(procedures.official_change, town.person, other, anna, AT, town.random)),
        (What.CONFIRM_CHECK, confirmations.content_of(town.person, "post"),
         lambda: town.do(confirmations.confirm, anna, town.person, "post", AT, town.random)),
        (What.GRANT, grants.content_of(*given), lambda: town.do(grants.give, *given, anna, AT, town.random)),
    )  # fmt: skip
    for what, content, act in cases:
        with pytest.raises(ActNotSigned) as refused:
            act()
        assert refused.value.what == what
        town.sign("anna", what, town.person, content)
        assert act() is not None
    grant = town.database.read(lambda c: grants.grants_of(c, town.person))[0].grant
    with pytest.raises(ActNotSigned):
        town.do(grants.revoke, town.person, grant, anna, AT)
    town.sign("anna", What.REVOKE_GRANT, town.person, grants.revoke_content(town.person, grant))
    assert town.do(grants.revoke, town.person, grant, anna, AT)


def test_a_card_reported_lost_by_an_officer_is_signed_for_and_by_its_holder_is_not(town):
    from enrollment import card_life

    for card in ("CARD-A", "CARD-B"):
        town.do(card_life.prepare, card, town.person, TOWN, ALWAYS.not_after, AT)
    with pytest.raises(ActNotSigned):
        town.do(loss.report, "CARD-A", "anna", AT, town.random)
    town.sign("anna", What.REPORT_LOSS, town.person, loss.content_of("CARD-A"))
    town.do(loss.report, "CARD-A", "anna", AT, town.random)
    town.do(loss.report, "CARD-B", town.person, AT, town.random)  # at any hour, by whoever has it no more


def test_a_support_measure_is_signed_for_step_by_step(town):
    guard = replace(
        operator("dora", "main", Role.CLERK, Role.PROTECTION),
        card_fingerprint=CARDS["dora"].certificate.fingerprint.hex(),
    )
    town.do(rows.add_operator, guard)
    for act in ("apply", "confirm", "stop-release"):
        step = {"apply": protection.apply, "confirm": protection.confirm, "stop-release": protection.stop_release}[act]
        with pytest.raises(ActNotSigned):
            town.do(step, town.person, guard, AT, town.random)
        town.sign("dora", What.PROTECTION, town.person, protection.act_content(act, town.person))
        assert town.do(step, town.person, guard, AT, town.random).state.masks
