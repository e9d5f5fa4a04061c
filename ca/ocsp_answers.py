"""Answers signed ahead (RFC 5019) and answers made for one request, behind one door.

    no nonce    signed once for everybody, kept until half of its life or until its status changes
    nonce       signed for this request

Either way the status is that of the moment of asking: whoever asks refreshes the view first, and a change drops every
kept answer about that certificate before the next one is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ca.ocsp import Answer, Question, Responder, refusal
from ca.ocsp_pack import Pack
from ca.ocsp_response import ResponseStatus
from ca.status_errors import ResponderUnusable
from ca.status_view import StatusView
from pki.errors import Error
from pki.instant import Instant


@dataclass(slots=True)
class Ready:
    """An answer kept for everybody. `tag`, `validators` and `tail` are the HTTP layer's: what it made of the answer."""

    answer: Answer
    fresh_until: int
    serials: tuple[int, ...] = ()
    tag: bytes = b""
    validators: bytes = b""
    tail: bytes = b""


@dataclass(slots=True)
class AnswerDesk:
    """The answers of one authority. From one thread only, after `view.refresh()`.

    A kept answer is found by the whole request; at most `most` are kept, the oldest go first.
    """

    responder: Responder
    view: StatusView
    packs: Sequence[Pack] = ()
    most: int = 100_000
    _kept: dict[bytes, Ready] = field(default_factory=dict)
    _about: dict[int, set[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.view.on_change.append(self._changed)

    def ready(self, octets: bytes, now: int) -> Ready | None:
        """The kept answer to exactly this request, if it is still fresh and everybody may have it."""
        found = self._kept.get(octets)
        return found if found is not None and now < found.fresh_until else None

    def make(self, octets: bytes, at: Instant, client: str | None = None) -> Ready:
        """An answer to a request: kept from now on if it may be given to others too. `client`: as `Access` has it."""
        responder = self.responder
        try:
            question = responder.understand(octets, at, client)
            if isinstance(question, ResponseStatus):
                return Ready(refusal(question), 0)
            if not responder.open:
                # Never kept, by us or by a cache: the next one who asks may be nobody.
                return Ready(replace(self._unkept(question, at), shared=False), 0)
            if question.request.nonce is not None or question.request.signature is not None:
                return Ready(responder.reply(question, at), 0)
            answer = self._packed(question, at) or self._signed(question, at)
            return self._keep(octets, question, answer, at) if answer.shared else Ready(answer, 0)
        except ResponderUnusable as error:
            responder.alarm(error)
            return Ready(refusal(ResponseStatus.INTERNAL_ERROR), 0)
        except Error as error:
            responder.alarm(error)
            return Ready(refusal(ResponseStatus.TRY_LATER), 0)

    def _unkept(self, question: Question, at: Instant) -> Answer:
        packed = self._packed(question, at) if question.request.nonce is None else None
        return packed or self.responder.reply(question, at)

    def _signed(self, question: Question, at: Instant) -> Answer:
        return self.responder.reply(question, at, self.responder.policy.presigned_validity)

    def _packed(self, question: Question, at: Instant) -> Answer | None:
        """The answer out of a pack, if the status has not changed since the pack was made."""
        if len(question.request.asked) != 1:
            return None
        asked = question.request.asked[0]
        authority = self.responder.authority
        for pack in self.packs:
            if pack.hash_name == asked.hash_name and pack.is_fresh(at):
                found = pack.find(asked.encoded, asked.serial)
                if found is not None and not self.view.changed_after(authority, asked.serial, pack.position):
                    return Answer(found, pack.this_update, pack.next_update, shared=True)
        return None

    def _keep(self, octets: bytes, question: Question, answer: Answer, at: Instant) -> Ready:
        assert answer.this_update is not None
        assert answer.next_update is not None
        half = answer.this_update + timedelta(seconds=(answer.next_update - answer.this_update).total_seconds() // 2)
        serials = tuple({asked.serial for asked in question.request.asked})
        ready = Ready(answer, max(half.seconds, at.seconds + 1), serials)
        self._forget(octets)
        if len(self._kept) >= self.most:
            self._forget(next(iter(self._kept)))
        self._kept[octets] = ready
        for serial in serials:
            self._about.setdefault(serial, set()).add(octets)
        return ready

    def _forget(self, octets: bytes) -> None:
        ready = self._kept.pop(octets, None)
        for serial in () if ready is None else ready.serials:
            about = self._about[serial]
            about.discard(octets)
            if not about:
                del self._about[serial]

    def _changed(self, authority: str, serial: int) -> None:
        if authority == self.responder.authority:
            for octets in list(self._about.get(serial, ())):
                self._forget(octets)
