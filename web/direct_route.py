"""Routes that the OpenAPI document describes as any other, and that are answered without the framework in between.

What FastAPI does around an endpoint costs several times what reading one model and sending one answer does. A direct
route has one model as its body and nothing else: no dependency, no header, no path parameter. `web.application` looks
for it by method and path before the framework is asked; limits, headers, problems and the log are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pki.errors import Error
from web.request_json import read_json

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
OnError = Callable[[Request, Exception], Awaitable[Response]]
_JSON: Final = b"application/json"


class StrictRoute(APIRoute):
    """A route whose JSON body is read by `read_json`; all else is FastAPI's."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, given a request that is read already. Errors: Malformed."""
        handle: Handler = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            octets = await request.body()
            is_read = octets and _is_json(request.scope)
            return await handle(_Read(request.scope, octets, read_json(octets)) if is_read else request)

        return strictly


class DirectRoute(StrictRoute):
    """A route that `answer` serves, whether the framework or `Direct` calls it."""

    def get_route_handler(self) -> Handler:
        """The same answer, for whoever comes by the framework."""

        async def directly(request: Request) -> Response:
            return await self.answer(request.scope, request.receive)

        return directly

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """What the endpoint says to the model in the body. Errors: Malformed, RequestValidationError."""
        octets = await _body(receive)
        if not _is_json(scope):
            raise RequestValidationError([{"loc": ("body",), "msg": "a body of application/json is expected"}])
        value = read_json(octets)
        try:
            sent = self._model.model_validate(value)
        except ValidationError as bad:
            wrong = [{**one, "loc": ("body", *one["loc"])} for one in bad.errors(include_url=False)]
            raise RequestValidationError(wrong) from None
        said: Response = await self.endpoint(sent)
        return said

    @property
    def _model(self) -> type[BaseModel]:
        assert self.body_field is not None, "a direct route has a model as its body"
        model = self.body_field.field_info.annotation
        assert isinstance(model, type), "and nothing else"
        assert issubclass(model, BaseModel), "and nothing else"
        return model


class Direct:
    """Serves the direct routes of `routers`, and hands everything else to `inner`."""

    def __init__(self, inner: ASGIApp, routers: Sequence[APIRouter], on_error: OnError) -> None:
        """`on_error` makes the answer to what a route raises, whatever it is."""
        self._inner, self._on_error = inner, on_error
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if isinstance(route, DirectRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._inner(scope, receive, send)
            return
        scope["route"] = route
        try:
            said = await route.answer(scope, receive)
        except (Error, RequestValidationError, HTTPException) as refusal:
            said = await self._on_error(Request(scope), refusal)
        except Exception as unforeseen:
            said = await self._on_error(Request(scope), unforeseen)
            await said(scope, receive, send)
            raise
        await said(scope, receive, send)


class _Read(Request):
    """A request whose body is in memory, and whose JSON is read."""

    def __init__(self, scope: Scope, octets: bytes, value: object) -> None:
        async def again() -> Message:
            return {"type": "http.request", "body": octets, "more_body": False}

        super().__init__(scope, again)
        self._value = value

    async def json(self) -> Any:
        return self._value


def _is_json(scope: Scope) -> bool:
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return kind == _JSON or kind.partition(b";")[0].strip().lower() == _JSON


async def _body(receive: Receive) -> bytes:
    """All of it. Errors: HTTPException (400) when whoever sent it is gone: nobody reads the answer."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise HTTPException(400)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
