"""Points that fall into their data, and the drift that carries them."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from genlab import DensityModel, DiffusionModel, Run, Step
from genlab_plugins.play.pages.controls import Controls, slider
from genlab_plugins.play.pages.frame import Message, titled
from genlab_plugins.play.plane import (
    REACH,
    density_uri,
    drift,
    drop,
    fall,
    ideal,
    model_of,
    points_of,
)
from genlab_plugins.play.widgets.latest import Latest
from genlab_plugins.play.widgets.square import Square

__all__ = ["PlaneCard"]

_POINTS = 800
_GREY, _FALLING, _DROPPED = "#8a929c", "#3b82c4", "#e07b39"
_LAYERS = ("density", "data", "drift", "falling", "dropped")


class PlaneCard:
    """A card: the plane of the run, beside that of the ideal restorer where there is one.

    Args:
        run: A run of points in the plane.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.model = run, model_of(run)
        self.sides: list[_Side] = []
        with ui.element("section").classes("play-card"):
            titled("Points in the plane", self._explained())
            self.controls = Controls(run, with_prior=False)
            with ui.element("div").classes("play-row"):
                word = "Let points fall" if self.controls.diffusion else "Draw samples"
                ui.button(word, icon="play_arrow", on_click=self._fall).props("unelevated no-caps")
                ui.button("Next seed", icon="casino", on_click=self._next).props("outline no-caps")
                self.data = ui.switch("data", value=True, on_change=self._ground)
                if self.controls.diffusion:
                    self.arrows = ui.switch("drift", value=True, on_change=self._drift)
            self.problem = Message()
            if self.controls.diffusion:
                self.t = slider(
                    "time t", least=0.01, most=1, step=0.01, value=1, on_change=self._seek
                )
            self.columns = ui.element("div").classes("play-columns")
        self.drifting = Latest(self.problem)
        ui.timer(0.01, self._begin, once=True)

    def _explained(self) -> str:
        if isinstance(self.model, DensityModel):
            return "The density, and samples of it in front of the data (grey)."
        return (
            "Points start at t = 1 and fall into the data (grey) as t goes to 0. The slider goes back to any "
            "time, and arrows are the drift then. Click into a square to drop points there at that time."
        )

    async def _begin(self) -> None:
        """Show what was learned, and beside it the ideal restorer, once that has read the data."""
        self._lay_out("as learned", self.model)
        await self._fall()
        await self._ground()
        await self._drift()
        best = await self.drifting.one(lambda: ideal(self.run))
        if best is not None:
            self._lay_out("with the ideal restorer of the training points", best)
            await self._ground()
            await self._drift()
            await self.sides[-1].fall()

    def _lay_out(self, word: str, model: DiffusionModel | DensityModel) -> None:
        with self.columns:
            self.sides.append(_Side(self, word, model))

    async def _ground(self) -> None:
        found = await self.drifting.one(lambda: points_of(self.run))
        for side in self.sides:
            if found is None or not self.data.value:
                side.square.bare("data")
            else:
                side.square.points("data", found[0], colour=_GREY, size=1.8, alpha=0.45)
            if isinstance(side.model, DensityModel):
                model = side.model
                uri = await self.drifting.one(partial(density_uri, model))
                if uri:
                    side.square.picture("density", uri)

    async def _next(self) -> None:
        self.controls.next_seed()
        await self._fall()

    async def _fall(self) -> None:
        for side in self.sides:
            side.restart()
        for side in self.sides:
            await side.fall()

    async def _seek(self) -> None:
        for side in self.sides:
            side.seek(float(self.t.value))
        await self._drift()

    async def _drift(self) -> None:
        if not self.controls.diffusion:
            return
        for side in self.sides:
            model, t = side.model, float(self.t.value)
            if not self.arrows.value or not isinstance(model, DiffusionModel):
                side.square.bare("drift")
                continue
            found = await self.drifting.one(partial(drift, model, t))
            if found is None:
                return
            length = found.arrows.norm(dim=1).quantile(0.95).clamp_min(1e-6)
            ends = found.points + found.arrows / length * (REACH / 9)
            side.square.arrows("drift", found.points, ends, colour=_GREY)


class _Side:
    """One square and the model in it."""

    def __init__(self, card: PlaneCard, word: str, model: DiffusionModel | DensityModel) -> None:
        self.card, self.model = card, model
        self.steps: list[Step] = []
        with ui.element("div"):
            ui.label(word).classes("play-sub").style("margin-bottom: 6px")
            self.square = Square(f"points in the plane {word}", layers=_LAYERS, on_pick=self._drop)
            self.told = ui.label().classes("play-caption")
        self.falling, self.dropping = Latest(card.problem), Latest(card.problem)

    def restart(self) -> None:
        """Take away what fell before."""
        self.steps = []
        self.falling.stop()
        self.square.bare("dropped")

    async def fall(self) -> None:
        """Let points fall, and show each state as soon as it is there."""
        choice = self.card.controls.choice(_POINTS)
        async for step in self.falling.each(
            lambda: fall(
                self.model, choice.n, steps=choice.steps, sampler=choice.sampler, seed=choice.seed,
                label=choice.label, guidance=choice.guidance,
            )
        ):  # fmt: skip
            self.steps.append(step)
            self._show(step)

    def seek(self, t: float) -> None:
        """Show the state that is nearest to a time."""
        if self.steps:
            self._show(min(self.steps, key=lambda each: abs(each.t - t)))

    def _show(self, step: Step) -> None:
        self.square.points("falling", step.x_t, colour=_FALLING)
        self.told.text = f"points at t = {step.t:.2f}"

    async def _drop(self, x: float, y: float) -> None:
        model = self.model
        if not isinstance(model, DiffusionModel):
            return
        choice, t = self.card.controls.choice(1), float(self.card.t.value)
        async for step in self.dropping.each(
            lambda: drop(
                model, (x, y), t=t, steps=choice.steps, sampler=choice.sampler, seed=choice.seed
            )
        ):
            self.square.points("dropped", step.x_t, colour=_DROPPED, size=3, alpha=0.95)
