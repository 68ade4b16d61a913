"""``genlab show experiment NAME``: an experiment as its file has it."""

from __future__ import annotations

import json

import typer

__all__ = ["show_experiment"]


def show_experiment(name: str, *, as_json: bool) -> None:
    """Print an experiment: what it is, its file, and how it is started.

    Args:
        name: Its name, or a TOML file.
        as_json: Print its tables as JSON.

    Raises:
        RequestError: There is no such experiment.
    """
    from rich.text import Text

    from genlab.cli.terminal import plain_console
    from genlab.experiments import experiment_about, experiment_text, read_experiment

    tables, text = read_experiment(name), experiment_text(name)
    about = experiment_about(text)
    start = f"genlab {'sweep' if 'sweep' in tables else 'run'} {name}"
    budgets = list(tables.get("budget", {}))
    if as_json:
        found = {"name": tables["experiment"], "about": about, "tables": tables}
        typer.echo(json.dumps(found, indent=2, default=str))
        return
    console = plain_console()
    console.print(Text(f"experiment {tables['experiment']}", style="bold"))
    if about:
        console.print(Text(about))
    body = [line for line in text.splitlines() if not line.startswith("#")]
    console.print(Text("\n" + "\n".join(body).strip() + "\n"), soft_wrap=True)
    chosen = f" [--budget {'|'.join(budgets)}]" if budgets else ""
    console.print(Text(f"start it with {start}{chosen}", style="dim"), soft_wrap=True)
