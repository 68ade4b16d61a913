"""The training loop: one loop for every model."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from genlab.config import TrainingConfig
from genlab.errors import RunError
from genlab.protocols import Examples
from genlab.training.augment import augment
from genlab.training.budget import Budget
from genlab.training.checkpoint import Checkpoint, optimiser_from_tensors, optimiser_to_tensors
from genlab.training.ema import EMA
from genlab.training.objective import Objective
from genlab.training.order import Order
from genlab.training.schedule import rate_factor

__all__ = ["Trainer"]

_PATIENCE = 50  # steps in a row without a finite gradient before a training is given up


class Trainer:
    """Trains a module on examples.

    The state that a step changes is: the module, its moving average, the optimiser, the generator,
    the step and the seconds. :meth:`checkpoint` returns all of it and :meth:`restore` takes it back,
    after which training goes on as if it had never stopped.

    Args:
        module: What is trained.
        objective: What a step minimises.
        examples: The training split.
        config: Rate of learning, batch, budget and so on.
        seed: Seed of the order of examples and of the objective's randomness.
        device: Where to train.
        bf16: Whether the network computes under bf16 autocast; all else stays in float32.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        examples: Examples,
        config: TrainingConfig,
        *,
        seed: int,
        device: torch.device,
        bf16: bool = False,
    ) -> None:
        self.config, self.objective = config, objective
        self.device = device
        self.accelerator = Accelerator(
            mixed_precision="bf16" if bf16 else "no", cpu=device.type == "cpu"
        )
        self.module = module.to(device)
        self.examples = examples.to(device)
        self.ema = EMA(self.module, config.ema)
        fused = device.type in ("cpu", "cuda")
        optimiser = torch.optim.AdamW(
            self.module.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=fused
        )
        self.network, self.optimiser = self.accelerator.prepare(self.module, optimiser)
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.generator = torch.Generator(device).manual_seed(seed)
        self.order = Order(len(examples), config.batch, seed)
        self.budget = Budget.of(config, len(examples))
        self.step, self.elapsed, self.skipped = 0, 0.0, 0
        self.unspent = 0

    @property
    def progress(self) -> float:
        """Share of the budget that is used, in [0, 1]."""
        return self.budget.progress(self.step, self.elapsed)

    def run(
        self,
        log: Callable[[Mapping[str, float]], None],
        save: Callable[[], None],
        *,
        evaluate: Callable[[], None] | None = None,
        milestones: Sequence[float] = (),
    ) -> None:
        """Train until the budget is used.

        Args:
            log: Is called with the numbers of every ``log_every``-th step and of the last.
            save: Is called when a checkpoint is due, before an evaluation, and at the end.
            evaluate: Is called at the milestones. Its time does not count.
            milestones: Rising shares of the budget.

        Raises:
            RunError: The loss stays infinite or not a number.
        """
        self.module.train()
        begun, before = time.perf_counter(), self.elapsed
        saved, logged, logged_at = begun, self.step, begun
        passed = bisect_right(milestones, self.progress)
        with self._batches() as batches:
            while self.progress < 1:
                x, y = next(batches)
                rate = self.config.lr * rate_factor(
                    self.progress, self.config.warmup, self.config.decay
                )
                loss, norm = self.train_step(x, y, rate)
                now = time.perf_counter()
                self.elapsed = before + now - begun
                if self.step % self.config.log_every == 0 or self.progress >= 1:
                    speed = (self.step - logged) * self.config.batch / max(now - logged_at, 1e-9)
                    logged, logged_at = self.step, now
                    log({"step": self.step, "progress": self.progress, "loss": float(loss),
                         "lr": rate, "grad_norm": float(norm), "examples_per_s": speed,
                         "elapsed_s": self.elapsed, "skipped": self.skipped})  # fmt: skip
                due = bisect_right(milestones, self.progress)
                if due > passed or now - saved >= self.config.save_every:
                    save()
                    saved = time.perf_counter()
                if due > passed and evaluate:
                    evaluate()
                    self.module.train()
                    away = time.perf_counter() - saved
                    begun, logged_at, saved = begun + away, logged_at + away, saved + away
                passed = due
        save()

    def train_step(self, x: Tensor, y: Tensor | None, rate: float) -> tuple[Tensor, Tensor]:
        """Do one step and return its loss and the norm of its gradient.

        A step whose gradient is not finite leaves the weights as they are and is counted.

        Raises:
            RunError: There was no finite gradient for many steps in a row.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        if self.config.shift or self.config.flip:
            x = augment(x, shift=self.config.shift, flip=self.config.flip, generator=self.generator)
        loss = self.objective(self.network, x, y, generator=self.generator)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.step += 1
        if not math.isfinite(norm):
            self._skip(float(loss.detach()))
            return loss.detach(), norm
        self.unspent = 0
        self.optimiser.step()
        self.ema.update()
        return loss.detach(), norm

    def checkpoint(self) -> Checkpoint:
        """Return everything that is needed to go on."""
        parts: dict[str, Mapping[str, Tensor]] = {
            "model": self.module.state_dict(),
            "ema": self.ema.module.state_dict(),
            "optimiser": optimiser_to_tensors(self.optimiser.optimizer),
            "rng": {"objective": self.generator.get_state(), "global": torch.get_rng_state()},
        }
        tensors = {f"{part}.{k}": v for part, state in parts.items() for k, v in state.items()}
        return Checkpoint(
            tensors,
            {"step": self.step, "elapsed": self.elapsed, "skipped": self.skipped,
             "updates": self.ema.updates},
        )  # fmt: skip

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to the state of a checkpoint."""
        self.module.load_state_dict(checkpoint.part("model"))
        self.ema.module.load_state_dict(checkpoint.part("ema"))
        optimiser_from_tensors(self.optimiser.optimizer, checkpoint.part("optimiser"))
        self.generator.set_state(checkpoint.part("rng")["objective"])
        torch.set_rng_state(checkpoint.part("rng")["global"])
        self.step = checkpoint.numbers["step"]
        self.elapsed = checkpoint.numbers["elapsed"]
        self.skipped = checkpoint.numbers["skipped"]
        self.ema.updates = checkpoint.numbers["updates"]

    def _skip(self, loss: float) -> None:
        self.skipped += 1
        self.unspent += 1
        if self.unspent >= _PATIENCE:
            raise RunError(
                f"the last {_PATIENCE} steps had no finite gradient (step {self.step}, loss {loss}); "
                f"the last checkpoint is good. A smaller training.lr, or training.precision=fp32, "
                f"may help"
            )

    @contextmanager
    def _batches(self) -> Iterator[Iterator[tuple[Tensor, Tensor | None]]]:
        """Give batches from the current step on; lazy examples are decoded one batch ahead."""
        if not self.examples.lazy:
            yield self._resident()
            return
        with ThreadPoolExecutor(1) as pool:
            yield self._ahead(pool)

    def _resident(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        while True:
            yield self.examples.take(self.order.indices(self.step).to(self.examples.device))

    def _ahead(self, pool: ThreadPoolExecutor) -> Iterator[tuple[Tensor, Tensor | None]]:
        step = self.step
        coming: Future[tuple[Tensor, Tensor | None]] = pool.submit(self._decoded, step)
        while True:
            x, y = coming.result()
            step += 1
            coming = pool.submit(self._decoded, step)
            yield x.to(self.device), None if y is None else y.to(self.device)

    def _decoded(self, step: int) -> tuple[Tensor, Tensor | None]:
        return self.examples.take(self.order.indices(step))
