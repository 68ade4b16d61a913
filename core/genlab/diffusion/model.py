"""Whole models: what samples are drawn from."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from genlab.components.backbone import FittedBackbone
from genlab.components.dataset import DataSpec
from genlab.components.density import Density, FittedDensity, Flow
from genlab.components.sampler import Sampler
from genlab.diffusion.checks import (
    checked_count,
    checked_data,
    checked_guidance,
    checked_sampler,
    checked_temperature,
)
from genlab.diffusion.guidance import Guided
from genlab.diffusion.prior import Prior
from genlab.diffusion.restorer import Restorer
from genlab.diffusion.trajectory import Conditioned, Step, end_of, trajectory
from genlab.errors import RequestError
from genlab.seeds import generator_of, sub_seed

__all__ = ["Advance", "DensityModel", "DiffusionModel", "Label", "Model"]

Advance = Callable[[int], None]
"""Is called with what is done so far."""

ALL = slice(None)
"""All batches."""

Label = int | str | Sequence[int | str] | Tensor | np.ndarray
"""A class by number or name, or one for each sample."""


class Model(abc.ABC):
    """Something that samples can be drawn from (abstract).

    Args:
        spec: What the data is.
        device: Where to compute.
        conditional: Whether the model knows the classes of the data.
        batch: How many samples are drawn at once; another batch gives other samples.
    """

    def __init__(
        self, spec: DataSpec, *, device: torch.device, conditional: bool, batch: int
    ) -> None:
        self.spec, self.device, self.conditional, self.batch = spec, device, conditional, batch

    @property
    @abc.abstractmethod
    def averaged(self) -> bool:
        """Whether samples come from a moving average of weights."""

    @abc.abstractmethod
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        steps: int | None = None,
        sampler: Sampler | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        batch: int | None = None,
        batches: slice = ALL,
        advance: Advance | None = None,
    ) -> Tensor:
        """Draw samples.

        Args:
            n: How many.
            seed: The same seed gives the same samples on the same device.
            steps: Steps of a trajectory; None: the model's own.
            sampler: How to walk back; None: the model's own sampler.
            label: A class by number or name, or one for each sample; None: see :meth:`labels`.
            guidance: Scale of classifier-free guidance, at least 0; None: the model's own.
            temperature: Factor of the noise that a flow makes samples of, above 0: the lower, the nearer they
                are to what is usual, and the more alike; None: the model's own.
            batch: How many are drawn at once; None: the model's own.
            batches: Which of these batches are drawn; each is the same without the others.
            advance: Is called with the number of samples drawn so far.

        Returns:
            Samples ``(n, *shape)`` in the data convention, on the CPU; of some batches, those of them.

        Raises:
            RequestError: The sampler does not fit the degradation, the model knows no classes, or it holds a
                density, which is sampled at once and takes neither steps nor a sampler nor guidance. Or it is
                no flow, and takes no temperature.
        """

    def labels(self, n: int, label: Label | None = None, *, seed: int = 0) -> Tensor | None:
        """Return the labels that ``n`` samples follow.

        Args:
            n: How many samples.
            label: A class by number (an int) or name (a string), or one for each sample. None: classes drawn
                at random, each as likely.
            seed: The seed of the samples.

        Returns:
            Labels int64 ``(n,)``, or None where the model knows no classes.

        Raises:
            RequestError: There is no such class, or the model knows none.
        """
        n = checked_count("n", n, "at least one sample is needed")
        if not self.conditional:
            if label is not None:
                raise RequestError(f"label {label!r}: {WITHOUT_CLASSES}")
            return None
        if label is None:
            generator = generator_of(seed, "labels")
            return torch.randint(self.spec.classes, (n,), generator=generator)
        each = label.tolist() if isinstance(label, Tensor | np.ndarray) else label
        if not isinstance(each, Sequence) or isinstance(each, str):
            return torch.full((n,), self.spec.class_of(each))
        if len(each) != n:
            raise RequestError(f"there are {len(each)} labels for {n} samples")
        return torch.tensor([self.spec.class_of(one) for one in each])

    def batch_of(self, batch: int | None) -> int:
        """Return how many samples are drawn at once: as many as asked for, or the model's own number.

        Raises:
            RequestError: It is less than one.
        """
        return (
            self.batch if batch is None else checked_count("batch", batch, "one at least is drawn")
        )

    def in_range(self, x: Tensor) -> Tensor:
        """Return data in the range that it can have: a trajectory may end a little outside."""
        return x.clamp(-1, 1) if self.spec.bounded else x


WITHOUT_CLASSES = (
    "the model was trained without classes; "
    "genlab run --set training.conditional=true trains with them"
)


class DiffusionModel(Model):
    r"""A degradation, its restorer, a sampler and a prior.

    A deterministic degradation leaves fine detail at amplitudes that a network learns to read and no prior
    draws rightly: the longer it trains, the more it makes of the errors of the prior. So it is trained under
    noise that hides them, and trajectories start from :math:`x_t + \sigma \epsilon` with
    :math:`\epsilon \sim \mathcal{N}(0, I)` and end with the last estimate, which is free of it.

    Sources: Rissanen, Heinonen & Solin 2022 (arXiv:2206.13397), whose deblurring network sees noise of .01 of
    the range of the data; Ho et al. 2022 (arXiv:2106.15282), who treat the input of super-resolution networks
    so ("conditioning augmentation").

    Args:
        spec: What the data is.
        restorer: Estimates the clean data.
        prior: Where trajectories start.
        sampler: How to walk back.
        steps: Steps of a trajectory; None: the sampler's usual.
        device: Where to compute.
        conditional: Whether the restorer and the prior know the classes.
        guidance: Scale of classifier-free guidance.
        batch: How many samples are drawn at once.

    Example:
        >>> import genlab
        >>> spec, noise = genlab.DataSpec((2,), "vector"), genlab.build("degradation", "gaussian")
        >>> network = genlab.build("backbone", "mlp", spec, width=16, depth=1)
        >>> prior, sampler = genlab.Prior(noise, spec, None), genlab.build("sampler", "ddim")
        >>> model = DiffusionModel(spec, genlab.Restorer(network, noise), prior, sampler, steps=5)
        >>> model.sample(10, seed=1).shape
        torch.Size([10, 2])
    """

    def __init__(
        self,
        spec: DataSpec,
        restorer: Restorer,
        prior: Prior,
        sampler: Sampler,
        *,
        steps: int | None = None,
        device: torch.device | str = "cpu",
        conditional: bool = False,
        guidance: float = 1.0,
        batch: int = 500,
    ) -> None:
        device = torch.device(device)
        super().__init__(spec, device=device, conditional=conditional, batch=batch)
        self.restorer, self.prior, self.sampler = restorer, prior, sampler
        self.steps = self.steps_of(sampler.usual_steps if steps is None else steps, None)
        self.guidance = checked_guidance(guidance)

    def with_parts(
        self, *, restorer: Restorer | None = None, prior: Prior | None = None
    ) -> DiffusionModel:
        """Return the same model with other parts.

        Args:
            restorer: Estimates the clean data; None: that of the model.
            prior: Where trajectories start, moved to where the model computes; None: that of the model.

        Raises:
            RequestError: The prior is one of another degradation or of other data, or knows no classes where
                the model draws samples of a class.
        """
        if prior is not None:
            self._refuse_prior(prior)
            if prior.density is not None:
                prior.density.to(self.device)
        return DiffusionModel(
            self.spec, restorer or self.restorer, prior or self.prior, self.sampler,
            steps=self.steps, device=self.device, conditional=self.conditional,
            guidance=self.guidance, batch=self.batch,
        )  # fmt: skip

    def _refuse_prior(self, prior: Prior) -> None:
        if not isinstance(prior, Prior):
            raise RequestError(
                f"prior = {prior!r}: it is a Prior, such as genlab.fit_prior returns"
            )
        own, density = self.restorer.degradation, prior.density
        if prior.degradation != own or prior.spec.shape != self.spec.shape:
            raise RequestError(
                f"the prior is of {prior.degradation!r} on the shape {prior.spec.shape}, and the model of "
                f"{own!r} on {self.spec.shape}"
            )
        knows = density is None or (density.tags.conditional and prior.spec.classes)
        if self.conditional and not knows:
            name = type(density).__name__
            raise RequestError(f"the prior {name} knows no classes, and the model does")

    @property
    def averaged(self) -> bool:
        """Whether samples come from a moving average of weights: not where they were fitted at once."""
        return not isinstance(self.restorer.backbone, FittedBackbone)

    def estimates(self, y: Tensor | None = None, guidance: float | None = None) -> Conditioned:
        """Return the restorer as a sampler sees it: in the range of the data, and guided.

        Args:
            y: Labels ``(B,)`` that the estimates follow, or None.
            guidance: Scale of guidance; None: the model's own.
        """
        scale = self.guidance if guidance is None else checked_guidance(guidance)
        guided = Guided(self.restorer, scale)
        limit = 1.0 if self.spec.bounded else None
        return Conditioned(guided, self.restorer.degradation, y, limit)

    def trajectory(
        self,
        n: int,
        *,
        seed: int = 0,
        steps: int | None = None,
        sampler: Sampler | None = None,
        label: Label | None = None,
        guidance: float | None = None,
    ) -> Iterator[Step]:
        """Walk ``n`` samples back from the prior and hand out every state; see :meth:`sample`."""
        y = self._asked(n, label, guidance, seed)
        generator = generator_of(seed, "samples", device=self.device)
        y = None if y is None else y.to(self.device)
        x_1, z = self.prior.sample(n, y, generator=generator)
        return self.trajectory_from(
            x_1, z, generator=generator, steps=steps, sampler=sampler, y=y, guidance=guidance
        )

    def trajectory_from(
        self,
        x_t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
        start: float = 1.0,
        steps: int | None = None,
        sampler: Sampler | None = None,
        y: Tensor | None = None,
        guidance: float | None = None,
    ) -> Iterator[Step]:
        """Walk back from given states ``(B, *shape)`` at the time ``start``."""
        return trajectory(
            self.estimates(y, guidance), sampler or self.sampler, x_t, z=z,
            steps=self.steps_of(steps, sampler), generator=generator, start=start,
            jitter=self.restorer.jitter,
        )  # fmt: skip

    def steps_of(self, steps: int | None, sampler: Sampler | None) -> int:
        """Return how many steps a trajectory has.

        Args:
            steps: What was asked for; None: the model's own, or the usual of another sampler.
            sampler: Another sampler, or None.

        Raises:
            RequestError: It has no step.
        """
        other = checked_sampler(sampler)
        if steps is None:
            return self.steps if other is None else other.usual_steps
        return checked_count("steps", steps, "a trajectory has at least one step")

    def _asked(
        self, n: int, label: Label | None, guidance: float | None, seed: int
    ) -> Tensor | None:
        """Return the labels of samples that are asked for; what is asked for is checked."""
        y = self.labels(n, label, seed=seed)
        if guidance is not None:
            if y is None:
                raise RequestError(f"guidance: {WITHOUT_CLASSES}")
            checked_guidance(guidance)
        return y

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        steps: int | None = None,
        sampler: Sampler | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        batch: int | None = None,
        batches: slice = ALL,
        advance: Advance | None = None,
    ) -> Tensor:
        """Draw samples; see :meth:`Model.sample`."""
        if temperature is not None:
            raise RequestError("a diffusion takes no temperature: that is of the noise of a flow")
        y = self._asked(n, label, guidance, seed)
        parts = [torch.empty(0, *self.spec.shape)]
        size = self.batch_of(batch)
        for part, start in list(enumerate(range(0, n, size)))[batches]:
            count = min(size, n - start)
            of_part = None if y is None else y[start : start + count]
            states = self.trajectory(
                count, seed=_seed_of(seed, part), steps=steps,
                sampler=sampler, label=of_part, guidance=guidance,
            )  # fmt: skip
            parts.append(self.in_range(end_of(states).cpu()))
            if advance:
                advance(start + count)
        return torch.cat(parts)


class DensityModel(Model):
    """A density that was fitted or trained on the data itself.

    Args:
        spec: What the data is.
        density: The density.
        device: Where to compute.
        conditional: Whether the density knows the classes.
        temperature: Factor of the noise that samples are made of, for densities that take one (flows).
        batch: How many samples are drawn at once.

    Raises:
        RequestError: The density takes no temperature.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> mixture = genlab.build("density", "gmm", data.spec, components=8)
        >>> genlab.fit_density(mixture, data.train)
        >>> DensityModel(data.spec, mixture).log_prob(data.test.first(3)[0]).shape
        torch.Size([3])
    """

    def __init__(
        self,
        spec: DataSpec,
        density: Density,
        *,
        device: torch.device | str = "cpu",
        conditional: bool = False,
        temperature: float = 1.0,
        batch: int = 500,
    ) -> None:
        device = torch.device(device)
        super().__init__(spec, device=device, conditional=conditional, batch=batch)
        self.density = density
        self.temperature = self._temperature(temperature)

    @property
    def averaged(self) -> bool:
        """Whether samples come from a moving average of weights: not where they were fitted at once."""
        return not isinstance(self.density, FittedDensity)

    @property
    def flow(self) -> Flow:
        """The density as a flow.

        Raises:
            RequestError: It has no latent space.
        """
        if not isinstance(self.density, Flow):
            raise RequestError(f"{type(self.density).__name__} is no flow and has no latent space")
        return self.density

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        steps: int | None = None,
        sampler: Sampler | None = None,
        label: Label | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        batch: int | None = None,
        batches: slice = ALL,
        advance: Advance | None = None,
    ) -> Tensor:
        """Draw samples; see :meth:`Model.sample`."""
        if steps is not None or sampler is not None or guidance is not None:
            raise RequestError(
                "this is a density, which is sampled at once: it takes neither steps nor a sampler nor "
                "guidance"
            )
        factor = self.temperature if temperature is None else self._temperature(temperature)
        cooled: dict[str, Any] = {} if factor == 1 else {"temperature": factor}
        y = self.labels(n, label, seed=seed)
        parts = [torch.empty(0, *self.spec.shape)]
        size = self.batch_of(batch)
        for part, start in list(enumerate(range(0, n, size)))[batches]:
            count = min(size, n - start)
            generator = generator_of(_seed_of(seed, part), "samples", device=self.device)
            labels = None if y is None else y[start : start + count].to(self.device)
            x = self.density.sample(count, labels, generator=generator, **cooled).cpu()
            parts.append(self.in_range(x))
            if advance:
                advance(start + count)
        return torch.cat(parts)

    def _temperature(self, temperature: float) -> float:
        """Return a temperature that the density takes."""
        temperature = checked_temperature(temperature)
        if temperature != 1 and not self.density.tags.temperature:
            raise RequestError(
                f"temperature = {temperature:.3g}: {type(self.density).__name__} is sampled as it is; flows "
                "take one"
            )
        return temperature

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of data ``(B, *shape)`` in nats, ``(B,)``, on the CPU.

        The density of images is that of :func:`genlab.components.dequantise`.

        Raises:
            RequestError: The data has another shape.
        """
        return self._in_batches(self.density.log_prob, x)

    def classify(self, x: Tensor, *, shift: int = 0, flip: bool = False) -> Tensor:
        r"""Return the log posteriors of the classes, ``(B, classes)``, by Bayes' rule.

        Images can be classified by several views of each, whose posteriors are averaged,
        :math:`\log \frac{1}{V} \sum_v p(y \mid x_v)`: it is moved by every whole number of pixels up to
        ``shift`` along both axes, its edge repeated, and mirrored, too.

        Args:
            x: Data ``(B, *shape)``.
            shift: Largest move of an image in pixels; 0: it stays where it is.
            flip: Whether its mirror image counts as well.

        Raises:
            RequestError: The density knows no classes, or the data has another shape or is no images of which
                there are views.
        """
        if not self.conditional:
            raise RequestError(
                "the density was trained without classes; genlab run --classify trains with them"
            )
        views = _views(checked_data(x, self.spec), self.spec, shift, flip)
        each = torch.stack([self._in_batches(self.density.classify, view) for view in views])
        return each[0] if len(each) == 1 else each.logsumexp(0) - math.log(len(each))

    @torch.no_grad()
    def _in_batches(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        parts = checked_data(x, self.spec).split(self.batch)
        return torch.cat([function(part.to(self.device)).cpu() for part in parts])


def _views(x: Tensor, spec: DataSpec, shift: int, flip: bool) -> list[Tensor]:
    """Return images moved by up to so many pixels, and mirrored.

    Raises:
        RequestError: The data is no images, or the shift no number of pixels that leaves something of them.
    """
    if not shift and not flip:
        return [x]
    if spec.kind != "image":
        raise RequestError(
            f"shift and flip: there are views of images, and this data is of the kind {spec.kind!r}"
        )
    pixels = checked_count("shift", shift, "images are moved by whole pixels") if shift else 0
    height, width = spec.shape[1:]
    if pixels >= min(height, width):
        raise RequestError(
            f"shift = {shift}: nothing is left of images of {height} x {width} pixels"
        )
    padded = functional.pad(x, (pixels, pixels, pixels, pixels), mode="replicate")
    moves = range(2 * pixels + 1)
    moved = [padded[:, :, i : i + height, j : j + width] for i in moves for j in moves]
    return [*moved, *(view.flip(3) for view in moved)] if flip else moved


def _seed_of(seed: int, part: int) -> int:
    """Return the seed of one batch of samples."""
    return sub_seed(seed, "batch", part) if part else seed
