"""Answers kept with the time in which they hold."""

from typing import Generic, TypeVar

_T = TypeVar("_T")


class Lasting(Generic[_T]):
    """Answers that hold from one second to another, by all else that they hang on; only so many are kept."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[tuple[object, ...], tuple[int, int, _T]] = {}

    def get(self, key: tuple[object, ...], at: int) -> tuple[int, int, _T] | None:
        """(since, until, answer) if it holds at `at`."""
        found = self._kept.get(key)
        return found if found is not None and found[0] <= at <= found[1] else None

    def put(self, key: tuple[object, ...], since: int, until: int, answer: _T) -> None:
        """Keep one answer; all go when it is full."""
        if len(self._kept) >= self._most:
            self._kept = {}
        self._kept[key] = since, until, answer
