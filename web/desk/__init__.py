"""The counter desk: a clerk's whole day in pages.

desk.py       the parts, and the routes put together
officer.py    who is logged in, at which desk, with the card still in the reader
entry.py      log-in with card or security key, log-out
people.py     searching and looking at people, always with an access record first
work.py       guided work as a table of states
beginnings.py beginning work with somebody, giving it up
checks.py     what was shown, and what follows at once
decisions.py  proposing, deciding at another seat, carrying out
card_work.py  steps that a card takes part in
ending.py     receipt and stock
errands.py    steps that wait for a card or a person, beside the page that shows them
cards.py      what the desk needs of a card in the agent's reader
pin_resets.py, changes.py, writing.py, household_work.py, roster.py, login_codes.py  what changes about a person
visits_today.py  booked visits, and codes made at home
working.py    the pages of guided work
news.py       what a page that waits is told
queue.py      the second person: approvals and confirmations, live
day.py        end of the day, stock, statistics, near misses
cases.py      residents' questions about records of access, answered in time
incidents.py  what went wrong: whom it concerns, telling them, drills
timeline.py   the trust timeline as a picture with words
incident_paper.py   the notice of one person
paper.py      receipts and notices as PDF
words*.py     every sentence, three times
"""
