"""``genlab show``: one component, with its parameters."""

from __future__ import annotations

import inspect
import json
import typing
from typing import Annotated, Any

import typer

from genlab.cli.options import Json

__all__ = ["show"]


def show(
    role: Annotated[str, typer.Argument(help="degradation, backbone, sampler, ...")],
    name: Annotated[str, typer.Argument(help="The component's name.")],
    as_json: Json = False,
) -> None:
    """Show a component: what it is, its tags, and its parameters with their defaults."""
    from genlab.config import parameters
    from genlab.registries import registry

    entry = registry(role).entry(name)
    component = entry.load()
    rows = [
        {"name": p.name, "type": _type(p.annotation), "description": p.description,
         "default": None if p.default is inspect.Parameter.empty else p.default,
         "required": p.default is inspect.Parameter.empty}
        for p in parameters(component)
    ]  # fmt: skip
    tags = getattr(component, "tags", None)
    about = {
        "role": entry.role,
        "name": entry.name,
        "package": f"{entry.package} {entry.version}",
        "class": entry.value,
        "tags": {k: _plain(v) for k, v in vars(tags).items()} if tags else {},
        "documentation": (inspect.getdoc(component) or "").partition("\nArgs:")[0].strip(),
        "parameters": rows,
    }
    if as_json:
        typer.echo(json.dumps(about, indent=2, default=str))
    else:
        _print(about)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _type(annotation: Any) -> str:
    """Write a type as a person would."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        base, *rest = typing.get_args(annotation)
        limits = [str(limit) for limit in _limits(rest)]
        return " ".join([_type(base), *limits])
    if origin is typing.Literal:
        return " | ".join(json.dumps(value) for value in typing.get_args(annotation))
    if origin is not None and type(None) in typing.get_args(annotation):
        return " | ".join(_type(arg) for arg in typing.get_args(annotation))
    if annotation is type(None):
        return "none"
    return getattr(annotation, "__name__", str(annotation)) if origin is None else str(annotation)


def _limits(metadata: list[Any]) -> list[str]:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    found = []
    for item in metadata:
        for part in getattr(item, "metadata", [item]):
            found += [f"{s} {getattr(part, k)}" for k, s in signs.items() if hasattr(part, k)]
    return found


def _print(about: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(f"{about['role']} {about['name']}", style="bold"), end="")
    console.print(Text(f"  {about['package']}  {about['class']}\n", style="dim"))
    console.print(Text(about["documentation"] + "\n"))
    if about["tags"]:
        shown = [
            key if value is True else f"{key}: {_join(value)}"
            for key, value in about["tags"].items()
            if value not in (False, None, [])
        ]
        console.print(Text(f"tags: {', '.join(shown)}\n"))
    if not about["parameters"]:
        console.print("no parameters")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("parameter", "default", "type", "what it is"):
        table.add_column(column)
    for row in about["parameters"]:
        default = "required" if row["required"] else _toml(row["default"])
        cells = (row["name"], default, row["type"], row["description"])
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    console.print(Text(f"set one with --set {about['role']}.NAME=VALUE", style="dim"))


def _join(value: Any) -> str:
    return " ".join(str(v) for v in value) if isinstance(value, list) else str(value)


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    return json.dumps(value, default=str)
