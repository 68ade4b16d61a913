"""Sound components of few lines, of which what others are checked on is made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from genlab.components.backbone import Backbone, BackboneTags
from genlab.components.dataset import KINDS, DataSpec, Examples, PointSet, Split
from genlab.components.degradation import Degradation, explain
from genlab.components.density import DensityTags, Flow
from genlab.components.sampler import Restores, Sampler
from genlab.errors import RequestError

__all__ = ["AffineFlow", "Perceptron", "StepDown", "TwoNormals"]


class Perceptron(Backbone):
    """A network of two layers, for data of every kind.

    Args:
        spec: What the data is.

    Raises:
        RequestError: The data is of no kind in its tags.
    """

    tags = BackboneTags(data=frozenset(KINDS))

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if spec.kind not in self.tags.data:
            raise RequestError(f"{type(self).__name__} fits {', '.join(sorted(self.tags.data))}")
        n = math.prod(spec.shape)
        self.label = nn.Embedding(spec.classes + 1, 16) if spec.classes else None
        self.first, self.last = nn.Linear(n + 1, 16), nn.Linear(16, n)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return ``last(tanh(first(x, t) + label(y)))`` in the shape of ``x``."""
        h: Tensor = self.first(torch.cat([x.flatten(1), t[:, None]], 1))
        if self.label is not None:
            none = self.label.num_embeddings - 1
            y = torch.full((len(x),), -1, device=x.device) if y is None else y
            h = h + self.label(torch.where(y < 0, none, y))
        out: Tensor = self.last(h.tanh())
        return out.view(x.shape)


class AffineFlow(Flow):
    r"""A standard normal distribution under an affine map, with a centre for each class.

    .. math:: z = L (x - b), \qquad p(z \mid y = k) = \mathcal{N}(z; m_k, I)

    Args:
        spec: What the data is.
    """

    tags = DensityTags(conditional=True, temperature=True, data=frozenset(KINDS))

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if spec.kind not in self.tags.data:
            raise RequestError(f"{type(self).__name__} fits {', '.join(sorted(self.tags.data))}")
        self.shape, n = spec.shape, math.prod(spec.shape)
        self.log_scale, self.shift = nn.Parameter(torch.zeros(n)), nn.Parameter(torch.zeros(n))
        self.lower = nn.Parameter(torch.zeros(n, n)) if n > 1 else None
        self.centres = nn.Parameter(torch.randn(spec.classes, n)) if spec.classes else None

    @property
    def matrix(self) -> Tensor:
        """The matrix L, lower triangular."""
        diagonal = torch.diag(self.log_scale.exp())
        return diagonal if self.lower is None else self.lower.tril(-1) + diagonal

    def initialise(self, x: Tensor, *, generator: torch.Generator) -> None:
        """Set b to the mean of the data."""
        with torch.no_grad():
            self.shift.copy_(x.flatten(1).mean(0))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``L (x - b)``."""
        z = (x.flatten(1) - self.shift) @ self.matrix.T
        return z.view(x.shape), self.log_scale.sum().expand(len(x))

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``L^-1 z + b``."""
        x = torch.linalg.solve_triangular(self.matrix, z.flatten(1).T, upper=False).T + self.shift
        return x.view(z.shape), -self.log_scale.sum().expand(len(z))

    def joint_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(x, y = k)``; every class is as likely."""
        z, ladj = self.encode(x)
        z = z.flatten(1)
        centres = z.new_zeros(1, z.shape[1]) if self.centres is None else self.centres
        square = (z[:, None] - centres).square()
        each = -0.5 * (square + math.log(2 * math.pi)).sum(2) - math.log(len(centres))
        return each + ladj[:, None]

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return log densities ``(B,)`` in nats."""
        joint = self.joint_log_prob(x)
        if y is None:
            return joint.logsumexp(1)
        return joint.gather(1, y[:, None])[:, 0] + math.log(joint.shape[1])

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw ``(n, *shape)`` of noise times the temperature."""
        like = self.shift
        z = torch.randn(n, len(like), generator=generator, dtype=like.dtype, device=like.device)
        z = temperature * z
        if self.centres is not None:
            if y is None:
                classes = len(self.centres)
                y = torch.randint(classes, (n,), generator=generator, device=like.device)
            z = z + self.centres[y]
        return self.decode(z.view(n, *self.shape))[0]


class StepDown(Sampler):
    """Restore, and degrade a little less."""

    usual_steps: ClassVar[int] = 3

    def grid(self, steps: int, degradation: Degradation) -> Tensor:
        """Return times with equal distances."""
        return torch.linspace(1, 0, steps + 1)

    def init(
        self,
        restorer: Restores,
        x_t: Tensor,
        t: Tensor,
        z: Tensor | None,
        *,
        generator: torch.Generator,
    ) -> Tensor | None:
        """Return the draw: there is no other state."""
        return z

    def step(
        self, restorer: Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Walk back from t to s."""
        x_0 = restorer(x_t, t)
        z = explain(restorer.degradation, x_t, x_0, t, state)
        return restorer.degradation.degrade(x_0, s, z), state


class TwoNormals(PointSet):
    """Two normal distributions in the plane, side by side, one for each class."""

    has_log_prob = True
    offset, width = 0.6, 0.8  # offset^2 + width^2 = 1

    def __init__(self) -> None:
        self.spec = DataSpec((2,), "vector", 2, ("left", "right"))

    def load(self, split: Split, root: Path | None = None) -> Examples:
        """Return 500 points; nothing is read from ``root``."""
        seed = {"train": 1, "test": 2}[split]
        return self.draw(500, generator=torch.Generator().manual_seed(seed))

    def draw(self, n: int, *, generator: torch.Generator) -> Examples:
        """Draw ``n`` points."""
        y = torch.randint(2, (n,), generator=generator)
        x = torch.randn(n, 2, generator=generator)
        x[:, 0] = self.width * x[:, 0] + self.offset * (2 * y - 1)
        return Examples(x, y)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log density in nats."""
        if y is not None:
            u = (x[:, 0] - self.offset * (2 * y - 1)) / self.width
            squares = u.square() + x[:, 1].square()
            return -0.5 * squares - math.log(2 * math.pi * self.width)
        each = [self.log_prob(x, torch.full((len(x),), k)) for k in (0, 1)]
        return torch.stack(each).logsumexp(0) - math.log(2)

    @property
    def entropy(self) -> float | None:
        """None: it is not computed."""
        return None
