"""Results kept by their octets, but only for few octets: whoever sends many fills no memory with them."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Protocol, TypeVar, cast

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


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
