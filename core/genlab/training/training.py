"""Training: one loop for every model, as an iterator over its steps."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genlab.components.dataset import Examples
from genlab.components.objective import Network, Objective
from genlab.components.optimiser import MakeOptimiser, Optimiser
from genlab.errors import RunError
from genlab.processes import Group
from genlab.seeds import generator_of, sub_seed
from genlab.training.attended import Attended
from genlab.training.augment import augment
from genlab.training.average import moving_average
from genlab.training.batches import Batches
from genlab.training.checkpoint import Checkpoint, optimiser_from_tensors, optimiser_to_tensors
from genlab.training.compiled import Compiled, is_compiled
from genlab.training.optimisers import AdamW
from genlab.training.order import Order
from genlab.training.parts import Parts, distributed, mean_of_parts
from genlab.training.precision import uses_bf16
from genlab.training.schedule import rate_factor
from genlab.training.settings import TrainingSettings, settings_of
from genlab.training.stepping import Stepping
from genlab.training.unattended import Unattended, mean_unattended
from genlab.uncompiled import uncompiled

__all__ = ["Fitted", "StepLog", "StepRecord", "Training", "fit"]

_EVERY, _LINES = 20, 50  # steps between two lines of a log, and how many lines make a curve
_PATIENCE = 50  # steps in a row without a finite gradient before a training is given up
_FIRST = 2000  # examples that weights may be initialised with


@dataclass(frozen=True)
class StepRecord:
    """What a step of training was.

    Args:
        step: Steps done so far.
        progress: Share of the budget that is used, in [0, 1].
        loss: The loss of its batch.
        lr: The largest learning rate of the optimiser's groups.
        grad_norm: Norm of the gradient before it was clipped.
        elapsed: Seconds of training so far.
        skipped: Steps so far whose gradient was not finite; on a CUDA device as of the last look at it,
            every 20 steps.
        asked: Whether one of several processes was asked to stop.
    """

    step: int
    progress: float
    loss: Tensor
    lr: float
    grad_norm: Tensor
    elapsed: float
    skipped: int
    asked: bool = False


@dataclass(frozen=True)
class Fitted:
    """What a training left.

    Args:
        module: The trained module, with averaged weights.
        history: One record per logged step: step, progress, loss, lr, grad_norm, examples_per_s, elapsed_s,
            skipped.
        steps: Steps done.
        seconds: Seconds of training.
    """

    module: nn.Module
    history: list[dict[str, float]]
    steps: int
    seconds: float


class Training:
    """The training of a module: iterating over it does one step after the other, until the budget is used.

    The state that a step changes is: the module, its moving average, the optimiser, the generator, the
    step and the seconds. :meth:`checkpoint` returns all of it and :meth:`restore` takes it back, after which
    training goes on as if it had never stopped. What a module draws from PyTorch's global generator is part
    of the state, too, and the global generator itself is left alone.

    Args:
        objective: What a step minimises; it has the module.
        examples: The training split.
        settings: Budget, batch and so on.
        optimiser: The rule that changes weights. None: AdamW.
        seed: Seed of the order of examples and of the objective's randomness.
        device: Where to train.
        group: The processes that train together, each of which iterates over a training of its own; None:
            there is one.

    Raises:
        RequestError: The batches of the objective cannot be computed in as many parts as are asked for, or
            its steps cannot be recorded as CUDA graphs where that is asked for.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> density = genlab.build("density", "realnvp", data.spec)
        >>> objective = genlab.Likelihood(density)
        >>> training = Training(objective, data.train, settings_of({"steps": 2, "batch": 8}))
        >>> [record.step for record in training]
        [1, 2]
    """

    def __init__(
        self,
        objective: Objective,
        examples: Examples,
        settings: TrainingSettings,
        *,
        optimiser: Optimiser | MakeOptimiser | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        group: Group | None = None,
    ) -> None:
        self.objective, self.settings, self.group, self.seed = objective, settings, group, seed
        self.device = torch.device(device)
        mean = mean_of_parts(objective, settings, 1 if group is None else group.size)
        shape = tuple(examples.x.shape[1:])
        self.module = objective.module
        if type(objective).initialise is not Objective.initialise:
            self.module.cpu()  # a run has moved it, and first weights are those of the CPU everywhere
            generator = generator_of(seed, "first weights")
            x = examples.some(_FIRST, generator=generator)[0].cpu()
            objective.initialise(x, generator=generator)
        if len(shape) == 3:
            self.module.to(memory_format=torch.channels_last)
        self.module.to(self.device)
        self.examples = examples.to(self.device)
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.optimiser = _built(AdamW() if optimiser is None else optimiser, self.parameters)
        self.rates = [float(group["lr"]) for group in self.optimiser.param_groups]
        self.budget = settings.budget.counted(len(examples), settings.batch)
        self.order = Order(len(examples), settings.batch, seed)
        wrapped = None if group is None else distributed(objective, self.examples, self.device)
        self.average = moving_average(self.module, settings.ema)
        self.network = _network(wrapped or self.module, self.device, self._mixed(shape))
        compiled = group is None and is_compiled(
            settings.compile, self.budget, shape, objective.compiled
        )
        if compiled:
            self.network = Compiled(self.network)
        parts = None if mean is None else Parts(
            mean, self.network, wrapped, pieces=settings.accumulate, group=group
        )  # fmt: skip
        self.in_parts = parts is not None
        self.stepping = self._stepping(parts, compiled)
        self.generator = generator_of(seed, "objective", device=self.device)
        self.global_state = generator_of(seed, "modules").get_state()
        self.step, self.elapsed, self.skipped = 0, 0.0, 0
        self._in_step = False

    @property
    def whole(self) -> bool:
        """Whether the state is one between two steps, and not that of a step that was broken off."""
        return not self._in_step

    @property
    def progress(self) -> float:
        """Share of the budget that is used, in [0, 1]."""
        return self.budget.progress(self.step, self.elapsed)

    @property
    def averaged(self) -> nn.Module:
        """The module with averaged weights."""
        return self.average.module

    def __iter__(self) -> Iterator[StepRecord]:
        """Train until the budget is used; time that passes between two steps does not count.

        Raises:
            RunError: The loss stays infinite or not a number.
        """
        with Batches(self.examples, self.order, self.device, self.group).beginning(
            self.step
        ) as batches:
            while self.progress < 1:
                begun = time.perf_counter()
                self.module.train()
                x, y = next(batches)
                self._in_step = True
                loss, norm, rate = self._step(x, y)
                self.elapsed += time.perf_counter() - begun
                asked = False if self.group is None else self._agree(self.group, loss, norm)
                self._in_step = False
                yield StepRecord(
                    self.step, self.progress, loss, rate, norm, self.elapsed, self.skipped, asked
                )

    def _step(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor, float]:
        """Do one step, and return its loss, the norm of its gradient and the learning rate."""
        settings = self.settings
        factor = rate_factor(self.progress, settings.warmup, settings.decay)
        rates = [rate * factor for rate in self.rates]
        if settings.shift or settings.flip:
            by_turns = settings.flip == "alternate"
            flip = self.order.turns(self.step) if by_turns else bool(settings.flip)
            x = augment(x, shift=settings.shift, flip=flip, generator=self.generator)
        with self._global_generator():
            loss, norm = self.stepping(x, y, rates, generator=self.generator)
        self.step += 1
        if self.step % self.stepping.every == 0 or self.progress >= 1:
            self._look(loss)
        return loss, norm, max(rates, default=0.0)

    def _look(self, loss: Tensor) -> None:
        """Ask how many steps had no finite gradient, and give up where there have been too many in a row."""
        self.skipped, in_a_row = self.stepping.skipped()
        if in_a_row >= _PATIENCE:
            raise RunError(
                f"the last {_PATIENCE} steps had no finite gradient (step {self.step}, loss {float(loss)}); "
                f"the last checkpoint is good. A smaller optimiser.lr, or training.precision=fp32, "
                f"may help"
            )

    def _agree(self, group: Group, loss: Tensor, norm: Tensor) -> bool:
        """Take over the loss of the whole batch and the time of the first process.

        Returns:
            Whether a process was asked to stop.

        Raises:
            RunError: The processes do not have the same gradient.
        """
        clock = self.elapsed if group.rank == 0 else 0.0
        own = float(norm)
        numbers = torch.tensor(
            [0.0, clock, float(group.asked()), own], dtype=torch.float64, device=loss.device
        )
        numbers[0] = loss
        total, self.elapsed, asked, norms = group.add(numbers).tolist()
        loss.fill_(total)
        if math.isfinite(norms) and abs(norms - group.size * own) > 1e-3 * norms:
            raise RunError(
                f"the {group.size} processes have different gradients: the objective "
                f"{type(self.objective).__name__} must call the network that it is given"
            )
        return bool(asked)

    def checkpoint(self) -> Checkpoint:
        """Return everything that is needed to go on.

        Raises:
            RunError: The last step was broken off by an exception, which has left a state between two others.
        """
        if not self.whole:
            raise RunError(
                f"the step after step {self.step} was broken off, and what it has left is no state to go on "
                f"from: restore() a checkpoint first"
            )
        self.skipped, _ = self.stepping.skipped()
        parts: dict[str, Mapping[str, Tensor]] = {
            "model": self.module.state_dict(),
            "ema": self.averaged.state_dict(),
            "optimiser": optimiser_to_tensors(self.optimiser),
            "rng": {"objective": self.generator.get_state(), "global": self.global_state},
        }
        tensors = {f"{part}.{k}": v for part, state in parts.items() for k, v in state.items()}
        numbers = {"step": self.step, "elapsed": self.elapsed, "skipped": self.skipped,
                   "averaged": int(self.average.n_averaged)}  # fmt: skip
        return Checkpoint(tensors, numbers)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to the state of a checkpoint.

        One of another kind of device is gone on from with fresh random numbers, of which a warning tells.
        """
        self.module.load_state_dict(checkpoint.part("model"))
        self.averaged.load_state_dict(checkpoint.part("ema"))
        optimiser_from_tensors(self.optimiser, checkpoint.part("optimiser"))
        self.step = checkpoint.numbers["step"]
        self._draw_on(checkpoint.part("rng")["objective"])
        self.global_state = checkpoint.part("rng")["global"]
        self.elapsed = checkpoint.numbers["elapsed"]
        self.skipped = checkpoint.numbers["skipped"]
        self.average.n_averaged.fill_(checkpoint.numbers["averaged"])
        self.stepping.begin(self.skipped)
        self._in_step = False

    def _draw_on(self, state: Tensor) -> None:
        """Go on with the random numbers of a generator whose state is given, if it is of this device."""
        if len(state) == len(self.generator.get_state()):
            self.generator.set_state(state)
            return
        warnings.warn(
            "the checkpoint was written on another kind of device, whose random numbers cannot be gone on "
            f"with on {self.device.type}: fresh ones are drawn from step {self.step} on",
            stacklevel=3,
        )
        self.generator = generator_of(self.seed, "objective", self.step, device=self.device)

    def _stepping(self, parts: Parts | None, compiled: bool) -> Stepping[Any]:
        """Return what does the steps: without waiting for the device, where that goes."""
        given = self.network, self.average, self.module, self.optimiser, self.settings
        mean = mean_unattended(
            self.settings.graphs, self.objective, self.optimiser, self.device,
            whole=parts is None and not compiled,
        )  # fmt: skip
        if mean is not None:
            return Unattended(mean, *given, device=self.device)
        return Attended(self.objective, *given, parts=parts)

    def _mixed(self, shape: tuple[int, ...]) -> bool:
        precision = self.settings.precision
        return uses_bf16(precision, self.device, shape, self.objective.mixed_precision)

    @contextmanager
    def _global_generator(self) -> Iterator[None]:
        """Let modules draw from PyTorch's global generator as this training has left it.

        Of several processes, each draws other numbers, and the state is that of the first.
        """
        outside = torch.get_rng_state()
        torch.set_rng_state(self.global_state)
        if self.group is not None and self.group.rank:
            torch.manual_seed(sub_seed(self.seed, "modules", self.step, self.group.rank))
        try:
            yield
        finally:
            self.global_state = torch.get_rng_state()
            torch.set_rng_state(outside)


