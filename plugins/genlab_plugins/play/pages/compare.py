"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import Request
from nicegui import ui

from genlab import GenlabError, Run
from genlab_plugins.play.generating import Choice, walk
from genlab_plugins.play.pages.frame import Message, address, framed, message, titled
from genlab_plugins.play.pages.training import TrainingView
from genlab_plugins.play.plane import fall, model_of
from genlab_plugins.play.shelf import Opened, Shelf
from genlab_plugins.play.widgets.latest import Latest, away
from genlab_plugins.play.widgets.square import Square
from genlab_plugins.play.widgets.tiles import Tiles

__all__ = ["compare_page"]

_SHOWN = 12
_POINTS = 600


def compare_page(shelf: Shelf) -> None:
    """Put the page at ``/compare?run=NAME&run=NAME``."""

    async def several(request: Request) -> None:
        names = list(dict.fromkeys(request.query_params.getlist("run")))
        with framed(", ".join(names) or "no runs"):
            await ui.context.client.connected()
            waiting = ui.spinner(size="lg")
            opened = []
            for name in names:
                try:
                    found = await away(partial(_opened, shelf, name))
                except GenlabError as error:
                    message(str(error))
                    continue
                if found.problem:
                    message(f"{name}: {found.problem}")
                if found.run is not None:
                    opened.append(found)
            waiting.delete()
            if len(opened) < 2:
                message("a comparison takes at least two runs", kind="note")
            if opened:
                _samples(opened)
                TrainingView(shelf, opened)

    ui.page("/compare")(several)


def _opened(shelf: Shelf, name: str) -> Opened:
    return shelf.open(shelf.place(name))


def _samples(opened: Sequence[Opened]) -> None:
    shown = [each for each in opened if not each.problem]
    if not shown:
        return
    with ui.element("section").classes("play-card"):
        titled("Samples", "Of the same seed, drawn as each run draws them.")
        with ui.element("div").classes("play-columns"):
            for each in shown:
                with ui.element("div"):
                    ui.link(each.place.name, address("run", each.place.name)).classes("play-sub")
                    _Column(each)


class _Column:
    """Samples of one run."""

    def __init__(self, opened: Opened) -> None:
        assert opened.run is not None
        self.run: Run = opened.run
        ui.label(self.run.config.made_of).classes("play-quiet").style("margin-bottom: 8px")
        problem = Message()
        images = opened.view == "images"
        self.tiles = Tiles(f"sample of {opened.place.name}") if images else None
        self.square = (
            None if images else Square(f"samples of {opened.place.name}", layers=("samples",))
        )
        self.latest = Latest(problem)
        ui.timer(0.01, self._draw, once=True)

    async def _draw(self) -> None:
        if self.tiles is not None:
            async for step in self.latest.each(lambda: walk(self.run, Choice(n=_SHOWN))):
                self.tiles.show(step.x_t.cpu())
        elif self.square is not None:
            async for step in self.latest.each(lambda: fall(model_of(self.run), _POINTS)):
                self.square.points("samples", step.x_t)
