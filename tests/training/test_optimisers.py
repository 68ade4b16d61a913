"""The optimisers against their formulas in float64, against PyTorch, and against linear algebra."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import AdamW, Muon, Optimiser, RequestError
from genlab.training.optimisers import orthogonalised

BOTH: list[Callable[..., Optimiser]] = [AdamW, Muon]


class Network(nn.Module):
    """A few weights of every sort: matrices, a convolution, vectors, and some that are never used."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3)
        self.norm = nn.GroupNorm(2, 8)
        self.log_scale = nn.Parameter(torch.zeros(8, 1, 1))
        self.last = nn.Linear(8, 5)
        self.single = nn.Linear(5, 1)
        self.unused = nn.Linear(2, 2)
        self.empty = nn.Parameter(torch.zeros(0, 4))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.norm(self.first(x))) * self.log_scale.exp()
        out: Tensor = self.single(torch.tanh(self.last(h.mean((-2, -1))))) + self.empty.sum()
        return out


@pytest.fixture
def network() -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network().to(memory_format=torch.channels_last)


def train(
    network: nn.Module, optimiser: torch.optim.Optimizer, steps: int, begin: int = 0
) -> list[Tensor]:
    """Train on random batches, each a function of its step alone, and return the weights."""
    for step in range(begin, begin + steps):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(4, 3, 6, 6, generator=generator)
        optimiser.zero_grad()
        (network(x) - x[:, :1, 0, 0]).square().mean().backward()
        optimiser.step()
    return [p.detach().clone() for p in network.parameters()]


def assert_same(a: Iterable[Tensor], b: Iterable[Tensor]) -> None:
    for one, other in zip(a, b, strict=True):
        assert torch.equal(one, other)


# --- AdamW


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_adamw_is_that_of_pytorch_to_the_bit(network: Network, weight_decay: float) -> None:
    peer = copy.deepcopy(network)
    ours = AdamW(lr=3e-3, weight_decay=weight_decay).build(network.parameters())
    theirs = torch.optim.AdamW(peer.parameters(), lr=3e-3, weight_decay=weight_decay, fused=True)
    assert_same(train(network, ours, 5), train(peer, theirs, 5))


def test_adamw_forgets_as_it_is_told(network: Network) -> None:
    peer = copy.deepcopy(network)
    ours = AdamW(betas=(0.5, 0.7)).build(network.parameters())
    theirs = torch.optim.AdamW(peer.parameters(), betas=(0.5, 0.7), weight_decay=0, fused=True)
    assert_same(train(network, ours, 5), train(peer, theirs, 5))


# --- what an orthogonal step is


@pytest.mark.parametrize("shape", [(2, 2), (8, 8), (64, 64), (5, 90), (90, 5), (64, 576)], ids=str)
def test_singular_values_are_about_one(shape: tuple[int, int], generator: torch.Generator) -> None:
    """Of matrices whose singular values span a factor of 300, too."""
    n = min(shape)
    U, _, Vh = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    S = torch.logspace(0, -math.log10(300), n)
    for G in (torch.randn(shape, generator=generator), (U * S / S.norm()) @ Vh):
        values = torch.linalg.svdvals(orthogonalised(G).double())
        if torch.linalg.svdvals(G).min() > G.norm() / 400:
            assert values.min() > 0.6
        assert values.max() < 1.3


def test_singular_vectors_stay(generator: torch.Generator) -> None:
    G = torch.randn(20, 33, generator=generator, dtype=torch.float64)
    U, _, Vh = torch.linalg.svd(G, full_matrices=False)
    inside = U.mT @ orthogonalised(G) @ Vh.mT
    assert (inside - inside.diagonal().diag()).abs().max() < 1e-3


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e6])
def test_the_size_of_a_gradient_does_not_matter(scale: float, generator: torch.Generator) -> None:
    G = torch.randn(12, 30, generator=generator)
    torch.testing.assert_close(orthogonalised(scale * G), orthogonalised(G), atol=1e-3, rtol=0)


