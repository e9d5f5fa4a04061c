"""Results kept by their octets, but only for few octets: whoever sends many fills no memory with them."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, wraps
from typing import Any, Protocol, TypeVar, cast

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


def make_room(kept: dict[Any, Any], most: int) -> None:
    """Drop the oldest entries until one more fits. Other threads may add and drop at the same time."""
    while len(kept) >= most:
        # whoever changed it between looking and taking did the same work: look again
        with suppress(RuntimeError, StopIteration):
            kept.pop(next(iter(kept)), None)


class Kept(Protocol[_T_co]):
    """A function of octets whose results are kept."""

    def __call__(self, octets: bytes, /) -> _T_co: ...

    def cache_clear(self) -> None:
        """Forget everything."""


def kept(most: int, octets: int) -> Callable[[Callable[[bytes], _T]], Kept[_T]]:
    """Keep the last `most` results of a pure function for arguments of at most `octets`; others are computed."""

    def decorate(function: Callable[[bytes], _T]) -> Kept[_T]:
        cached = lru_cache(maxsize=most)(function)

        @wraps(function)
        def call(argument: bytes, /) -> _T:
            return cached(argument) if len(argument) <= octets else function(argument)

        call.cache_clear = cached.cache_clear  # type: ignore[attr-defined]
        return cast("Kept[_T]", call)

    return decorate
