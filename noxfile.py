"""The project's chores: `nox` runs lint, typecheck and test; `nox -l` lists all of them."""

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "typecheck", "test"]
nox.options.reuse_existing_virtualenvs = True


def sync(session: nox.Session, *groups: str) -> None:
    """Install genlab and dependency groups into the session's environment."""
    chosen = [argument for group in groups for argument in ("--group", group)]
    session.run_install("uv", "sync", "--active", *chosen, silent=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling, and that imports point one way."""
    sync(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("lint-imports")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types, strictly."""
    sync(session, "typecheck")
    session.run("mypy")


@nox.session
def test(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest."""
    session.run("uv", "run", "--group", "test", "pytest", *session.posargs, external=True)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure, side by side with bare PyTorch. Nothing else should run meanwhile."""
    sync(session)
    for script in session.posargs or ["benchmarks/overhead.py"]:
        session.run("python", script)