def test_rotations_and_transposition_pass_through(generator: torch.Generator) -> None:
    G = torch.randn(12, 30, generator=generator)
    Q = torch.linalg.qr(torch.randn(12, 12, generator=generator)).Q
    R = torch.linalg.qr(torch.randn(30, 30, generator=generator)).Q
    got, want = orthogonalised(Q @ G @ R), Q @ orthogonalised(G) @ R
    torch.testing.assert_close(got, want, atol=1e-3, rtol=0)
    torch.testing.assert_close(orthogonalised(G.mT), orthogonalised(G).mT, atol=1e-3, rtol=0)


def test_zeros_stay_zeros() -> None:
    assert (orthogonalised(torch.zeros(3, 5)) == 0).all()


@pytest.mark.parametrize("shape", [(12, 20), (20, 12)])
def test_what_has_stopped_learning_counts_as_0(shape: tuple[int, int]) -> None:
    """Its products would be denormal numbers, with which a step of Muon takes eight times as long."""
    G = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    still = G.clone()
    still[3], still[:, 5] = 0, 0
    stopping = G.clone()
    stopping[3] *= 1e-18
    stopping[:, 5] *= 1e-20
    assert torch.equal(orthogonalised(stopping), orthogonalised(still))


def test_what_learns_slowly_has_a_step_as_large_as_the_rest() -> None:
    G = torch.randn(12, 20, generator=torch.Generator().manual_seed(0))
    G[3] *= 0.02
    assert float(orthogonalised(G)[3].norm()) > 0.5


# --- Muon


def polynomial(G: Tensor) -> Tensor:
    """Five steps of the polynomial on the singular values, by an exact decomposition."""
    U, S, Vh = torch.linalg.svd(G.double(), full_matrices=False)
    S = S / S.norm()
    for _ in range(5):
        S = 3.4445 * S - 4.7750 * S**3 + 2.0315 * S**5
    stepped: Tensor = (U * S) @ Vh
    return stepped


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 2, 3, 3), (12, 3, 1, 2), (3, 2, 5)], ids=str)
@pytest.mark.parametrize(
    ("given", "lr", "decay", "momentum", "gain"),
    [
        ({}, 2e-3, 0.0, 0.95, 5.0),
        ({"lr": 0.02, "weight_decay": 0.5, "momentum": 0.9, "gain": 3}, 0.02, 0.5, 0.9, 3.0),
    ],
    ids=["defaults", "given"],
)
def test_muon_against_its_formula(
    given: dict[str, Any],
    lr: float,
    decay: float,
    momentum: float,
    gain: float,
    shape: tuple[int, ...],
    generator: torch.Generator,
) -> None:
    """Three steps in float64, with Nesterov's look ahead and decay of weights."""
    p = nn.Parameter(torch.randn(shape, generator=generator))
    W, M = p.detach().double().flatten(1), torch.zeros(1, dtype=torch.float64)
    optimiser = Muon(**given).build([p])
    rows, columns = W.shape
    for _ in range(3):
        p.grad = torch.randn(shape, generator=generator)
        optimiser.step()
        G = p.grad.double().flatten(1)
        M = momentum * M + (1 - momentum) * G
        step = polynomial(momentum * M + (1 - momentum) * G)
        W = (1 - lr * decay) * W - lr * gain * math.sqrt(max(1, rows / columns)) * step
    torch.testing.assert_close(p.detach().double().flatten(1), W, atol=1e-5, rtol=0)


def test_muon_moves_the_rest_as_adamw_does() -> None:
    """Vectors, single rows and columns, and channels' scales: to the bit."""
    shapes = [(7,), (), (8, 1, 1), (1, 6), (1, 2, 3, 3), (5, 1)]
    ours, theirs = ([nn.Parameter(torch.ones(s)) for s in shapes] for _ in range(2))
    a = Muon(lr=0.01, weight_decay=0.2).build(ours)
    b = torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.2, fused=False)
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        a.step()
        b.step()
    assert_same(ours, theirs)


