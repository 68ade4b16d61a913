"""Mix: whom it draws, and what it mixes."""

from __future__ import annotations

import pytest
import torch

from genlab.testing.check import example_data, seeded
from genlab_plugins.degradations.mix import Mix


@pytest.mark.parametrize("n", [2, 3, 7])
def test_the_draw_is_another_example_of_the_batch(n: int) -> None:
    x_0 = example_data((1, 3, 3), n)
    chosen = set()
    for seed in range(60):
        z = Mix().draw(x_0, generator=seeded(seed))
        who = [(x_0 == z[i]).flatten(1).all(1).nonzero().flatten().tolist() for i in range(n)]
        for i, found in enumerate(who):
            assert len(found) == 1
            assert found[0] != i
            chosen.add((i, found[0]))
    assert len(chosen) == n * (n - 1)  # each of the others has its turn


def test_a_batch_of_one() -> None:
    image = example_data((2, 3, 4), 1)
    assert torch.equal(Mix().draw(image, generator=seeded(0)), image.rot90(2, (-2, -1)))
    vector = example_data((5,), 1)
    assert torch.equal(Mix().draw(vector, generator=seeded(0)), -vector)
    series = example_data((2, 7), 1)
    assert torch.equal(Mix().draw(series, generator=seeded(0)), series.flip(2))
    volume = example_data((2, 3, 4, 5), 1)
    assert torch.equal(Mix().draw(volume, generator=seeded(0)), volume.flip((2, 3, 4)))


def test_linear_fade() -> None:
    mix = Mix()
    x_0 = example_data((1, 4, 5), 4, dtype=torch.float64)
    z = mix.draw(x_0, generator=seeded(0))
    t = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    x_t = mix.degrade(x_0, t, z)
    for i, share in enumerate(t.tolist()):
        torch.testing.assert_close(x_t[i], (1 - share) * x_0[i] + share * z[i])
    assert torch.equal(x_t[3], z[3])
    assert torch.equal(mix.expand(mix.summarize(x_t), (1, 4, 5), generator=seeded(0)), x_t)
    torch.testing.assert_close(mix.noise(x_t, x_0, t)[1:], z[1:])
    torch.testing.assert_close(mix.A(x_0, t, z), x_t - t[:, None, None, None] * z)
    assert torch.equal(mix.A_adjoint(x_0, t, z), mix.A(x_0, t, z))  # diagonal
    torch.testing.assert_close(mix.invert(x_t[:3], t[:3], z[:3]), x_0[:3])
