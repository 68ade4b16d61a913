"""Work for a page, away from its loop: what is newer makes what is older stop."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from nicegui import run, ui

from genlab import GenlabError

__all__ = ["Latest", "away"]

T = TypeVar("T")


async def away(function: Callable[[], T]) -> T:
    """Return what a function returns, while the page goes on.

    Raises:
        CancelledError: The server stops.
    """
    found: list[T] | None = await run.io_bound(lambda: [function()])
    if found is None:
        raise CancelledError
    return found[0]


class Latest:
    """Carries out one piece of work at a time.

    Args:
        on_problem: Is called with the message of an error, and with an empty one where work begins.
    """

    def __init__(self, on_problem: Callable[[str], None]) -> None:
        self.turn, self.on_problem = 0, on_problem
        ui.context.client.on_delete(self.stop)

    def stop(self) -> None:
        """Make what is at work stop after its next step."""
        self.turn += 1

    async def each(self, make: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """Give what an iterator gives, each as soon as it is there, unless newer work has begun."""
        self.turn += 1
        mine = self.turn
        self.on_problem("")
        try:
            iterator = await away(make)
            while mine == self.turn:
                item = await away(lambda: next(iterator, None))
                if item is None or mine != self.turn:
                    return
                yield item
        except GenlabError as error:
            if mine == self.turn:
                self.on_problem(str(error))

    async def one(self, make: Callable[[], T]) -> T | None:
        """Return what a function returns; None where newer work has begun or it failed."""
        found = None
        async for item in self.each(lambda: iter([make()])):
            found = item
        return found