def test_muon_fits_a_quadratic(generator: torch.Generator) -> None:
    """The mean of squares falls to a thousandth while the rate falls as in a training."""
    A, W = torch.randn(64, 12, generator=generator), torch.randn(12, 7, generator=generator)
    model = nn.Linear(12, 7)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimiser, losses = Muon(lr=0.02).build(model.parameters()), []
    for step in range(200):
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * (1 - step / 200)
        optimiser.zero_grad()
        loss = (model(A) - A @ W - 1).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-3 * losses[0]


# --- what holds for both


@pytest.mark.parametrize("make", BOTH)
def test_a_factor_on_every_group_is_a_factor_on_the_step(
    make: Callable[..., Optimiser], network: Network
) -> None:
    before = [p.detach().clone() for p in network.parameters()]
    moves = []
    for factor in (1.0, 0.25):
        moved = copy.deepcopy(network)
        optimiser = make(lr=0.01).build(moved.parameters())
        assert {group["lr"] for group in optimiser.param_groups} == {0.01}
        for group in optimiser.param_groups:
            group["lr"] *= factor
        after = train(moved, optimiser, 1)
        moves.append([b - a for a, b in zip(before, after, strict=True)])
    for whole, quarter in zip(*moves, strict=True):
        torch.testing.assert_close(quarter, 0.25 * whole, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("make", BOTH)
def test_weights_without_a_gradient_stay(make: Callable[..., Optimiser], network: Network) -> None:
    before = [p.detach().clone() for p in network.unused.parameters()]
    optimiser = make(weight_decay=0.1).build(network.parameters())
    train(network, optimiser, 2)
    assert_same(before, network.unused.parameters())
    assert not any(p in optimiser.state for p in network.unused.parameters())
    assert network.empty.shape == (0, 4)


@pytest.mark.parametrize("make", BOTH)
def test_a_resumed_training_is_exact(make: Callable[..., Optimiser], network: Network) -> None:
    """The state is tensors by parameter, from which another optimiser goes on to the bit."""
    optimiser = make(weight_decay=0.01).build(network.parameters())
    train(network, optimiser, 3)
    other = copy.deepcopy(network)
    resumed = make(weight_decay=0.01).build(other.parameters())
    saved: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    assert saved
    assert all(isinstance(v, Tensor) for entries in saved.values() for v in entries.values())
    resumed.load_state_dict({**resumed.state_dict(), "state": copy.deepcopy(saved)})
    assert_same(train(network, optimiser, 3, 3), train(other, resumed, 3, 3))


@pytest.mark.parametrize("make", BOTH)
def test_a_closure_computes_the_loss(make: Callable[..., Optimiser], network: Network) -> None:
    optimiser = make().build(network.parameters())

    def closure() -> float:
        optimiser.zero_grad()
        loss = network(torch.ones(2, 3, 6, 6)).square().mean()
        loss.backward()
        return float(loss.detach())

    first = optimiser.step(closure)
    for _ in range(5):
        last = optimiser.step(closure)
    assert first is not None
    assert last is not None
    assert last < first


@pytest.mark.parametrize("make", BOTH)
def test_any_iterable_of_weights_will_do(make: Callable[..., Optimiser]) -> None:
    network = Network()
    optimiser = make().build(p for p in network.parameters())
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    assert held == {id(p) for p in network.parameters()}


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(AdamW, {"lr": 0}), (AdamW, {"betas": (0.9, 1.0)}), (AdamW, {"weight_decay": -1}),
     (Muon, {"momentum": 1.0}), (Muon, {"momentum": -0.1}), (Muon, {"gain": 0}), (Muon, {"iterations": 0})],
)  # fmt: skip
def test_wrong_parameters_are_refused(
    make: Callable[..., Optimiser], wrong: dict[str, Any]
) -> None:
    with pytest.raises(RequestError, match=next(iter(wrong))):
        make(**wrong)


def test_matrices_of_one_shape_are_made_orthogonal_at_once_and_alone_alike() -> None:
    G = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    G[1] *= 100  # each by its own norm
    torch.testing.assert_close(orthogonalised(G), torch.stack([orthogonalised(one) for one in G]))
