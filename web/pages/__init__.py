"""What all server-rendered pages stand on (desk, citizen, about): build a new set of pages in four steps.

1. Words: a table key → Words(ja, easy, en) in a file of its own (`wording.py` says how furigana is written).
2. Templates below web/templates/<pages>/, each beginning with `{% extends "pages/page.html" %}`; text is `t("key")`.
3. Sessions: one `Sessions` of a realm of its own ("desk", "citizen"); `Pages` renders, reads and checks forms.
4. Routes made with `Pages.get`/`Pages.post`: each says who may call it, so that no route is without a guard, and the
   test of role × route reads the same mark. A POST is refused without this session's token and our own Origin.

    wording.py    three languages, furigana, countable placeholders
    rendering.py  Jinja2, one nonce an answer, headers
    sessions.py   server-side sessions under a hashed cookie
    forms.py      reading a form, and whether it is ours
    router.py     routes with a guard
    static.py     our own CSS and JavaScript, under names that hold their digest
    card_login.py the card's token → whose it is
    coming_in.py  log-in with a reader and a card, and log-out, as all pages have them
    passkeys.py   WebAuthn for those without a card
    naming.py     what access records call things, in plain words
"""
