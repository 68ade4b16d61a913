"""Controls that several pages have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from genlab import DiffusionModel, Run
from genlab_plugins.play.generating import OF_THE_RUN, Choice, priors
from genlab_plugins.play.restoring import fitting_samplers

__all__ = ["Controls", "Slider", "slider"]

_ANY = -1  # the class that stands for classes at random


class Slider(ui.slider):
    """A slider that follows the hand at once, however busy the server is."""

    LOOPBACK = False


def slider(
    name: str, *, least: float, most: float, step: float, value: float, on_change: Callable[[], Any]
) -> Slider:
    """Lay out a slider with its name and its value."""
    with ui.element("div").classes("play-slider"):
        ui.label(name)
        found = Slider(min=least, max=most, step=step, value=value).props(f'aria-label="{name}"')
        shown = "{:.2f}" if step < 1 else "{:.0f}"
        ui.label().classes("play-value").bind_text_from(
            found, "value", lambda given: shown.format(given or 0)
        )
    found.on_value_change(lambda: on_change())
    return found


class Controls:
    """How samples are drawn: sampler, steps, seed, class, guidance and prior, as far as a run has them.

    Args:
        run: The run.
        with_prior: Whether the prior can be chosen.
    """

    def __init__(self, run: Run, *, with_prior: bool) -> None:
        self.run = run
        model = run.model
        self.diffusion = isinstance(model, DiffusionModel)
        self.sampler = self.steps = self.guidance = self.prior = self.label = None
        with ui.element("div").classes("play-controls"):
            if isinstance(model, DiffusionModel):
                own = f"{dict(run.config.components())['sampler'].name} (default)"
                names = {"": own} | {n: n for n in fitting_samplers(run.degradation)}
                self.sampler = _choice("sampler", names, "")
                self.steps = ui.number("steps", value=model.steps, min=1, max=1000, precision=0)
            self.seed = ui.number("seed", value=0, min=0, max=2**31, precision=0)
            if model.conditional:
                words = run.spec.names or tuple(map(str, range(run.spec.classes)))
                self.label = _choice("class", {_ANY: "any", **dict(enumerate(words))}, _ANY)
                if isinstance(model, DiffusionModel):
                    self.guidance = ui.number(
                        "guidance", value=model.guidance, min=0, max=20, step=0.5
                    )
            offered = priors(run) if with_prior else []
            if offered:
                self.prior = _choice("prior", dict.fromkeys(offered), OF_THE_RUN)
        for each in (self.steps, self.seed, self.guidance):
            if each is not None:
                each.props("dense outlined")

    def choice(self, n: int) -> Choice:
        """Return what is asked for, for ``n`` samples."""
        return Choice(
            n=n,
            steps=_whole(self.steps),
            sampler=(self.sampler.value or None) if self.sampler else None,
            seed=_whole(self.seed) or 0,
            label=None if self.label is None or self.label.value == _ANY else int(self.label.value),
            guidance=None
            if self.guidance is None or self.guidance.value is None
            else float(self.guidance.value),
            prior=str(self.prior.value) if self.prior else OF_THE_RUN,
        )

    def next_seed(self) -> None:
        """Go to the next seed."""
        self.seed.value = (_whole(self.seed) or 0) + 1


def _choice(name: str, options: Mapping[Any, Any], value: Any) -> ui.select:
    words = {key: key if word is None else word for key, word in options.items()}
    return ui.select(words, label=name, value=value).props("dense outlined options-dense")


def _whole(field: ui.number | None) -> int | None:
    return None if field is None or field.value is None else int(field.value)
