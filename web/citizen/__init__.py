"""A person's own pages: what is known of me here, who looked, what I may still do from home.

citizen.py    the parts put together
resident.py   who is logged in: whose card, or whose one-time code
codes.py      one-time codes from a counter, for those without a reader
entry.py      log-in with card or code, log-out, quick exit
home.py       the first page, certificates, calendar, notices, lock
trust.py      online moves left, the timeline, desks, booking one visit
history.py    who looked at me: filters, export with proofs, questions
moves.py      a household's move: paper, signatures, results
incidents.py  what went wrong, for everybody to read
agreements.py consents and representation
words*.py     every sentence, three times

Nothing here shows anybody but the card's owner, and of a protected person no place: whoever opened the page may be
somebody else with the card and its PIN.
"""
