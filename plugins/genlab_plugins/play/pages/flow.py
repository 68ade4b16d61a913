"""Latent space and data space of a flow of the plane, side by side."""

from __future__ import annotations

import torch
from nicegui import ui
from torch import Tensor

from genlab import Run
from genlab_plugins.play.latent import net, reach_of, regions_uri, sides, to_data, to_latent
from genlab_plugins.play.pages.controls import Controls
from genlab_plugins.play.pages.frame import Message, titled
from genlab_plugins.play.plane import density_uri, fall, points_of
from genlab_plugins.play.widgets.latest import Latest
from genlab_plugins.play.widgets.square import Square

__all__ = ["FlowCard"]

_LAYERS = ("ground", "net", "points", "marked")
_NONE, _DENSITY, _REGIONS = "nothing", "density", "decision regions"
_DATA, _SAMPLES = "test points", "samples"
_MARK = "#111111"


class FlowCard:
    """A card: points in the latent space of a flow, and the same points in the plane.

    Args:
        run: A flow of points in the plane.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.model = run, run.density_model
        with ui.element("section").classes("play-card"):
            titled(
                "Latent space and data space",
                "A flow maps each point of one to a point of the other. Click into either square to mark a "
                "point in both.",
            )
            self.controls = Controls(run, with_prior=False)
            with ui.element("div").classes("play-row"):
                self.what = ui.toggle([_DATA, _SAMPLES], value=_DATA, on_change=self._points)
                grounds = [_NONE, _DENSITY, *([_REGIONS] if self.model.conditional else [])]
                self.ground = ui.toggle(grounds, value=grounds[-1], on_change=self._ground)
                self.net = ui.switch("net", value=True, on_change=self._net)
                ui.button("Next seed", icon="casino", on_click=self._next).props(
                    "outline no-caps dense"
                )
            for toggle in (self.what, self.ground):
                toggle.props("no-caps dense unelevated padding='2px 12px'")
            self.problem = Message()
            with ui.element("div").classes("play-columns"):
                self.z = self._square("latent space z", self._pick_z)
                self.x = self._square("data space x", self._pick_x)
            self.told = ui.label().classes("play-quiet")
        self.latest, self.grounding = Latest(self.problem), Latest(self.problem)
        for each in (self.controls.seed, self.controls.label):
            if each is not None:
                each.on_value_change(self._points)
        ui.timer(0.01, self._begin, once=True)

    def _square(self, word: str, pick: object) -> Square:
        with ui.element("div"):
            ui.label(word).classes("play-sub").style("margin-bottom: 6px")
            return Square(word, layers=_LAYERS, on_pick=pick)  # type: ignore[arg-type]

    async def _begin(self) -> None:
        await self._points()
        await self._net()
        await self._ground()

    async def _next(self) -> None:
        self.what.value = _SAMPLES
        self.controls.next_seed()

    async def _points(self) -> None:
        found = await self.latest.one(self._chosen)
        if found is None:
            return
        x, z, y = found
        if self.z.reach != (reach := reach_of(z)):
            self.z.reaching(reach)
            await self._net()
        self.x.points("points", x, y)
        self.z.points("points", z, y)

    def _chosen(self) -> tuple[Tensor, Tensor, Tensor | None]:
        choice = self.controls.choice(1000)
        if self.what.value == _SAMPLES:
            (step,) = fall(self.model, choice.n, seed=choice.seed, label=choice.label)
            x, y = step.x_t, self.model.labels(choice.n, choice.label, seed=choice.seed)
        else:
            x, y = points_of(self.run)
            if choice.label is not None and y is not None:
                x, y = x[y == choice.label], y[y == choice.label]
        both = sides(self.model, x)
        return both.x, both.z, y

    async def _net(self) -> None:
        found = (
            await self.grounding.one(lambda: net(self.model, self.z.reach))
            if self.net.value
            else None
        )
        for square, place in ((self.z, 0), (self.x, 1)):
            if found is None:
                square.bare("net")
            else:
                square.lines("net", found[place], colour="#8a929c", alpha=0.55)

    async def _ground(self) -> None:
        make = {_DENSITY: density_uri, _REGIONS: regions_uri}.get(str(self.ground.value))
        uri = await self.grounding.one(lambda: make(self.model)) if make else None
        if uri is None:
            self.x.bare("ground")
        else:
            self.x.picture("ground", uri)

    def _pick_x(self, x: float, y: float) -> None:
        point = torch.tensor([[x, y]])
        self._mark(point, to_latent(self.model, point))

    def _pick_z(self, x: float, y: float) -> None:
        point = torch.tensor([[x, y]])
        self._mark(to_data(self.model, point), point)

    def _mark(self, x: Tensor, z: Tensor) -> None:
        self.x.points("marked", x, colour=_MARK, size=6, alpha=1, outlined=True)
        self.z.points("marked", z, colour=_MARK, size=6, alpha=1, outlined=True)
        said = f"x = ({x[0, 0]:.2f}, {x[0, 1]:.2f})   z = ({z[0, 0]:.2f}, {z[0, 1]:.2f})"
        said += f"   log p(x) = {float(self.model.log_prob(x)):.2f} nats"
        if self.model.conditional:
            posterior = self.model.classify(x)[0].exp()
            names = self.run.spec.names or tuple(map(str, range(len(posterior))))
            best = int(posterior.argmax())
            said += f"   class {names[best]} with {float(posterior[best]):.0%}"
        self.told.text = said
