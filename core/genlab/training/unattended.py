"""Steps of training that a CUDA device does without being waited for."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from genlab.components.objective import MeanObjective, Objective
from genlab.errors import RequestError
from genlab.training.average import average_in_place, share_of_new
from genlab.training.recorded import Recorded
from genlab.training.stepping import Stepping

__all__ = ["Unattended", "mean_unattended"]


def mean_unattended(
    asked: Literal["auto", "on", "off"],
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    device: torch.device,
    *,
    whole: bool,
) -> MeanObjective | None:
    """Return an objective as one whose steps are recorded as a CUDA graph; None where they are not.

    Args:
        asked: What the settings of the training say.
        objective: What is minimised.
        optimiser: What changes the weights.
        device: Where the training is.
        whole: Whether a batch is computed at once by one process, with a network that is not compiled.

    Raises:
        RequestError: They are asked for and cannot be.
    """
    if asked == "off" or (asked == "auto" and device.type != "cuda"):
        return None
    plain = isinstance(objective, MeanObjective)
    plain = plain and type(objective).__call__ is MeanObjective.__call__
    needs = {
        f"a CUDA device, and this is {device.type}": device.type == "cuda",
        "one process that computes a batch at once, without torch.compile": whole,
        f"a genlab.MeanObjective, and {type(objective).__name__} is none": plain,
        "an optimiser that is capturable, and that found_inf tells whether gradients are finite: "
        f"{type(optimiser).__name__} is none": _needs_no_answer(optimiser),
    }
    missing = [need for need, met in needs.items() if not met]
    if asked == "on" and missing:
        raise RequestError(f"training.graphs = 'on' needs {missing[0]}")
    wanted = not missing and (asked == "on" or objective.replayable)
    return objective if wanted and isinstance(objective, MeanObjective) else None


def _needs_no_answer(optimiser: torch.optim.Optimizer) -> bool:
    told = getattr(optimiser, "_step_supports_amp_scaling", False)
    return bool(told) and all(group.get("capturable") for group in optimiser.param_groups)


class Unattended(Stepping[MeanObjective]):
    """Does steps of training without an answer from the device, as one recording of its kernels.

    Whether a gradient is finite is decided where it lies. So the processor is ahead of the device, and learns
    of those that are not when it asks how many there were.

    Args:
        given: What :class:`~genlab.training.stepping.Stepping` takes.
        device: The CUDA device.
    """

    every = 20

    def __init__(self, *given: Any, device: torch.device) -> None:
        self.device = device
        super().__init__(*given)

    def begin(self, skipped: int) -> None:
        """Begin anew, with another recording."""
        self._counts = torch.tensor([skipped, 0], device=self.device)
        self._share = torch.zeros((), device=self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=self.device)
        self._step = Recorded(self._launched, self.device)

    def __call__(
        self, x: Tensor, y: Tensor | None, rates: list[float], *, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Launch a step; what is random is drawn beside the recording."""
        for group, rate in zip(self.optimiser.param_groups, rates, strict=True):
            group["lr"].fill_(rate)
        self._share.fill_(share_of_new(self.settings.ema, int(self.average.n_averaged)))
        self.average.n_averaged += 1
        drawn = self.objective.draw(x, y, generator=generator)
        loss, norm = self._step(x, y, *drawn)
        return loss, norm

    def skipped(self) -> tuple[int, int]:
        """Wait for the device, and return its counts."""
        total, in_a_row = self._counts.tolist()
        return total, in_a_row

    def _launched(self, x: Tensor, y: Tensor | None, *drawn: Any) -> tuple[Tensor, Tensor]:
        for p in self.parameters:
            p.grad = None
        loss = self.objective.mean_loss(self.network, x, y, drawn)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        finite = norm.isfinite()
        self.optimiser.found_inf = 1 - finite.float()  # type: ignore[attr-defined]  # PyTorch's protocol
        self.optimiser.step()
        average_in_place(self.average, self.module, self._share * finite)
        bad = (~finite).long()
        self._counts[0].add_(bad)
        self._counts[1].add_(1).mul_(bad)
        return loss.detach(), norm
