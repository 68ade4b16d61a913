"""Arguments that name a component."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from genlab.cli.completion import experiments, names_of, parameters_of, roles, tables
from genlab.errors import RequestError

__all__ = ["Name", "OptionalName", "Role", "RoleOrAll", "Settings", "Shown", "build_parameters"]


def _names(context: typer.Context, incomplete: str) -> list[str]:
    role = context.params.get("role") or ""
    if role.startswith("experiment"):
        return experiments(incomplete)
    if role.startswith("setting"):
        return tables(incomplete)
    try:
        return names_of(role)(incomplete)
    except RequestError:
        return []


_ROLE_HELP = (
    "degradation, backbone, sampler, density, dataset, metric, objective, optimiser, figure, tracker or "
    "engine."
)

Role = Annotated[str, typer.Argument(metavar="ROLE", help=_ROLE_HELP, autocompletion=roles())]
Shown = Annotated[
    str,
    typer.Argument(
        metavar="ROLE",
        help=f"{_ROLE_HELP.removesuffix('.')}; experiment; or settings.",
        autocompletion=roles("experiment", "settings"),
    ),
]
RoleOrAll = Annotated[
    str | None,
    typer.Argument(
        metavar="[ROLE]",
        help="One role, or experiment; all of them if left out.",
        autocompletion=roles("experiment"),
    ),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The component's name.", autocompletion=_names)
]
OptionalName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The name of a component or an experiment, or a table of settings.",
        autocompletion=_names,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PARAMETER=VALUE",
        help="Any of its parameters.",
        autocompletion=parameters_of("role", "name"),
    ),
]


def build_parameters(role: str, component: type[Any], settings: list[str] | None) -> dict[str, Any]:
    """Read and check the parameters of one component.

    Args:
        role: Its role, which may stand before a parameter: ``degradation.sigma_max=6``.
        component: Its class.
        settings: Assignments, such as ``sigma_max=6``.

    Raises:
        RequestError: A wrong name or value.
    """
    from genlab.components.parameters import check_parameters
    from genlab.config import parse_assignments

    given = parse_assignments(item.removeprefix(f"{role}.") for item in settings or ())
    return check_parameters(component, given, where=role)
