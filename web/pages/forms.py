"""Reading a form, and whether this session's own page sent it."""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from fastapi import Request

from web.errors import FormRefused
from web.pages.sessions import Session

TOKEN: Final = "form"  # noqa: S105
"""The name of the hidden field."""
_MOST_FIELDS: Final = 200


class Form(Mapping[str, str]):
    """The last value of each field, stripped; `all` gives every value of one."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name][-1].strip()

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def all(self, name: str) -> list[str]:
        """Every value of the field."""
        return [value.strip() for value in self._fields.get(name, [])]


async def read_form(request: Request) -> Form:
    """The form of a request, urlencoded. Errors: FormRefused for another kind of body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    body = await request.body()
    if body and kind != "application/x-www-form-urlencoded":
        raise FormRefused
    try:
        return Form(parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise FormRefused from None


def require_own(request: Request, session: Session | None, form: Form, origin: str) -> None:
    """See that the form has this session's token and comes from our origin. Errors: FormRefused."""
    said = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if said != origin or site != "same-origin" or session is None:
        raise FormRefused
    if not hmac.compare_digest(form.get(TOKEN, "").encode(), session.form_token.encode()):
        raise FormRefused
