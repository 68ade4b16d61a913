"""Which mutants there are: every sensible small fault in the code, by its place.

The faults are those of cosmic-ray. mutmut is quicker, since one module holds all mutants of its functions.
But it leaves out decorated functions, class bodies and module-level code; and whoever reads a signature, as
genlab's components do, sees the right defaults in the place of the faulty ones.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

_OPERATORS = [
    f"core/{kind}{name}"
    for kind, names in {
        "ReplaceBinaryOperator_": "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_FloorDiv Pow_Mul "
        "LShift_RShift RShift_LShift BitOr_BitAnd BitAnd_BitOr BitXor_BitOr",
        "ReplaceComparisonOperator_": "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt "
        "GtE_Lt Is_IsNot IsNot_Is",
        "ReplaceUnaryOperator_": "Delete_Not Delete_Invert USub_UAdd",
        "Replace": "AndWithOr OrWithAnd TrueWithFalse FalseWithTrue BreakWithContinue ContinueWithBreak",
        "": "AddNot NumberReplacer ExceptionReplacer ZeroIterationForLoop",
    }.items()
    for name in names.split()
]
_ARITHMETIC = {"arith_expr", "term", "power", "shift_expr", "and_expr", "xor_expr", "expr"}

Place = tuple[int, int]  # line from 1, character from 0


@dataclass(frozen=True)
class Mutant:
    """One fault: the ``occurrence``-th place of an operator in a file, and the file with it."""

    path: str
    line: int
    operator: str
    occurrence: int
    code: str = ""


def drawn(root: Path, files: Sequence[str], seed: int) -> Iterator[Mutant]:
    """Yield all mutants of some files, in random order; none is no Python, and none comes twice."""
    sources = {path: (root / path).read_text("utf-8") for path in sorted(files)}
    mutants = [mutant for path, source in sources.items() for mutant in places(path, source)]
    random.Random(seed).shuffle(mutants)
    seen = set()
    for m in mutants:
        try:
            code = mutate_code(sources[m.path], get_operator(m.operator)(), m.occurrence)
            ast.parse(code)
        except (AttributeError, SyntaxError):  # it knows no dotted name among several exceptions
            continue
        if (m.path, code) not in seen:
            seen.add((m.path, code))
            yield Mutant(m.path, m.line, m.operator, m.occurrence, code)


def places(path: str, source: str) -> Iterator[Mutant]:
    """Yield the mutants of a file, without their code.

    Left out are annotations, but not the bounds in them; ``raise`` statements, which are messages;
    ``__all__``; and what is for type checkers alone. Texts are never changed.
    """
    lines, nodes = source.split("\n"), list(ast_nodes(get_ast(source)))
    hidden, bounds = _hidden(ast.parse(source), lines)
    for name in _OPERATORS:
        operator = get_operator(name)()
        found = ((node, start) for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (node, start) in enumerate(found):
            if "Binary" in name and node.parent.type not in _ARITHMETIC:
                continue  # such as the star before keyword-only parameters
            if name == "core/AddNot" and lines[start[0] - 1][start[1] :].startswith("not "):
                continue  # to take the `not` away does the same
            if _inside(start, bounds) or not _inside(start, hidden):
                yield Mutant(path, start[0], name, occurrence)


def _hidden(tree: ast.AST, lines: Sequence[str]) -> list[list[tuple[Place, Place]]]:
    """Return the spans that no fault is put into, and those in them that it is put into all the same."""
    hidden: list[ast.AST] = []
    for node in ast.walk(tree):
        if annotation := getattr(node, "annotation", None) or getattr(node, "returns", None):
            hidden.append(annotation)
        names = [ast.unparse(target) for target in getattr(node, "targets", ())]
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if isinstance(node, ast.Raise) or typing or "__all__" in names:
            hidden.append(node)
    bounds = [
        part
        for node in hidden
        if isinstance(node, ast.expr)
        for part in ast.walk(node)
        if isinstance(part, ast.Call)
    ]

    def place(line: int, column: int) -> Place:
        return line, len(lines[line - 1].encode()[:column].decode())  # ast counts bytes

    return [
        [(place(n.lineno, n.col_offset), place(n.end_lineno, n.end_col_offset)) for n in part]
        for part in (hidden, bounds)
    ]


def _inside(place: Place, spans: Sequence[tuple[Place, Place]]) -> bool:
    return any(begin <= place < end for begin, end in spans)
