"""``genlab show``: one component, with its parameters, a degradation at work, and what else there is."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genlab.cli.completion import names_of
from genlab.cli.components import OptionalName, Settings, Shown, build_parameters
from genlab.cli.options import Data, Json

if TYPE_CHECKING:
    from rich.console import Console

    from genlab.components import Degradation
    from genlab.components.registry import Entry
    from genlab.errors import RequestError

__all__ = ["show"]


def show(
    role: Shown,
    name: OptionalName = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .png, .svg or .pdf file for a strip of pictures of a degradation."),
    ] = None,
    settings: Settings = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the strip shows; digits or moons if left out.",
            autocompletion=names_of("dataset"),
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a component, an experiment, or the settings of a run.

    A component is shown with what it is, its tags, and its parameters with their defaults. With --out, a
    degradation is drawn at work: a few examples on their way from t = 0 to t = 1.
    """
    if role in ("setting", "settings", "experiment", "experiments"):
        _show_other(role, name, out, as_json=as_json)
        return
    from genlab.components.registry import registry

    if name is None:
        raise _which(role, registry(role).names())
    entry = registry(role).entry(name)
    _check_picture(entry, out, settings, dataset, data)
    about = _about(entry)
    if out is not None:
        degradation = entry.load()(**build_parameters(entry.role, entry.load(), settings))
        _draw(degradation, out, dataset, data)
        about["preview"] = str(out)
    if as_json:
        typer.echo(json.dumps(about, indent=2, default=str))
    else:
        _print(about)


def _show_other(role: str, name: str | None, out: Path | None, *, as_json: bool) -> None:
    """Show what is no component."""
    from genlab.errors import RequestError

    if out is not None:
        raise RequestError("only a degradation has a picture: leave --out away")
    if role.startswith("setting"):
        from genlab.cli.show_settings import show_settings

        show_settings(name, as_json=as_json)
        return
    from genlab.cli.show_experiment import show_experiment
    from genlab.experiments import experiment_names

    if name is None:
        raise _which("experiment", experiment_names())
    show_experiment(name, as_json=as_json)


def _which(what: str, names: list[str]) -> RequestError:
    from genlab.errors import RequestError

    return RequestError(f"which {what}? There are: {', '.join(names) or 'none'}.")


def _about(entry: Entry) -> dict[str, Any]:
    """Return everything that is known of a component, as plain values."""
    from genlab.components.component import reference_of
    from genlab.components.parameters import parameters
    from genlab.components.words import type_in_words

    component = entry.load()
    rows = [
        {"name": p.name, "type": type_in_words(p.annotation), "description": p.description,
         "default": None if p.required else p.default, "required": p.required}
        for p in parameters(component)
    ]  # fmt: skip
    tags = getattr(component, "tags", None)
    documentation = (inspect.getdoc(component) or "").partition("\nArgs:")[0].strip()
    return {
        "role": entry.role,
        "name": entry.name,
        "package": f"{entry.package} {entry.version}",
        "class": entry.value,
        "bases": _bases(component),
        "requires": getattr(getattr(component, "requires", None), "__name__", None),
        "tags": {k: _plain(v) for k, v in vars(tags).items()} if tags else {},
        "documentation": documentation,
        "reference": reference_of(documentation),
        "parameters": rows,
    }


def _bases(component: Any) -> list[str]:
    """Return the public classes of genlab that a component is derived from, its nearest first."""
    import genlab

    bases = inspect.getmro(component)[1:] if inspect.isclass(component) else ()
    return [
        c.__name__ for c in bases if getattr(genlab, c.__name__, None) is c is not genlab.Component
    ]


def _prose(documentation: str) -> str:
    """Join the lines of paragraphs, which a terminal breaks by itself, and drop the mark-up of roles."""
    paragraphs = re.split(r"\n\s*\n", documentation)
    flowing = [
        p if re.search(r"^\s|^[.*=]", p, re.MULTILINE) else " ".join(p.split()) for p in paragraphs
    ]
    return re.sub(r":\w+:`~?([^`]*)`", r"\1", "\n\n".join(flowing))


def _check_picture(
    entry: Entry,
    out: Path | None,
    settings: list[str] | None,
    dataset: str | None,
    data: Path | None,
) -> None:
    """Refuse what makes no picture."""
    from genlab.errors import RequestError

    if out is None and (settings or dataset or data):
        raise RequestError("--set, --dataset and --data are about the picture: give --out too")
    if out is not None and out.suffix not in (".png", ".svg", ".pdf"):
        raise RequestError(f"--out names a .png, .svg or .pdf file, not {str(out)!r}")
    if out is not None and entry.role != "degradation":
        raise RequestError(f"only a degradation has a picture: leave --out away for a {entry.role}")


def _draw(degradation: Degradation, out: Path, dataset: str | None, data: Path | None) -> None:
    """Write a strip of examples at nine times; one draw of randomness serves all of them."""
    import torch

    from genlab.components.registry import build
    from genlab.errors import RequestError
    from genlab.report.figures.files import save_figure
    from genlab.report.figures.forward import forward

    name = dataset or ("digits" if "image" in degradation.tags.data else "moons")
    examples = build("dataset", name)
    if examples.spec.kind not in degradation.tags.data:
        fitting = " or ".join(f"{kind}s" for kind in sorted(degradation.tags.data))
        raise RequestError(f"{name!r} holds {examples.spec.kind}s, and this degrades {fitting}")
    x_0, _ = examples.load("test", data).first(6 if examples.spec.kind == "image" else 1000)
    times = torch.linspace(0, 1, 9).tolist()
    z = degradation.draw(x_0, generator=torch.Generator().manual_seed(0))
    x_t = [degradation.degrade(x_0, torch.full((len(x_0),), t), z) for t in times]
    save_figure(forward(x_t, times, examples.spec, rows=6), out)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value


def _print(about: dict[str, Any]) -> None:
    from rich.text import Text

    from genlab.cli.terminal import plain_console

    console = plain_console()
    console.print(Text(f"{about['role']} {about['name']}", style="bold"), end="")
    console.print(Text(f"  {about['package']}  {about['class']}\n", style="dim"))
    console.print(Text(_prose(about["documentation"]) + "\n"))
    if about["bases"]:
        console.print(Text(f"a {', '.join(about['bases'])}"))
    if about["requires"]:
        console.print(Text(f"requires a {about['requires']}"))
    if about["tags"]:
        shown = [
            key if value is True else f"{key}: {_join(value)}"
            for key, value in about["tags"].items()
            if value not in (False, None, [])
        ]
        console.print(Text(f"tags: {', '.join(shown)}\n"))
    if about["reference"]:
        console.print(Text(f"reference: {about['reference']}\n"))
    if about["parameters"]:
        _print_parameters(console, about)
    else:
        console.print("no parameters")
    if "preview" in about:
        console.print(Text(f"picture: {about['preview']}"), soft_wrap=True)


def _print_parameters(console: Console, about: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

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
