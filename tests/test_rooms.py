"""The house: which room may import from which, as data, held against the imports in the code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ablate

PACKAGE = Path(ablate.__file__).parent

# In the order data flow: a room imports from itself and from those above it.
ROOMS = (
    "errors",
    "experiment",
    "store",
    "analysis",
    "data",
    "nn",
    "training",
    "execution",
    "bench",
    "report",
    "cli",
)
FORBIDDEN = {
    "errors": {"pydantic", "numpy", "pandas", "pyarrow", "torch", "rich", "typer"},
    "experiment": {"numpy", "pandas", "pyarrow", "scipy", "torch", "torchvision", "sklearn", "rich", "typer"},
    "store": {"scipy", "torch", "torchvision", "sklearn", "rich", "typer"},
    "analysis": {"torch", "torchvision", "sklearn", "rich", "typer"},
    "data": {"pandas", "pyarrow", "rich", "typer"},
    "nn": {"numpy", "pandas", "pyarrow", "scipy", "torchvision", "sklearn", "rich", "typer"},
    "training": {"pandas", "pyarrow", "scipy", "torchvision", "sklearn", "rich", "typer"},
    "execution": {"torchvision", "sklearn", "rich", "typer"},
    "bench": {"torchvision", "sklearn", "rich", "typer"},
    "report": {"torch", "torchvision", "sklearn", "typer"},
    "cli": {"torch", "torchvision", "sklearn"},
}
# What these commands load must not bring torch with it.
LIGHT = (
    ["--help"],
    ["plan"],
    ["list", "datasets"],
    ["report", "--help"],
    ["plot", "--help"],
    ["run", "--help"],
    ["bench", "--help"],
    ["gate", "--self-test"],
)


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if _room(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_from_its_own_room_or_from_those_above(path):
    room = _room(path)
    legal = ROOMS[: ROOMS.index(room) + 1]
    for name in _imports(path):
        top, *rest = name.split(".")
        assert top not in FORBIDDEN[room], f"{room} imports {top}"
        if top == "ablate" and rest[0] != "__version__":
            assert rest[0] in legal, f"{room} imports from {rest[0]}"


def test_every_room_is_held_to_rules():
    assert set(FORBIDDEN) == set(ROOMS) == {_room(path) for path in MODULES}


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_commands_that_train_nothing_import_no_torch(arguments, tmp_path):
    script = (
        "import sys\nfrom ablate.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "assert not code, code\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, cwd=tmp_path, capture_output=True)


def test_only_the_command_line_prints_or_exits():
    for path in MODULES:
        if _room(path) == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("print", "sys.exit", "exit", "typer.echo"), f"{path} calls {name}"
