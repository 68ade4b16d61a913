"""Carry out some of ten runs that have little in common, and print what became of each.

python ten_runs.py together FOLDER 0 3 3 ...     in one process
python ten_runs.py apart FOLDER 0 3 ...          each in a process of its own
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import torch

from genlab.runs.start import start_run
from genlab.testing.tiny import TwoNormals
from genlab.training import read_checkpoint


def made_up(*shape: int) -> torch.Tensor:
    return torch.rand(80, *shape, generator=torch.Generator().manual_seed(sum(shape)))


def requests() -> list[dict[str, Any]]:
    bf16, unet = {"precision": "bf16"}, {"name": "unet", "channels": [8]}
    conv = {"name": "conv", "width": 8, "depth": 1}
    return [
        {"backbone": unet},
        {"backbone": unet, "training": bf16},
        {"backbone": conv, "degradation": "blur", "prior": "normal", "training": bf16 | {"flip": True}},
        {"backbone": unet, "degradation": "pixelate", "prior_training": {"steps": 3, **bf16},
         "prior": {"name": "realnvp", "couplings": 2, "width": 8}},
        {"density": {"name": "realnvp", "couplings": 2, "width": 8}, "dataset": TwoNormals(),
         "training": bf16 | {"conditional": True}},
        {"backbone": {"width": 16, "depth": 1}, "dataset": TwoNormals(), "training": {"conditional": True},
         "sampler": "ddpm", "seed": 3},
        {"backbone": conv, "dataset": made_up(2, 16), "training": bf16},
        {"backbone": conv, "dataset": made_up(1, 4, 4, 4), "seed": 1},
        {"density": "gmm", "dataset": TwoNormals()},
        {"backbone": {"name": "dit", "width": 16, "depth": 1, "heads": 2}, "dataset": made_up(3, 16, 16),
         "degradation": "mask-dropout", "prior": "normal", "training": bf16, "seed": 2},
    ]  # fmt: skip


def carried_out(number: int, folder: Path) -> str:
    """Return a digest of the weights, the state of the training, and the samples."""
    request: dict[str, Any] = {"metrics": [], "sampling": {"count": 6, "steps": 2}} | requests()[
        number
    ]
    if request.get("density") != "gmm":  # which is fitted at once
        request["training"] = {"steps": 4, "batch": 8} | request.get("training", {})
    run = start_run(request, out=folder, skip=["measuring", "drawing", "page"])
    digest = hashlib.sha256(run.folder.samples_file.read_bytes())
    for file in (run.folder.checkpoints.last, run.folder.checkpoints.prior):
        tensors = read_checkpoint(file).tensors if file.is_file() else {}
        for key in sorted(tensors):
            digest.update(f"{key} {tensors[key].dtype}".encode())
            digest.update(tensors[key].flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def main(how: str, out: str, *numbers: str) -> None:
    jobs = [(int(number), Path(out) / f"{i}-{number}") for i, number in enumerate(numbers)]
    if how == "together":
        found = [carried_out(*job) for job in jobs]
        assert "torch._dynamo" not in sys.modules, (
            "PyTorch's compiler was imported, which takes seconds"
        )
    else:
        context = multiprocessing.get_context(
            "forkserver"
        )  # which imports what takes long but once
        context.set_forkserver_preload(["genlab.runs.start", "sklearn.cluster"])
        with context.Pool(2, maxtasksperchild=1) as pool:
            found = pool.starmap(carried_out, jobs, chunksize=1)
    print(json.dumps(found))


torch.set_num_threads(1)
if __name__ == "__main__":
    main(*sys.argv[1:])
