"""``genlab doctor``: is everything in order?"""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from typing import Any

import typer

from genlab.cli.options import Json

__all__ = ["doctor"]

_PACKAGES = ("genlab", "torch", "torchvision", "numpy", "scikit-learn", "pydantic")


def doctor(as_json: Json = False) -> None:
    """Check versions, devices, arithmetic, and every component."""
    from genlab.components.registry import ROLES, registry

    found: list[dict[str, Any]] = [
        {"check": "python", "ok": True, "detail": platform.python_version()},
        *_packages(),
        *_devices(),
    ]
    for role in ROLES:
        for name in registry(role).names():
            problem = _problem(role, name)
            if problem:
                found.append({"check": f"{role} {name}", "ok": False, "detail": problem})
    broken = [item for item in found if not item["ok"]]
    count = sum(len(registry(role).names()) for role in ROLES)
    sound = count - sum(item["check"].split()[0] in ROLES for item in broken)
    found.append(
        {"check": "components", "ok": sound == count, "detail": f"{sound} of {count} import"}
    )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _table(found)
    if broken:
        raise typer.Exit(1)


def _packages() -> list[dict[str, Any]]:
    rows = []
    for package in _PACKAGES:
        try:
            rows.append({"check": package, "ok": True, "detail": metadata.version(package)})
        except metadata.PackageNotFoundError:
            rows.append({"check": package, "ok": False, "detail": "is not installed"})
    return rows


def _devices() -> list[dict[str, Any]]:
    try:
        import torch
        import torchvision  # noqa: F401 - a build that does not match torch fails here

        from genlab.training.precision import bf16_is_faster
    except Exception as error:
        return [{"check": "torch", "ok": False, "detail": f"{type(error).__name__}: {error}"}]
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores"
    rows = [{"check": "cpu", "ok": True, "detail": threads}]
    rows += [
        {"check": f"cuda:{index}", "ok": True, "detail": torch.cuda.get_device_name(index)}
        for index in range(torch.cuda.device_count())
    ]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bf16 = bf16_is_faster(device, (3, 32, 32), mixed_precision=True)
    detail = "native, used for images" if bf16 else "not native, float32 is used"
    return [*rows, {"check": "bf16", "ok": True, "detail": detail}]


def _problem(role: str, name: str) -> str | None:
    from genlab.components.registry import registry
    from genlab.errors import RequestError

    try:
        registry(role).get(name)
    except RequestError as error:
        return str(error)
    return None


def _table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "check", "detail"):
        table.add_column(column)
    for row in rows:
        mark = Text("ok", style="green") if row["ok"] else Text("broken", style="bold red")
        table.add_row(mark, row["check"], Text(str(row["detail"])))
    plain_console().print(table)
