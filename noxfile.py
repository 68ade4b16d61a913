"""The project's chores: `nox` runs lint, typecheck and test; `nox -l` lists all of them."""

import shutil
import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "typecheck", "test"]
nox.options.reuse_existing_virtualenvs = True


def sync(session: nox.Session, *groups: str) -> None:
    """Install genlab and dependency groups into the session's environment."""
    chosen = [argument for group in groups for argument in ("--group", group)]
    session.run_install("uv", "sync", "--active", *chosen, silent=True)


def fetch_chromium(session: nox.Session) -> None:
    """Fetch a browser where the system has none."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        session.run("playwright", "install", "--with-deps", "chromium")


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
def engines(session: nox.Session) -> None:
    """Run the tests of the engines of clusters and of large data sets, whose packages take a gigabyte."""
    sync(session, "engines")
    session.run(
        "pytest",
        "-n0",
        "tests/plugins/engines",
        "tests/plugins/datasets/test_hf.py",
        *session.posargs,
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    sync(session, "docs")
    target = "docs/_build/html"
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-b", "html", "docs", target)


@nox.session
def site(session: nox.Session) -> None:
    """Open every page of the documentation that `nox -s docs` built in a browser."""
    sync(session, "play")
    fetch_chromium(session)
    session.run("pytest", "-n0", "tests/docs/test_site.py", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Take finished runs of `genlab reproduce` into report/results, and build report/report.pdf from there.

    --draft builds where results are missing.
    """
    sync(session, "report")
    session.run("python", "report/gather.py")
    session.run("python", "report/draw.py")
    session.run("python", "report/build.py", *session.posargs)


@nox.session
def plugins(session: nox.Session) -> None:
    """Install the example and a fresh package beside genlab, as a stranger would, and use them."""
    session.install("--no-sources", ".", "./docs/examples/genlab-swirl", "pytest>=8.2,<10")
    session.run("pytest", "docs/examples/genlab-swirl")
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        session.run("genlab", "check", "degradation", "swirl")
        few = ("--steps", "5", "--set", "sampling.count=8")
        session.run("genlab", "run", "--degradation", "swirl", *few, "--out", "run")
        session.run("genlab", "new", "degradation", "ripple")
        session.install("--no-sources", "-e", "./genlab-ripple")
        session.run("pytest", "genlab-ripple")
        session.run("genlab", "new", "objective", "capped")
        session.install("--no-sources", "-e", "./genlab-capped")
        session.run("pytest", "genlab-capped")


@nox.session
def play(session: nox.Session) -> None:
    """Try the page of `genlab play` in a browser: the Chromium of the system, or one that is fetched.

    `GENLAB_CHROMIUM` may name the program.
    """
    sync(session, "play")
    fetch_chromium(session)
    session.run("pytest", "-n0", "tests/play", *session.posargs)


RESOLVE_ALL = """
from pathlib import Path
from genlab.config import resolve
from genlab.runs.series import BUDGETS, jobs_of

for budget in BUDGETS:
    found = jobs_of((), Path(), budget=budget)
    assert found, "no experiment came with the wheel"
    for job in found:
        resolve(job.tables)
"""


@nox.session(reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel, or take the one that is named, install it alone, and use it."""
    with tempfile.TemporaryDirectory() as folder:
        if not session.posargs:
            session.run("uv", "build", "--wheel", "--out-dir", folder, external=True)
        (built,) = map(Path, session.posargs or Path(folder).glob("*.whl"))
        session.install(str(built.resolve()))
        with session.chdir(folder):
            session.run(
                "genlab", "run", "--steps", "5", "--set", "sampling.count=8", "--out", "run"
            )
            session.run("genlab", "run", "cold-blur-mnist", "--budget", "smoke", "--out", "smoke")
            session.run("python", "-c", RESOLVE_ALL)
            session.run("genlab", "new", "degradation", "ripple")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure speed beside what a user would take instead: `nox -s benchmarks -- --rounds 5 --out FILE`.

    Nothing else should run meanwhile.
    """
    sync(session, "benchmarks")
    session.run("python", "benchmarks", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Count the small faults in the core that the tests find: `nox -s mutants -- --count 150 --seed 0`.

    All tests run once under coverage first, which takes some minutes and is kept.
    """
    sync(session, "mutants")
    session.run("pytest", "-q", "-n0", "tests/mutants")
    session.run("python", "tests/mutants", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """End runs at any moment, damage folders: `nox -s faults -- --kills 200 --damage 3000`."""
    sync(session, "test")
    session.run("python", "tests/faults", *session.posargs)
