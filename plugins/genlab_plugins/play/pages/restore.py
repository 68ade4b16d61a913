"""Degrading an example, or a drawing, and restoring it."""

from __future__ import annotations

from nicegui import ui
from torch import Tensor

from genlab import GenlabError, Run
from genlab_plugins.play.pages.controls import slider
from genlab_plugins.play.pages.frame import Message, titled
from genlab_plugins.play.pictures import drawn
from genlab_plugins.play.restoring import fitting_samplers, restored
from genlab_plugins.play.widgets.latest import Latest, away
from genlab_plugins.play.widgets.pad import Pad
from genlab_plugins.play.widgets.tiles import Picture

__all__ = ["RestoreCard"]

_DIRECT = "direct"


class RestoreCard:
    """A card: an example, what is left of it at a time, and what the model makes of that.

    Args:
        run: A diffusion of images.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.place, self.seed, self.turn = run, -1, 0, 0
        self.x_0: Tensor | None = None
        with ui.element("section").classes("play-card"):
            titled("Restore", "Draw, or take a test image. The slider says how far it is degraded.")
            self.problem = Message()
            with ui.element("div").classes("play-restore"):
                with ui.element("div"):
                    self._sources()
                with ui.element("div").classes("play-results"):
                    self._results()
        self.latest = Latest(self.problem)
        ui.timer(0.01, self._another, once=True)

    def _sources(self) -> None:
        pen = 0.05 + 0.6 / self.run.spec.shape[1]
        self.pad = Pad(pen=pen, on_drawn=self._drawn)
        with ui.element("div").classes("play-row").style("margin-top: 10px; gap: 8px"):
            clear = ui.button("Clear", icon="clear", on_click=self.pad.clear_drawing)
            other = ui.button("Test image", icon="image", on_click=self._another)
        for button in (clear, other):
            button.props("outline no-caps dense padding='4px 12px'")

    def _results(self) -> None:
        self.pictures = []
        with ui.element("div").classes("play-trio"):
            for word in ("example", "degraded", "restored"):
                with ui.element("div"):
                    self.pictures.append(Picture(word))
                    ui.label(word).classes("play-caption")
        self.t = slider(
            "degraded to t", least=0, most=1, step=0.01, value=0.5, on_change=self._update
        )
        methods = {_DIRECT: "the restorer alone, at once"}
        methods |= {
            name: f"{name}, step by step" for name in fitting_samplers(self.run.degradation)
        }
        with ui.element("div").classes("play-row"):
            self.method = ui.select(methods, value=_DIRECT, label="restored by")
            self.method.props("dense outlined options-dense").style("min-width: 220px")
            again = ui.button("Other draw", icon="casino", on_click=self._again)
            again.props("outline no-caps dense padding='4px 12px'")
            again.tooltip("degrade with other noise, or another mask")
        self.method.on_value_change(self._update)

    async def _another(self) -> None:
        self.place += 1
        self.turn += 1
        mine = self.turn
        test = await away(lambda: self.run.data.test)
        if mine != self.turn:  # somebody has drawn meanwhile
            return
        self.x_0 = test.first(self.place % len(test) + 1)[0][-1].cpu()
        self.pad.clear_drawing()
        await self._update()

    async def _drawn(self, levels: list[int]) -> None:
        self.turn += 1
        try:
            train = await away(lambda: self.run.data.train)
            self.x_0 = drawn(levels, self.run.spec, train)
        except GenlabError as error:
            self.problem(str(error))
            return
        await self._update()

    async def _again(self) -> None:
        self.seed += 1
        await self._update()

    async def _update(self) -> None:
        x_0, t = self.x_0, float(self.t.value)
        if x_0 is None:
            return
        method, seed = str(self.method.value), self.seed
        self.pictures[0].show(x_0)
        found = await self.latest.one(
            lambda: restored(self.run, x_0, t=t, method=method, seed=seed)
        )
        if found is not None:
            self.pictures[1].show(found.x_t)
            self.pictures[2].show(found.restored)
