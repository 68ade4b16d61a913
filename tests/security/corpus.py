"""Run folders and experiments of an enemy, each given to a command in this process.

``python corpus.py WHOLE WORK``: copies the run folder WHOLE into WORK, spoils it, gives it to a command, and
prints for each item, as a line of JSON, how the command ended, what it said, and the largest memory so far in
MiB.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import resource
import shutil
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from genlab.cli.app import exit_status

RUN, SPARSE = Path("run"), 5 * 2**30
Spoil = Callable[[], None]


class Enemy:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch ../executed executed",)


def edited(old: str, new: str) -> Spoil:
    """Change ``run.toml``, without its checksum."""

    def spoil() -> None:
        text = (RUN / "run.toml").read_text("utf-8")
        if text.startswith("checksum"):
            text = text.partition("\n")[2]
        assert old in text, old
        (RUN / "run.toml").write_text(text.replace(old, new, 1), "utf-8")

    return spoil


def written(name: str, data: bytes | Callable[[], bytes]) -> Spoil:
    """Put other bytes into a file."""

    def spoil() -> None:
        file = RUN / name
        file.unlink(missing_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data())

    return spoil


def sparse(name: str) -> Spoil:
    """Make a file enormous that takes no room."""

    def spoil() -> None:
        with (RUN / name).open("r+b") as file:
            file.truncate(SPARSE)

    return spoil


def npy(shape: str, descr: str = "<f4") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def archive(*parts: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts:
            file.writestr(name, data)
    return buffer.getvalue()


def bomb() -> bytes:
    """4 MB that hold 4 GB: an archive with the zeros of one array."""
    size, block = 2**32, bytes(2**20)
    head, blocks = npy(f"({size // 256}, 1, 8, 8)"), size // len(block)
    check = zlib.crc32(head)
    for _ in range(blocks):
        check = zlib.crc32(block, check)
    squeeze = zlib.compressobj(1, wbits=-15)
    parts = [squeeze.compress(each) + squeeze.flush(zlib.Z_FULL_FLUSH) for each in (head, block)]
    data, length = parts[0] + blocks * parts[1] + squeeze.flush(), size + len(head)
    name = b"x.npy"
    wide = struct.pack("<HHQQ", 1, 16, length, len(data))
    common = struct.pack(
        "<HHHHHIIIHH", 45, 0, 8, 0, 33, check, 2**32 - 1, 2**32 - 1, len(name), len(wide)
    )
    local = b"PK\3\4" + common + name + wide + data
    entry = (
        b"PK\1\2"
        + struct.pack("<H", 45)
        + common
        + struct.pack("<HHHII", 0, 0, 0, 0, 0)
        + name
        + wide
    )
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)
    return local + entry + b"PK\5\6" + end


def objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Enemy()], dtype=object), allow_pickle=True)
    return archive(("x.npy", buffer.getvalue()))


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save({"ema.weight": Enemy()}, buffer)
    return buffer.getvalue()


def tensors(header: dict[str, object], data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def large_tensor() -> None:
    """A file of 5 GiB that takes no room: one tensor of zeros."""
    header = {
        "ema.first.weight": {"dtype": "F32", "shape": [SPARSE // 4], "data_offsets": [0, SPARSE]}
    }
    head = tensors(header)
    (RUN / LAST).unlink()
    with (RUN / LAST).open("wb") as file:
        file.write(head)
        file.truncate(len(head) + SPARSE)


def link(place: str) -> Spoil:
    """Put a link out of the run folder in the place of a file or folder."""

    def spoil() -> None:
        path = RUN / place
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(Path("../../outside").absolute() / place.replace("/", "-"))

    return spoil


LAST = "checkpoints/last.safetensors"
SAMPLE, FIGURE, RESUME = (
    ["sample", "run", "-n", "2"],
    ["figures", "run", "samples"],
    ["resume", "run", "--steps", "99"],
)
NETWORK = 'name = "unet"'
ITEMS: dict[str, tuple[Spoil, list[str]]] = {
    "a pickle as weights": (written(LAST, lambda: pickle.dumps(Enemy())), SAMPLE),
    "a checkpoint of torch.save": (written(LAST, pickled), SAMPLE),
    "a header of 2**62 bytes": (written(LAST, struct.pack("<Q", 2**62) + b"{}"), SAMPLE),
    "a header that is no table": (written(LAST, tensors({"a": 1})), SAMPLE),
    "a tensor beyond the file": (
        written(LAST, tensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})),
        SAMPLE),
    "a header of lists in lists": (
        written(LAST, struct.pack("<Q", 200_000) + b"[" * 200_000), SAMPLE),
    "a tensor of 5 GiB": (large_tensor, SAMPLE),
    "samples with objects": (written("samples/samples.npz", objects), FIGURE),
    "a pickle as samples": (written("samples/samples.npz", lambda: pickle.dumps(Enemy())), FIGURE),
    "4 MB that hold 4 GB": (written("samples/samples.npz", bomb), FIGURE),
    "an array that says it is large": (
        written("samples/samples.npz", archive(("x.npy", npy("(2000000000, 1, 8, 8)")))), FIGURE),
    "an archive in place of arrays": (
        written("samples/samples.npz", archive(("../../../outside/evil", b"x"))), FIGURE),
    **{f"{target} as a class": (edited(NETWORK, f'class = "{target}"'), SAMPLE)
       for target in ("os:system", "subprocess:Popen", "builtins:eval", "posix:system", "torch:load",
                      "genlab.files:write_text", "pickle:Unpickler", "nothing", "::", "os:", ":system",
                      "os.path:os.system", "..:x", "run.evil:Net")},
    "an experiment outside": (edited("seed = ", 'experiment = "../../outside/evil"\nseed = '), SAMPLE),
    "channels": (edited("channels = [", "channels = [80000000, "), SAMPLE),
    "blocks": (edited("blocks = 1", "blocks = 1000000000"), SAMPLE),
    "the shape": (edited("shape = [", "shape = [1000000000, ")
                  , SAMPLE),
    "classes": (edited("classes = 10", "classes = 1000000000000"), SAMPLE),
    "tables in tables": (edited("seed = ", "x = " + "[" * 5000 + "\nseed = "), SAMPLE),
    "keys in keys": (edited("seed = ", ".".join("x" * 5000) + " = 1\nseed = "), SAMPLE),
    "a number of a million digits": (edited("seed = 0", "seed = 0x" + "f" * 200_000), SAMPLE),
    "5 GiB of run.toml": (sparse("run.toml"), SAMPLE),
    "5 GiB of metrics.json": (sparse("metrics.json"), ["evaluate", "run", "-n", "50", "--metric", "mmd"]),
    "links for samples": (link("samples"), SAMPLE),
    "links for figures": (link("figures"), FIGURE),
    "links for checkpoints": (link("checkpoints"), RESUME),
    "a link for the log": (link("metrics.jsonl"), RESUME),
    "a link for the lock": (link("run.lock"), RESUME),
}  # fmt: skip


def peak() -> int:
    """Return the most memory that this process has had, in MiB.

    ``ru_maxrss`` would count what the process had before it became this program: that of the tests.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def outcomes(whole: Path, work: Path) -> Iterator[dict[str, object]]:
    os.chdir(work)
    warnings.simplefilter("ignore")  # the command line words them, and this is no command line
    for name, (spoil, command) in ITEMS.items():
        shutil.copytree(whole, RUN)
        spoil()
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                status: int | str = exit_status(command)
            except BaseException as error:
                status = f"{type(error).__name__}: {error}"
        yield {"item": name, "status": status, "said": said.getvalue(), "peak": peak()}
        shutil.rmtree(RUN)


if __name__ == "__main__":
    for outcome in outcomes(Path(sys.argv[1]), Path(sys.argv[2])):
        print(json.dumps(outcome), flush=True)
