"""A run: a folder with a model in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genlab.config import RunConfig
from genlab.errors import RequestError, unknown
from genlab.generation import DensityModel, DiffusionModel, Model, Prior, Step
from genlab.protocols import Dataset, DataSpec, Degradation, Density, Examples, Sampler
from genlab.registries import build
from genlab.restorer import Restorer
from genlab.runs.assembly import Parts, assemble, data_root, pick_device, refuse_sampler
from genlab.runs.folder import RunFolder
from genlab.training import read_checkpoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Run", "model_of"]


class Run:
    """A finished or unfinished run, opened from its folder.

    Sampling needs the folder alone. Weights are the moving average.

    Args:
        path: The run folder.
        device: Where to compute.

    Raises:
        RequestError: The folder is no run, or a component of it is not installed.
    """

    def __init__(self, path: str | Path, *, device: str = "auto") -> None:
        self.folder = RunFolder.open(Path(path))
        self.config: RunConfig = self.folder.config()
        self.spec: DataSpec = self.folder.spec()
        self.device = pick_device(device)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def history(self) -> list[dict[str, float]]:
        """One record per logged step."""
        return self.folder.history()

    @property
    def metrics(self) -> dict[str, Any]:
        """The final numbers, as they stand in ``metrics.json``; empty where there are none yet."""
        return self.folder.metrics()

    @cached_property
    def model(self) -> Model:
        """The model, with its averaged weights."""
        parts = assemble(self.config, self.spec)
        trained = parts.restorer.backbone if parts.restorer else parts.density
        assert trained is not None  # a run has one of the two
        checkpoint = read_checkpoint(self.folder.checkpoint_file)
        trained.load_state_dict(checkpoint.part("ema"))
        if parts.prior is not None:
            fitted = read_checkpoint(self.folder.prior_file)
            parts.prior.load_state_dict(fitted.part("prior"))
        return model_of(parts, self.config, self.device)

    @property
    def restorer(self) -> Restorer:
        """The restorer: ``run.restorer(x_t, t, y)`` estimates x_0."""
        return self._diffusion.restorer

    @property
    def degradation(self) -> Degradation:
        """The degradation."""
        return self.restorer.degradation

    @property
    def density(self) -> Density | None:
        """The density that was trained on the data, or the prior of the degraded state."""
        model = self.model
        return model.density if isinstance(model, DensityModel) else self._diffusion.prior.density

    @cached_property
    def dataset(self) -> Dataset:
        """The data set that the run learned from."""
        dataset: Dataset = build("dataset", self.config.dataset.name, **self.config.dataset.params)
        return dataset

    def examples(self, split: str = "train") -> Examples:
        """Load a split of the data set that the run learned from."""
        if split not in ("train", "test"):
            raise unknown("split", split, ["train", "test"])
        return self.dataset.load(split, data_root(self.config))  # type: ignore[arg-type]

    def sample(
        self,
        n: int = 64,
        *,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Draw samples from nothing but the run.

        Args:
            n: How many.
            steps: Steps of a walk; None: those of the run.
            sampler: A sampler, or the name of one; None: the one of the run.
            seed: The same seed gives the same samples on the same device.

        Returns:
            Samples ``(n, *shape)``, float32 on the CPU, in the data convention.

        Raises:
            RequestError: The sampler does not fit the degradation.
        """
        if n < 1:
            raise RequestError(f"n = {n}: at least one sample is needed")
        batch = self.config.sampling.batch
        if isinstance(self.model, DensityModel):
            if steps is not None or sampler is not None:
                raise RequestError(
                    f"{self.path} holds a density, which is sampled at once: it takes neither "
                    f"steps nor a sampler"
                )
            return self.model.sample(n, seed=seed, batch=batch)
        chosen = self._sampler(sampler)
        return self._diffusion.sample(
            n, seed=seed, batch=batch, steps=self._steps(steps, sampler, chosen), sampler=chosen
        )

    def walk(
        self,
        n: int = 8,
        *,
        steps: int | None = None,
        sampler: str | Sampler | None = None,
        seed: int = 0,
    ) -> Iterator[Step]:
        """Walk ``n`` samples back and hand out every ``(t, x_t, x_0 estimate)``."""
        chosen = self._sampler(sampler)
        return self._diffusion.walk(
            n, seed=seed, steps=self._steps(steps, sampler, chosen), sampler=chosen
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of data ``(B, *shape)`` in nats, ``(B,)``.

        Raises:
            RequestError: The run holds no density of the data.
        """
        if not isinstance(self.model, DensityModel):
            raise RequestError(
                f"{self.path} is a diffusion model, which has no density; "
                f"genlab run --density NAME trains one"
            )
        with torch.no_grad():
            return self.model.density.log_prob(x.to(self.device)).cpu()

    def figure(self, name: str) -> Figure:
        """Draw one of the run's figures.

        Args:
            name: One of :meth:`figures`.

        Returns:
            A matplotlib figure.

        Raises:
            RequestError: There is no such figure, or it does not fit this run.
        """
        from genlab.runs.gallery import draw

        return draw(self, name)

    def figures(self) -> list[str]:
        """Return the names of the figures that fit this run."""
        from genlab.runs.gallery import fitting

        return fitting(self)

    @property
    def _diffusion(self) -> DiffusionModel:
        if not isinstance(self.model, DiffusionModel):
            raise RequestError(f"{self.path} holds a density and no degradation to walk back")
        return self.model

    def _sampler(self, sampler: str | Sampler | None) -> Sampler:
        if sampler is None:
            return self._diffusion.sampler
        built: Sampler = build("sampler", sampler) if isinstance(sampler, str) else sampler
        name = sampler if isinstance(sampler, str) else type(sampler).__name__
        other = self.config.degradation.name if self.config.degradation else ""
        refuse_sampler(name, built, other, self.degradation)
        return built

    def _steps(self, steps: int | None, asked: str | Sampler | None, chosen: Sampler) -> int:
        if steps is not None:
            if steps < 1:
                raise RequestError(f"steps = {steps}: a walk has at least one step")
            return steps
        return self._diffusion.steps if asked is None else chosen.tags.steps


def model_of(parts: Parts, config: RunConfig, device: torch.device) -> Model:
    """Put built parts together to a model on a device."""
    if parts.restorer is None or parts.sampler is None:
        assert parts.density is not None  # assemble() gives one or the other
        return DensityModel(parts.spec, parts.density.to(device).eval(), device=device)
    restorer = parts.restorer.to(device).eval()
    density = None if parts.prior is None else parts.prior.to(device).eval()
    prior = Prior(restorer.degradation, parts.spec, density)
    steps = config.sampling.steps or parts.sampler.tags.steps
    return DiffusionModel(parts.spec, restorer, prior, parts.sampler, steps=steps, device=device)
