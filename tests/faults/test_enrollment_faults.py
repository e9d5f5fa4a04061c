"""Each statement of enrolling, moving and renewing fails once: as a lost race, or for good. The next call finishes."""

import contextlib
import time

import pytest
from sqlalchemy import event

from enrollment.errors import Stale
from tests.enrollment.office import parts
from tests.enrollment.town import AT
from tests.faults.test_enrollment_kill import STORIES, Steps, office_of
from tests.support.chance import SeededOctets


class Broken(Exception):
    """The disk said no."""


class FailsOnce:
    """Raises at the n-th statement, then never again."""

    def __init__(self, last, error):
        self.count, self.last, self.error = 0, last, error

    def __call__(self, *_):
        self.count += 1
        if self.count == self.last:
            raise self.error


@pytest.fixture
def office(sqlite_database, tmp_path, request):
    return office_of(request.node.callspec.params["story"], sqlite_database, tmp_path, request.node.nodeid)


def with_fault(office, fault):
    own = type(office.database)(office.database.engine.url.render_as_string(hide_password=False))
    event.listen(own.engine, "before_cursor_execute", fault)
    return parts_of(own, office)


def parts_of(database, office):
    return parts(database, office.folder, SeededOctets(f"{time.monotonic_ns()}"))


def counted(office, story):
    begin, work, finish = STORIES[story](office, statements=True)
    steps = Steps()
    person, subject, card_id = begin(0)
    work(steps, subject, card_id)
    finish(person, subject, card_id)
    return steps.count


def attempt(own, story, subject, card):
    if story == "enrollment":
        own.issuing.continue_(subject, card, AT)
    else:
        own.moves.accept(*subject)


EVERY = {"quick": 11, "every": pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])}


@pytest.mark.parametrize("every", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("story", STORIES)
def test_a_lost_race_at_any_statement_is_run_again_by_itself(office, story, every):
    begin, _, finish = STORIES[story](office, statements=True)
    for last in range(5, counted(office, story) + 1, every):
        person, subject, card_id = begin(last)
        fault = FailsOnce(last, Stale("something"))
        own = with_fault(office, fault)
        with contextlib.suppress(Stale):  # read on opening, outside of any transaction that is run again
            attempt(own, story, subject, office.card(card_id))
        own.database.engine.dispose()
        finish(person, subject, card_id)


@pytest.mark.parametrize("every", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("story", STORIES)
def test_a_statement_that_fails_for_good_leaves_a_state_to_go_on_from(office, story, every):
    begin, _, finish = STORIES[story](office, statements=True)
    for last in range(1, counted(office, story) + 1, every):
        person, subject, card_id = begin(last)
        own = None
        try:
            own = with_fault(office, FailsOnce(last, Broken()))
            attempt(own, story, subject, office.card(card_id))
        except Broken:
            pass
        if own is not None:
            own.database.engine.dispose()
        finish(person, subject, card_id)
