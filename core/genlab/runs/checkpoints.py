"""The checkpoints of a run folder: the last, some before it, the best, and the prior."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from genlab.errors import RequestError, unknown
from genlab.files import draft
from genlab.training import Checkpoint, read_checkpoint, write_checkpoint

__all__ = ["Checkpoints"]


@dataclass(frozen=True)
class Checkpoints:
    """The files below ``checkpoints`` of a run.

    Args:
        run: The run folder.
    """

    run: Path

    @property
    def last(self) -> Path:
        """The state of the training."""
        return self.run / "checkpoints" / "last.safetensors"

    @property
    def best(self) -> Path:
        """The state of the training at the evaluation with the best number."""
        return self.run / "checkpoints" / "best.safetensors"

    @property
    def prior(self) -> Path:
        """The density of the degraded state."""
        return self.run / "checkpoints" / "prior.safetensors"

    def earlier(self) -> list[Path]:
        """Return the checkpoints before the last that are kept, the oldest first."""
        return sorted(self.last.parent.glob("step-*.safetensors"))

    def named(self, name: str) -> Path:
        """Return a checkpoint by name.

        Args:
            name: ``"last"``, ``"best"``, or one of those before the last, such as ``"step-0000400"``.

        Raises:
            RequestError: There is no such checkpoint.
        """
        files = {
            "last": self.last,
            "best": self.best,
            **{file.stem: file for file in self.earlier()},
        }
        if name not in files:
            raise unknown("checkpoint", name, files)
        if name == "best" and not self.best.is_file():
            raise RequestError(
                f"{self.run} has no best checkpoint: genlab run --set evaluation.times=8 "
                f"--set evaluation.best=METRIC keeps one"
            )
        return files[name]

    def save(self, checkpoint: Checkpoint, *, keep: int, before: int | None) -> None:
        """Write the last checkpoint, and keep those before it.

        Args:
            checkpoint: The state of the training.
            keep: How many checkpoints are kept in all.
            before: The step of the one that was the last so far; None where there was none.
        """
        if keep > 1 and before is not None and self.last.is_file():
            _link(self.last, self.last.with_name(f"step-{before:07d}.safetensors"))
        write_checkpoint(self.last, checkpoint)
        earlier = self.earlier()
        for file in earlier[: max(len(earlier) - (keep - 1), 0)]:
            file.unlink(missing_ok=True)

    def go_back(self, name: str) -> None:
        """Make another checkpoint the last one, and forget those after it.

        Raises:
            RequestError: There is no such checkpoint, or it is damaged.
        """
        source = self.named(name)
        read_checkpoint(source)
        if source == self.last:
            return
        with draft(self.last) as file:
            shutil.copyfile(source, file)
        for file in self.earlier():
            if file.stem >= source.stem:
                file.unlink(missing_ok=True)

    def state(self) -> Checkpoint | None:
        """Return the state of the training; None where there is none yet.

        Raises:
            RequestError: The last checkpoint is damaged, or missing though there are earlier ones; the one
                before it is offered.
        """
        return self.read(self.last) if self.last.exists() or self.earlier() else None

    def read(self, file: Path) -> Checkpoint:
        """Read one of the checkpoints.

        Raises:
            RequestError: It is missing or damaged; the message says what helps.
        """
        try:
            return read_checkpoint(file)
        except RequestError as error:
            raise RequestError(f"{error}. {self.remedy(file)}") from None

    def remedy(self, file: Path) -> str:
        """Say what helps where a checkpoint is missing or damaged."""
        if file == self.prior:
            return f"genlab resume {self.run} fits the prior anew"
        if file == self.best:
            return "Without --checkpoint best, the last one is read"
        for other in reversed([each for each in self.earlier() if each != file]):
            with suppress(RequestError):
                read_checkpoint(other)
                return (
                    f"The checkpoint before it is whole: genlab resume {self.run} --checkpoint {other.stem} "
                    f"goes on from there"
                )
        return f"There is none before it that is whole: remove it, and genlab resume {self.run} begins anew"


def _link(file: Path, other: Path) -> None:
    """Give a file a second name, under which it stays when another one takes its place."""
    other.unlink(missing_ok=True)
    try:
        os.link(file, other)
    except OSError:  # a file system without links
        with draft(other) as copy:
            shutil.copyfile(file, copy)
