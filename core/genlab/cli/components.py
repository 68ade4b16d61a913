"""Arguments that name a component, and what the shell completes them to.

Completion reads metadata alone: nothing is imported for it, so that it answers at once.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["Name", "Role", "RoleOrAll", "Settings", "build_parameters"]


def _roles(incomplete: str) -> list[str]:
    from genlab.components.registry import ROLES

    return [role for role in ROLES if role.startswith(incomplete)]


def _roles_and_experiments(incomplete: str) -> list[str]:
    return [*_roles(incomplete), *(["experiment"] if "experiment".startswith(incomplete) else [])]


def _names(context: typer.Context, incomplete: str) -> list[str]:
    from genlab.components.registry import registry
    from genlab.errors import RequestError

    try:
        names = registry(context.params.get("role") or "").names()
    except RequestError:
        return []
    return [name for name in names if name.startswith(incomplete)]


_ROLE_HELP = (
    "degradation, backbone, sampler, density, dataset, metric, objective, optimiser, figure, tracker or "
    "engine."
)

Role = Annotated[str, typer.Argument(metavar="ROLE", help=_ROLE_HELP, autocompletion=_roles)]
RoleOrAll = Annotated[
    str | None,
    typer.Argument(
        metavar="[ROLE]",
        help="One role, or experiment; all of them if left out.",
        autocompletion=_roles_and_experiments,
    ),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The component's name.", autocompletion=_names)
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PARAMETER=VALUE", help="Any of its parameters."),
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
