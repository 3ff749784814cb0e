"""The grader's trust boundary: which side each module stands on, and what it may import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import grader

PACKAGE = Path(grader.__file__).parent
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def side(module: str) -> str:
    """Return "shared", "hostile" or "trusted"; a new module is trusted until it is placed."""
    if module in ("grader", "grader.check") or module.startswith("grader.shared"):
        return "shared"
    return "hostile" if module.startswith("grader.hostile") else "trusted"


MAY_IMPORT = {
    "trusted": {"trusted", "shared"},
    "hostile": {"hostile", "shared"},
    "shared": {"shared"},
}


def imported(module: str) -> set[str]:
    """Return the grader's modules that a file names in an import, wherever in it that stands."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports out in full"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & set(FILES)


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_nothing_from_across_the_boundary(module):
    across = {name for name in imported(module) if side(name) not in MAY_IMPORT[side(module)]}
    assert not across, f"{module} is {side(module)} and imports {sorted(across)}"


@pytest.mark.parametrize("own", ["trusted", "hostile", "shared"])
def test_a_side_loads_without_the_other(own):
    """Seen in a process, so that a module's name in a string or a variable counts too."""
    modules = [name for name in FILES if side(name) == own and not name.endswith("__main__")]
    program = (
        "import importlib, sys\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "print(*[name for name in sys.modules if name.partition('.')[0] == 'grader'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert set(modules) <= set(loaded)
    assert [name for name in loaded if side(name) not in MAY_IMPORT[own]] == []


def test_what_a_shell_imports_is_there_before_a_student_s_process_forks():
    program = (
        "import sys, grader.hostile.kernel as kernel\n"
        "before = {*sys.modules}\n"
        "kernel.Kernel(None)\n"
        "print(sorted({*sys.modules} - before), file=sys.__stdout__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