def _built(
    make: Optimiser | MakeOptimiser, parameters: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return an optimiser of weights, whose bookkeeping does not import the compiler."""
    base = torch.optim.Optimizer
    uncompiled(base.add_param_group, base.zero_grad, base.state_dict, base.load_state_dict)
    return make.build(parameters) if isinstance(make, Optimiser) else make(parameters)


def fit(
    objective: Objective,
    examples: Examples,
    *,
    optimiser: Optimiser | MakeOptimiser | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    log: Callable[[Mapping[str, float]], None] | None = None,
    **settings: Any,
) -> Fitted:
    """Train a module, and leave it with averaged weights.

    Args:
        objective: What a step minimises; it has the module.
        examples: The training split.
        optimiser: The rule that changes weights. None: AdamW.
        seed: Seed of the order of examples and of the objective's randomness.
        device: Where to train.
        log: Is called with the numbers of every logged step.
        settings: Fields of :class:`~genlab.training.TrainingSettings`, with a budget: ``steps``,
            ``epochs`` or ``minutes``.

    Returns:
        The module, the numbers of the logged steps, steps and seconds.

    Raises:
        RequestError: A setting does not exist, or its value does not fit.
        RunError: The loss stays infinite or not a number.

    Example:
        >>> import genlab
        >>> data = genlab.load("moons")
        >>> network = genlab.build("backbone", "mlp", data.spec, width=16, depth=1)
        >>> restorer = genlab.Restorer(network, genlab.build("degradation", "gaussian"))
        >>> fitted = fit(genlab.Denoising(restorer), data.train, steps=3, batch=16)
        >>> fitted.steps
        3
    """
    training = Training(
        objective, examples, settings_of(settings), optimiser=optimiser, seed=seed, device=device
    )
    logged = StepLog(training)
    for record in training:
        line = logged(record)
        if line and log:
            log(line)
    training.module.load_state_dict(training.averaged.state_dict())
    training.module.eval()
    return Fitted(training.module, logged.lines, training.step, training.elapsed)


class StepLog:
    """Turns steps into the lines of a log: one for every ``log_every``-th step, and one for the last.

    Where ``log_every`` is 0, there is a line every 20 steps, and 50 of them in a training of fewer than 1000.

    Args:
        training: The training.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.lines: list[dict[str, float]] = []
        self._step, self._elapsed, self._progress = (
            training.step,
            training.elapsed,
            training.progress,
        )

    def __call__(self, record: StepRecord) -> dict[str, float] | None:
        """Return the line of a step, or None where it has none."""
        settings = self.training.settings
        if not self._is_due(record):
            return None
        self._progress = record.progress
        seconds = max(record.elapsed - self._elapsed, 1e-9)
        speed = (record.step - self._step) * settings.batch / seconds
        self._step, self._elapsed = record.step, record.elapsed
        line = {"step": record.step, "progress": record.progress, "loss": float(record.loss),
                "lr": record.lr, "grad_norm": float(record.grad_norm), "examples_per_s": speed,
                "elapsed_s": record.elapsed, "skipped": record.skipped}  # fmt: skip
        self.lines.append(line)
        return line

    def _is_due(self, record: StepRecord) -> bool:
        """Say whether a step has a line: of a budget in steps, no matter where it was resumed."""
        every, budget = self.training.settings.log_every, self.training.budget
        if record.progress >= 1:
            return True
        if every:
            return record.step % every == 0
        if budget.unit == "minutes":
            due = record.progress - self._progress >= 1 / _LINES
            return due or record.step % _EVERY == 0
        return record.step % min(max(int(budget.total) // _LINES, 1), _EVERY) == 0


def _network(module: nn.Module, device: torch.device, bf16: bool) -> Network:
    """Return what an objective calls: the module, under bf16 autocast where that is asked for."""
    if not bf16:
        return module

    def mixed(*inputs: Any) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            output: Tensor = module(*inputs)
        return output.float()

    return mixed
