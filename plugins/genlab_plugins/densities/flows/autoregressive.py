"""Autoregressive blocks: each token is changed as those before it say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from genlab_plugins.densities.flows.transform import Transform

__all__ = ["AutoregressiveBlock", "Tokens"]

_HEAD = 32  # features of an attention head

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of every layer, ``(B, heads, tokens, features)``."""


class AutoregressiveBlock(Transform):
    r"""An affine map of each token, given those before it, by a causal transformer.

    .. math:: z_i = e^{s_i} x_i + t_i, \qquad s_i = c + a \tanh \sigma(x_{<i}), \quad t_i = t(x_{<i})

    Of the numbers of a token, those with odd places (in backward blocks, with even ones) are given by the
    tokens before it alone, and the others by these, too: without that, the pixels of a patch would not know
    of each other. Encoding computes all tokens at once. Decoding goes from token to token and keeps the keys
    and values of those that are done.

    Source: Zhai et al. 2024, "Normalizing flows are capable generative models" (arXiv:2412.06329),
    TarFlow, where log-scales have no bound and numbers of one token no say in each other.

    Args:
        tokens: Number T of tokens.
        features: Numbers D of each.
        width: Features of the transformer.
        depth: Number of its layers.
        backwards: Whether the last token comes first.
    """

    def __init__(self, tokens: int, features: int, width: int, depth: int, backwards: bool) -> None:
        super().__init__()
        self.backwards = backwards
        self.embed = nn.Linear(features, width)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.layers = nn.ModuleList(_Layer(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.second = slice(int(backwards), None, 2) if features > 1 else slice(0, 0)
        self.first = slice(1 - int(backwards), None, 2) if features > 1 else slice(None)
        sizes = [len(range(features)[part]) for part in (self.first, self.second)]
        if sizes[1]:
            self.inside = nn.Linear(sizes[0], width)
        self.heads = nn.ModuleList(_zero(nn.Linear(width, 2 * size)) for size in sizes if size)
        self.a = nn.Parameter(torch.ones(features))
        self.c = nn.Parameter(torch.zeros(tokens, features))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z ``(B, T, D)`` and ``ladj``."""
        x = x.flip(1) if self.backwards else x
        h = torch.cat([self.start.expand(len(x), 1, -1), self.embed(x[:, :-1])], 1) + self.place
        for layer in self.layers:
            h = layer(h)
        z, ladj = self._mapped(h, x, self.c, inverse=False)
        return z.flip(1) if self.backwards else z, ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x ``(B, T, D)`` and ``ladj``."""
        z = z.flip(1) if self.backwards else z
        caches: list[Cache] = [[] for _ in self.layers]
        h = self.start.expand(len(z), 1, -1)
        done, logs = [], []
        for i in range(z.shape[1]):
            h = h + self.place[i]
            for layer, cache in zip(self.layers, caches, strict=True):
                h = layer(h, cache)
            x_i, ladj = self._mapped(h, z[:, i : i + 1], self.c[i], inverse=True)
            done.append(x_i)
            logs.append(ladj)
            h = self.embed(x_i)
        x = torch.cat(done, 1)
        return x.flip(1) if self.backwards else x, torch.stack(logs).sum(0)

    @torch.no_grad()
    def initialise(self, x: Tensor) -> Tensor:
        """Standardise each number of each token and return z."""
        ordered = x.flip(1) if self.backwards else x
        deviation = ordered.std(0, correction=0).clamp_min(1e-2)
        self.c.copy_(-deviation.log())
        z: Tensor = self(x)[0]
        return z

    def _mapped(self, h: Tensor, given: Tensor, c: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """Return tokens, changed or as they were, and ``ladj``."""
        h, result, ladj = self.norm(h), torch.empty_like(given), given.new_zeros(())
        for head, part in zip(self.heads, (self.first, self.second), strict=False):
            raw, t = head(h).to(given.dtype).chunk(2, 2)
            s = torch.addcmul(c[..., part], self.a[part], raw.tanh())
            x = (given[..., part] - t) * (-s).exp() if inverse else given[..., part]
            result[..., part] = x if inverse else torch.addcmul(t, x, s.exp())
            ladj = ladj + s.sum((1, 2))
            if part is self.first and len(self.heads) > 1:
                h = functional.gelu(h + self.inside(x))
        return result, -ladj if inverse else ladj


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _Layer(nn.Module):
    """A layer of a causal transformer: attention, then a perceptron, each added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(n for n in range(1, max(width // _HEAD, 1) + 1) if width % n == 0)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor, cache: Cache | None = None) -> Tensor:
        """Map ``(B, T, width)`` to the same; with a cache, one further token ``(B, 1, width)``."""
        qkv = self.qkv(self.norm_1(h)).unflatten(2, (3, self.heads, -1))
        q, k, v = qkv.movedim(2, 0).transpose(2, 3)
        if cache is not None:
            if cache:
                k = torch.cat([cache[0][0], k], 2)
                v = torch.cat([cache[0][1], v], 2)
            cache[:] = [(k, v)]
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        h = h + self.out(mixed.transpose(1, 2).flatten(2))
        out: Tensor = h + self.down(functional.gelu(self.up(self.norm_2(h))))
        return out


class Tokens(Transform):
    """A transform of the patches of images, or of the single features of vectors.

    Args:
        inner: Acts on tokens ``(B, T, D)``, of patches row by row.
        patch: Side of a patch.
    """

    def __init__(self, inner: Transform, patch: int) -> None:
        super().__init__()
        self.inner, self.patch = inner, patch

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and ``ladj``."""
        z, ladj = self.inner(self._tokens(x))
        return self.whole(z, x), ladj

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and ``ladj``."""
        x, ladj = self.inner.inverse(self._tokens(z))
        return self.whole(x, z), ladj

    def initialise(self, x: Tensor) -> Tensor:
        """Initialise the inner transform and return z."""
        return self.whole(self.inner.initialise(self._tokens(x)), x)

    def _tokens(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return x[:, :, None]
        return functional.pixel_unshuffle(x, self.patch).flatten(2).mT.contiguous()

    def whole(self, tokens: Tensor, like: Tensor) -> Tensor:
        """Put tokens ``(B, T, D)`` together to data of the shape of ``like``."""
        if like.ndim == 2:
            return tokens[:, :, 0]
        height, width = (side // self.patch for side in like.shape[2:])
        whole: Tensor = functional.pixel_shuffle(
            tokens.mT.unflatten(2, (height, width)), self.patch
        )
        return whole
