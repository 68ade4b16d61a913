"""Samples of an image run: how they form, what they resemble, and the way between two of them."""

from __future__ import annotations

from nicegui import ui
from torch import Tensor

from genlab import DiffusionModel, Run, Step
from genlab_plugins.play.generating import likenesses, priors, walk
from genlab_plugins.play.mixing import can_mix, mixed
from genlab_plugins.play.pages.controls import Controls, Slider, slider
from genlab_plugins.play.pages.frame import Message, titled
from genlab_plugins.play.widgets.latest import Latest
from genlab_plugins.play.widgets.tiles import Picture, Tiles

__all__ = ["GenerateCard"]

_SHOWN = 16
_STATE, _ESTIMATE = "x_t", "estimate"


class GenerateCard:
    """Cards: samples and how they form, what those that are picked resemble, and the way between two.

    Args:
        run: A run of images.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.diffusion = isinstance(run.model, DiffusionModel)
        self.steps: list[Step] = []
        self.picked: list[int] = []
        with ui.element("section").classes("play-card"):
            titled("Generate", self._explained())
            self.controls = Controls(run, with_prior=True)
            with ui.element("div").classes("play-row"):
                ui.button("Generate", icon="auto_awesome", on_click=self._generate).props(
                    "unelevated no-caps"
                )
                other = ui.button("Next seed", icon="casino", on_click=self._next)
                other.props("outline no-caps")
            self.problem = Message()
            self.tiles = Tiles("sample", self._pick)
            if self.diffusion:
                self._walk_controls()
        with ui.element("section").classes("play-card"):
            titled("Picked samples", "Pick one or two of the samples above by clicking them.")
            self._between()
        self.latest, self.mixing = Latest(self.problem), Latest(self.problem)
        ui.timer(0.01, self._generate, once=True)

    def _explained(self) -> str:
        if not self.diffusion:
            return "Samples of the density, drawn at once."
        if priors(self.run):
            return "Samples walk back from degraded states that the prior draws."
        return (
            "Samples walk back from pure noise: nothing of the data is left at t = 1, and there is no prior "
            "to choose."
        )

    def _walk_controls(self) -> None:
        with ui.element("div").classes("play-slider"):
            ui.label("on the way")
            self.at = Slider(min=0, max=1, step=1, value=1).props('aria-label="state on the way"')
            self.time = ui.label("t = 0").classes("play-value")
        self.what = ui.toggle({_STATE: "state x_t", _ESTIMATE: "estimate of x_0"}, value=_STATE)
        self.what.props("no-caps dense unelevated padding='2px 12px'")
        self.at.on_value_change(self._show_state)
        self.what.on_value_change(self._show_state)

    def _between(self) -> None:
        with ui.element("div") as self.found:
            ui.label("Nearest training images").classes("play-sub")
            ui.label(
                "Apart by the root of the mean squared difference of their pixels, which go from -1 to 1."
            ).classes("play-quiet")
            with ui.element("div").classes("play-row").style("margin-top: 8px"):
                self.pairs = [self._pair(letter) for letter in "AB"]
        self.found.set_visibility(False)
        with ui.element("div").classes("play-strip") as self.path:
            ui.label("From A to B").classes("play-sub")
            self.strip = Tiles("on the path, point")
            if self.diffusion:
                self.t = slider(
                    "mixed at t", least=0.05, most=1, step=0.05, value=0.5, on_change=self._mix
                )
        self.path.set_visibility(False)

    def _pair(self, letter: str) -> tuple[ui.element, Picture, Picture, ui.label]:
        with ui.element("div") as box:
            with ui.element("div").style("display: flex; gap: 8px"):
                sample = Picture(f"sample {letter}", 84)
                image = Picture(f"training image nearest to {letter}", 84)
            caption = ui.label().classes("play-caption")
        box.set_visibility(False)
        return box, sample, image, caption

    async def _next(self) -> None:
        self.controls.next_seed()
        await self._generate()

    async def _generate(self) -> None:
        choice = self.controls.choice(_SHOWN)
        self.steps = []
        self._unpick()
        async for step in self.latest.each(lambda: walk(self.run, choice)):
            self.steps.append(step)
            self._show(step)
        if self.diffusion and self.steps:
            self.at.props["max"] = max(len(self.steps) - 1, 1)
            self.at.value = len(self.steps) - 1
            self.at.update()

    def _show(self, step: Step) -> None:
        estimate = self.diffusion and self.what.value == _ESTIMATE
        self.tiles.show((step.estimate if estimate else step.x_t).cpu())
        if self.diffusion:
            self.time.text = f"t = {step.t:.2f}"

    def _show_state(self) -> None:
        if self.steps:
            self._show(self.steps[min(int(self.at.value or 0), len(self.steps) - 1)])

    def _unpick(self) -> None:
        self.picked = []
        self.tiles.mark(())
        self.found.set_visibility(False)
        self.path.set_visibility(False)

    async def _pick(self, place: int) -> None:
        if not self.steps or self.steps[-1].t > 0:
            return
        if place in self.picked:
            self.picked.remove(place)
        else:
            self.picked = [*self.picked[-1:], place]
        self.tiles.mark(self.picked)
        x = self._samples()[self.picked]
        self.found.set_visibility(bool(self.picked))
        found = await self.mixing.one(lambda: likenesses(self.run, x)) if len(x) else []
        for position, (box, sample, image, caption) in enumerate(self.pairs):
            box.set_visibility(position < len(self.picked))
            if found and position < len(found):
                sample.show(x[position])
                image.show(found[position].image)
                caption.text = f"{'AB'[position]} · {found[position].distance:.2f} apart"
        await self._mix()

    async def _mix(self) -> None:
        both = len(self.picked) == 2 and can_mix(self.run)
        self.path.set_visibility(both)
        if not both:
            return
        a, b = self._samples()[self.picked]
        t, choice = float(self.t.value) if self.diffusion else 0.5, self.controls.choice(1)
        found = await self.mixing.one(
            lambda: mixed(self.run, a, b, t=t, steps=choice.steps, seed=choice.seed)
        )
        if found is not None:
            self.strip.show(found)

    def _samples(self) -> Tensor:
        return self.steps[-1].x_t.cpu().clamp(-1, 1)
