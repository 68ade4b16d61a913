"""Damage: a file of a run folder is changed; every command says so in one line, or does what it should."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chains import Bench
from forking import Ended, forked

from genlab.cli.app import exit_status
from runs import differences, started

KINDS = ("flipped", "cut", "emptied", "removed", "forged", "a folder")
COMMANDS = ("sample", "resume", "evaluate", "figures", "report", "compare")

_FORGED = {
    ".json": (b"[]", b"null", b"{}", b'{"metrics": 3}', b'{"metrics": [{}]}', b"[" * 20_000, b'{"done": 5}'),
    ".jsonl": (b"[]\n", b"null\n3\n", b'{"step": "a"}\n', b'{"step": 5}\n', b"[" * 20_000 + b"\n", b"\xff\n"),
    ".toml": (b"", b"format = 2\n", b"format = 2\nseed = []\n", b"a = " + b"[" * 20_000, b"\xff\xfe"),
    ".npz": (b"PK", b"PK\x05\x06" + bytes(18), b"\x93NUMPY"),
    ".safetensors": (b"\x02" + bytes(7) + b"{}", b"\xff" * 64, bytes(8)),
}  # fmt: skip


class Workshop:
    """Where folders are damaged, and commands are given to them.

    Args:
        bench: The runs that nobody touched.
        names: Requests whose runs are damaged.
    """

    def __init__(self, bench: Bench, names: Sequence[str]) -> None:
        self.bench, self.names = bench, names
        self.stopped: dict[str, Path] = {}
        self.right: dict[tuple[str, str], Any] = {}

    def trial(self, seed: int) -> dict[str, Any]:
        """Damage a folder, give a command to it, and say what came of it."""
        rng = random.Random(seed)
        name = rng.choice(self.names)
        command = rng.choices(COMMANDS, weights=(30, 20, 25, 8, 7, 10))[0]
        source = self._stopped(name) if command == "resume" else self.bench.whole(name)
        right = self._right(name, command)
        at = self.bench.folder / f"damaged-{seed}"
        shutil.copytree(source, at)
        told = damage(at, rng)
        ended, result = self._given(name, command, at)
        wrong = self._wrong(command, name, ended, result, right, at)
        shutil.rmtree(at)
        return {
            "name": name, "command": command, "seed": seed, "damage": told, "wrong": wrong,
            "status": ended.status, "said": ended.said[-300:],
        }  # fmt: skip

    def _wrong(
        self, command: str, name: str, ended: Ended, result: Any, right: Any, at: Path
    ) -> list[str]:
        wrong = []
        if ended.hung:
            wrong.append("it hangs")
        if "Traceback" in ended.said or ended.status not in (0, 1, 2):
            wrong.append(f"status {ended.status}: {ended.said[-1500:]}")
        elif ended.status:
            errors = [line for line in ended.said.splitlines() if line.startswith("error: ")]
            if len(errors) != 1:
                wrong.append(f"{len(errors)} lines of explanation: {ended.said[-600:]}")
        elif command == "resume":
            noticed = _noticed(ended.said)
            wrong += differences(self.bench.whole(name), at, logs=not noticed)
        elif result != right and not _noticed(ended.said):
            wrong.append("something else was computed, without a word")
        return wrong

    def _stopped(self, name: str) -> Path:
        """Return a run that was stopped in the middle of its training."""
        self.bench.whole(name)
        out = self.bench.folder / "stopped" / name.replace(" ", "-")
        delay = 0.2
        while name not in self.stopped:
            shutil.rmtree(out, ignore_errors=True)
            ended = forked(
                lambda: started(self.bench.requests[name], out), self.bench.folder / "log",
                signals=[(delay, int(signal.SIGTERM))],
            )  # fmt: skip
            if ended.status == 3 and "stage training" in ended.said:
                self.stopped[name] = out
            delay = (delay * 1.15) if ended.status else 0.1
        return out

    def _right(self, name: str, command: str) -> Any:
        """Return what a command makes of the folder that nobody touched."""
        if command != "resume" and (name, command) not in self.right:
            at = self.bench.folder / "right"
            shutil.copytree(self.bench.whole(name), at)
            ended, self.right[name, command] = self._given(name, command, at)
            if ended.status:
                raise SystemExit(f"{command} of {name} fails by itself: {ended.said}")
            shutil.rmtree(at)
        return self.right.get((name, command))

    def _given(self, name: str, command: str, at: Path) -> tuple[Ended, Any]:
        """Give a command, and return how it ended and what it has left."""
        out = self.bench.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        other = self.bench.whole(next(each for each in self.names if each != name))
        arguments: dict[str, list[str | Path]] = {
            "sample": ["sample", at, "-n", "3", "--out", out / "x.npz"],
            "resume": ["resume", at],
            "evaluate": ["evaluate", at, "-n", "20", "--json", "--metric", "sliced-wasserstein"],
            "figures": ["figures", at, "loss", "--out", out / "loss.png"],
            "report": ["report", at],
            "compare": ["compare", at, other, "--out", out / "comparison"],
        }
        given = [
            *map(str, arguments[command]),
            *([] if command == "resume" else ["--device", "cpu"]),
        ]
        ended = forked(_command(given), self.bench.folder / "log")
        if command == "evaluate":
            return ended, [line for line in ended.said.splitlines() if line.startswith("[{")]
        files = [f for f in out.rglob("*") if f.suffix in (".npz", ".png", ".csv")]
        return ended, {
            f.name: f.read_bytes().replace(at.name.encode(), b"RUN")
            for f in files if command != "compare" or f.suffix == ".csv"
        }  # fmt: skip


def _command(arguments: list[str]) -> Callable[[], int]:
    return lambda: exit_status(arguments)


def damage(folder: Path, rng: random.Random) -> str:
    """Change one file of a folder, and say how."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.suffix not in (".svg", ".gif"))
    file, kind = rng.choice(files), rng.choice(KINDS)
    data = bytearray(file.read_bytes())
    if kind == "forged" and file.suffix in _FORGED:
        file.write_bytes(rng.choice(_FORGED[file.suffix]))
    elif kind in ("removed", "a folder"):
        file.unlink()
        if kind == "a folder":
            file.mkdir()
    elif kind == "cut":
        os.truncate(file, rng.randrange(max(len(data), 1)))
    elif kind == "emptied" or not data:
        os.truncate(file, 0)
    else:
        at = rng.randrange(len(data))
        data[at] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
        kind = f"flipped at {at}"
    return f"{file.relative_to(folder)} {kind}"


def _noticed(said: str) -> bool:
    """Say whether a command told of the damage."""
    return any(word in said for word in ("damaged", "left out", "is lost", "Warning"))
