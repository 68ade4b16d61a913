"""Fitting what needs no gradients: densities of the data, and backbones."""

from __future__ import annotations

from genlab.components.backbone import FittedBackbone
from genlab.components.dataset import DataSpec, Examples, dequantise
from genlab.components.density import FittedDensity
from genlab.errors import RequestError
from genlab.seeds import generator_of

__all__ = ["MOST", "fit_backbone", "fit_density"]

MOST = 60_000
"""Examples that are looked at at most."""


def fit_density(density: FittedDensity, examples: Examples, *, seed: int = 0) -> None:
    """Fit a density of the data at once, to data as it is scored: images are dequantised.

    Args:
        density: The density, built for the data.
        examples: The training split, of which at most 60,000 examples chosen at random are looked at.
        seed: Seed of all that is random.

    Raises:
        RequestError: It was not built with the spec of its data.

    Example:
        >>> import genlab
        >>> data = genlab.load("digits")
        >>> density = genlab.build("density", "normal", data.spec)
        >>> fit_density(density, data.train)
    """
    spec = density.built_for
    if not isinstance(spec, DataSpec):
        raise RequestError(f"{type(density).__name__} was not built with the spec of its data")
    generator = generator_of(seed, "density")
    x, y = examples.some(MOST, generator=generator)
    smooth = dequantise(x.cpu(), spec, generator=generator)
    density.fit(smooth, None if y is None else y.cpu(), generator=generator)


def fit_backbone(backbone: FittedBackbone, examples: Examples, *, seed: int = 0) -> None:
    """Fit a backbone that needs no training.

    Args:
        backbone: The backbone, built for the data.
        examples: The training split, of which at most 60,000 examples chosen at random are looked at.
        seed: Seed of all that is random.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> restorer = genlab.Restorer(
        ...     genlab.build("backbone", "ideal", data.spec), genlab.build("degradation", "gaussian")
        ... )
        >>> fit_backbone(restorer.backbone, data.train)
    """
    generator = generator_of(seed, "backbone")
    x, y = examples.some(MOST, generator=generator)
    backbone.fit(x.cpu(), None if y is None else y.cpu(), generator=generator)
