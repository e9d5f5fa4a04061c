"""Days as an iCalendar file (RFC 5545), by the library for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from icalendar import Alarm, Calendar, Event

from pki.instant import Instant

REMIND = (timedelta(days=-30), timedelta(days=-7))


@dataclass(frozen=True, slots=True)
class Day:
    """One whole day in Japan. `name` tells it from the others in one calendar; a later file replaces it."""

    name: str
    day: date
    what: str


def calendar(days: Iterable[Day], at: Instant) -> bytes:
    """The file, made at `at`; each day reminds a month and a week before."""
    made = Calendar()
    made.add("prodid", "-//Jitsuin//days//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    for one in days:
        event = Event()
        event.add("uid", f"{one.name}@jitsuin")
        event.add("dtstamp", at.datetime)
        event.add("dtstart", one.day)
        event.add("summary", one.what)
        event.add("transp", "TRANSPARENT")
        for before in REMIND:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", one.what)
            alarm.add("trigger", before)
            event.add_component(alarm)
        made.add_component(event)
    return bytes(made.to_ical())
