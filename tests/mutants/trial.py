"""How tests are run in a copy of the tree, and which of them touch which line."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import coverage

_OF_DEFAULTS = "tests/components/test_defaults.py"
"""Tests that look at what an import has made, and so execute no body that it belongs to."""
_SKIPPED = (".git", ".venv", ".nox", "__pycache__", "*_cache", ".coverage*", "_build")


class Bench:
    """A copy of the tree, and an interpreter that imports from it.

    The interpreter is one of an environment of its own, whose path has the folders of the copy first: some
    tests set the ``PYTHONPATH`` of their subprocesses.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.tree, self.python = folder, folder / "tree", folder / "env/bin/python"
        skipped = shutil.ignore_patterns(*_SKIPPED)
        results = {"data", "runs"}  # of the root alone: a package is called runs, too
        shutil.copytree(
            root, self.tree,
            ignore=lambda at, names: skipped(at, names) | (results if Path(at) == root else set()),
        )  # fmt: skip
        venv.create(folder / "env", symlinks=True)
        site = self._said("import sysconfig; print(sysconfig.get_path('purelib'))")
        behind = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
        begin = "import os; os.getenv('COVERAGE_PROCESS_START') and __import__('coverage').process_startup()"
        sources = [self.tree / "core", self.tree / "plugins"]
        Path(site, "mutants.pth").write_text("\n".join([*map(str, sources), behind, begin]))
        for package in (init.parent for source in sources for init in source.glob("*/__init__.py")):
            found = self._said(f"import {package.name} as p; print(p.__file__)")
            if not Path(found).samefile(package / "__init__.py"):
                raise SystemExit(f"{package.name} is imported from {found}, not from the copy")

    def _said(self, code: str) -> str:
        command = [self.python, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    @property
    def output(self) -> str:
        """What the last run printed."""
        return (self.folder / "output").read_text(errors="replace")

    def run(
        self, *options: str, tests: Iterable[str], limit: float | None = None, **environment: str
    ) -> tuple[str, dict[str, Any]]:
        """Run tests in the order given, with empty caches.

        Returns:
            "passed", "failed" or "timed out" (after ``limit`` seconds), and the record of each test.
        """
        record, scratch, chosen = (self.folder / name for name in ("record", "scratch", "tests"))
        record.write_text("{}")
        chosen.write_text("\n".join(tests))
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        variables = {
            **os.environ,
            "CI": "true",
            "MPLCONFIGDIR": str(self.folder / "fonts"),
            "MUTANTS_RECORD": str(record),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTHONPYCACHEPREFIX": str(self.folder / "compiled"),
            "XDG_CACHE_HOME": str(scratch),
            **environment,
        }
        command = [self.python, "-m", "pytest", "-q", "-p", "recorder", "-p", "no:cacheprovider",
                   f"--basetemp={scratch / 'tmp'}", *options, f"@{chosen}"]  # fmt: skip
        with (self.folder / "output").open("w") as out:
            process = subprocess.Popen(command, cwd=self.tree, env=variables, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return "timed out", {}
        hung = "from pytest-timeout" in self.output
        return "timed out" if hung else "failed" if code else "passed", json.loads(
            record.read_text()
        )

    def trial(self, path: str, code: str, tests: Mapping[str, float]) -> tuple[str, set[str]]:
        """Put code in the place of a file, and run tests until one fails.

        Args:
            path: The file, relative to the root.
            code: Its content for the time.
            tests: The tests, and the seconds that each usually takes; it gets a minute and four times that.

        Returns:
            "passed", "failed" or "timed out", and which tests failed.
        """
        file = self.tree / path
        right = file.read_text("utf-8")
        self._write(file, code)
        patience = f"--timeout={60 + 4 * max(tests.values())}"
        limit = 60 + 4 * sum(tests.values())
        word, record = self.run("-x", "-n0", patience, tests=tests, limit=limit)
        self._write(file, right)
        return word, {test for test, entry in record.items() if not entry["passed"]}

    def _write(self, file: Path, code: str) -> None:
        file.write_text(code, "utf-8")
        for compiled in Path(f"{self.folder}/compiled{file.parent}").glob(f"{file.stem}.*"):
            compiled.unlink()  # Python takes it for fresh while second and size of its source agree


class Touched:
    """Which tests touch which lines, and how long each takes: from one run, kept until a source changes."""

    def __init__(self, root: Path, tests: Sequence[str], workers: int, bench: Bench) -> None:
        self.root, kept = root, root / ".coverage-mutants.json"
        self.data = coverage.CoverageData(str(root / ".coverage-mutants"))
        mark = hashlib.sha256(repr((tests, sys.version)).encode())
        for file in sorted(root.glob("*/**/*.py")):
            mark.update(str(file).encode() + file.read_bytes())
        known = json.loads(kept.read_text()) if kept.exists() else {}
        if known.get("mark") != mark.hexdigest():
            self.data.erase()
            known = {"mark": mark.hexdigest(), "tests": self._measured(tests, workers, bench)}
            kept.write_text(json.dumps(known))
        self.data.read()
        self.failing = [test for test, entry in known["tests"].items() if not entry["passed"]]
        self.seconds = {
            test: entry["seconds"] for test, entry in known["tests"].items() if entry["passed"]
        }
        self.users: dict[str, set[str]] = {}
        for test in self.seconds:
            for fixture in known["tests"][test]["fixtures"]:
                self.users.setdefault(f"fixture {fixture}", set()).add(test)

    def _measured(self, tests: Sequence[str], workers: int, bench: Bench) -> dict[str, Any]:
        """Run the tests under coverage, which begins by itself in every process of Python."""
        folder = bench.folder / "coverage"
        folder.mkdir()
        (folder / "config").write_text(
            f"[run]\nsource = {bench.tree / 'core'}\nparallel = true\nrelative_files = true\n"
            f"data_file = {folder / 'data'}\ncontext = ${{PYTEST_CURRENT_TEST-}}\n"
        )
        begin = {"COVERAGE_PROCESS_START": str(folder / "config"), "COVERAGE_CORE": "ctrace"}
        _, record = bench.run(f"-n{workers}", "--ignore=tests/mutants", tests=tests, **begin)
        if not record:
            raise SystemExit(f"no test ran:\n{bench.output}")
        for part in folder.glob("data*"):
            found = coverage.CoverageData(str(part))
            found.read()
            self.data.update(found)
        return record

    def tests(self, path: str, line: int) -> list[str]:
        """Return the tests that touch a line, quickest first; none where nobody executes it.

        A line inside a function belongs to its statement, and a default in a signature to the body. What is
        done but once, at import or under a cache, belongs to all of its class or else of its file; and to
        every test where none touches that.
        """
        contexts = self.data.contexts_by_lineno(path)
        executed, *wider = _spans(ast.parse((self.root / path).read_text("utf-8")), line)
        if not any(n in contexts for n in executed):
            return []
        found: set[str] = set()
        for span in wider or [executed]:
            if found:
                break
            for name in {name for n in span for name in contexts.get(n, ())}:
                found |= self.users.get(name, set()) | {name, name.rpartition(" (")[0]}
            found &= self.seconds.keys()
        if wider and found:
            found |= {test for test in self.seconds if test.startswith(_OF_DEFAULTS)}
        return sorted(found or self.seconds, key=self.seconds.__getitem__)


def _spans(tree: ast.Module, line: int) -> list[range]:
    """Return the lines that are executed with a line, and wider spans where that happens but once."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.ExceptHandler) and line in _lines(node)
    ]
    innermost, functions = around[-1], ast.FunctionDef | ast.AsyncFunctionDef
    header, body = _lines(innermost), getattr(innermost, "body", None)
    if body:
        header = range(header.start, _lines(body[0]).start)
    scopes = [node for node in reversed(around) if isinstance(node, functions | ast.ClassDef)]
    inside = [
        node
        for node in scopes
        if isinstance(node, functions) and line >= _lines(node.body[0]).start
    ]
    cached = [n for n in inside if any("cache" in ast.unparse(d) for d in n.decorator_list)]
    wider = [_lines(node) for node in scopes if node not in cached] + [
        range(1, _lines(tree.body[-1]).stop)
    ]
    statement = header if line in header else range(line, line + 1)
    if inside:
        return [statement, *wider] if cached else [statement]
    if isinstance(innermost, functions):
        statement = range(header.stop, _lines(innermost).stop)
    return [statement, *wider]


def _lines(node: Any) -> range:
    begin = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
    return range(begin, node.end_lineno + 1)
