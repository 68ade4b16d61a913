"""The prior of the fully degraded state: where generation starts when no data is at hand."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.components.dataset import DataSpec, Examples
from genlab.components.degradation import AdditiveDegradation, Degradation
from genlab.components.density import Density
from genlab.diffusion.checks import checked_count

__all__ = ["Prior", "summaries", "summary_spec"]


class Prior:
    """A distribution over fully degraded states.

    Args:
        degradation: Expands the few numbers that are left to a state.
        spec: What the data is.
        density: A density of these numbers, or None where none are left.

    Example:
        >>> import torch, genlab
        >>> data = genlab.load("digits")
        >>> prior = genlab.fit_prior(genlab.build("degradation", "blur"), data.train, density="gmm")
        >>> prior.sample(4, generator=torch.Generator().manual_seed(0))[0].shape
        torch.Size([4, 1, 8, 8])
    """

    def __init__(self, degradation: Degradation, spec: DataSpec, density: Density | None) -> None:
        self.degradation, self.spec, self.density = degradation, spec, density

    def sample(
        self, n: int, y: Tensor | None = None, *, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Draw ``n`` states.

        Args:
            n: How many.
            y: Labels ``(n,)``, where the density knows classes, or None.
            generator: Source of randomness, on the device of the density.

        Returns:
            x_1 ``(n, *shape)`` and the draw z of each trajectory, or None.
        """
        n = checked_count("n", n, "at least one state is drawn")
        if self.density is None:
            c = torch.empty(n, 0, device=generator.device)
        else:
            c = self.density.sample(n, y, generator=generator)
        x_1 = self.degradation.expand(c, self.spec.shape, generator=generator)
        if isinstance(self.degradation, AdditiveDegradation):
            return x_1, None
        return x_1, self.degradation.draw(x_1, generator=generator)


def summaries(
    degradation: Degradation, examples: Examples, *, most: int, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Degrade examples fully and return the few numbers that are left.

    Args:
        degradation: The degradation.
        examples: Training examples.
        most: At most this many of them, chosen at random.
        generator: Source of randomness, on the CPU.

    Returns:
        c ``(N, K)`` on the CPU, and the labels ``(N,)`` or None.
    """
    chosen = torch.randperm(len(examples), generator=generator)[:most]
    parts, labels = [], []
    for index in chosen.split(1000):
        x, y = examples.take(index.to(examples.device))
        x = x.cpu()
        z = degradation.draw(x, generator=generator)
        parts.append(degradation.summarize(degradation.degrade(x, torch.ones(len(x)), z)))
        if y is not None:
            labels.append(y.cpu())
    return torch.cat(parts), torch.cat(labels) if labels else None


def summary_spec(degradation: Degradation, spec: DataSpec) -> DataSpec:
    """Return what the numbers that are left look like, from the shape of the data alone."""
    probe = torch.zeros(2, *spec.shape)
    generator = torch.Generator().manual_seed(0)
    z = degradation.draw(probe, generator=generator)
    c = degradation.summarize(degradation.degrade(probe, torch.ones(2), z))
    layout = degradation.layout(spec.shape) if spec.kind == "image" else ()
    return DataSpec(tuple(c.shape[1:]), "vector", spec.classes, spec.names, layout=layout)
