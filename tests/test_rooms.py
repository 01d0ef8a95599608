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
    "output",
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
    "output": {"pydantic", "numpy", "pandas", "pyarrow", "torch", "rich", "typer"},
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
# What a command must not load: of these modules, none may be there when it ends. pydantic cannot
# be among those of `list`, since typer loads it to call any command; pyarrow brings numpy.
_NO_TORCH = ("torch", "ray")
_NO_FRAMES = (*_NO_TORCH, "pandas", "scipy", "matplotlib", "plotly", "rich")
_NO_ARRAYS = (*_NO_FRAMES, "pyarrow", "numpy")
LIGHT = {
    "--help": (*_NO_ARRAYS, "pydantic"),
    "--version": (*_NO_ARRAYS, "pydantic"),
    "list activations": _NO_ARRAYS,
    "list datasets": _NO_ARRAYS,
    "list models": _NO_ARRAYS,
    "list optimizers": _NO_ARRAYS,
    "list presets": _NO_ARRAYS,
    "plan --help": _NO_ARRAYS,
    "plan --seeds 20": _NO_ARRAYS,
    "plan -o STORED": _NO_FRAMES,
    "run --help": _NO_TORCH,
    "report --help": _NO_TORCH,
    "report STORED": _NO_TORCH,
    "plot --help": _NO_TORCH,
    "bench --help": _NO_TORCH,
    "gate --self-test": _NO_TORCH,
}


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


def test_only_one_module_knows_ray():
    knowing = [path for path in MODULES if any(name.split(".")[0] == "ray" for name in _imports(path))]
    assert knowing == [PACKAGE / "execution" / "ray.py"]


def test_every_room_is_held_to_rules():
    assert set(FORBIDDEN) == set(ROOMS) == {_room(path) for path in MODULES}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A results folder of made-up runs."""
    folder = tmp_path_factory.mktemp("stored") / "results"
    arguments = ["run", "--executor", "fake", "--activation", "relu,elu", "--seeds", "2", "-o", str(folder)]
    subprocess.run([sys.executable, "-m", "ablate", *arguments], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("command", LIGHT)
def test_commands_load_no_more_than_they_need(command, stored, tmp_path):
    script = (
        "import sys\nfrom ablate.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "assert not code, code\n"
        f"loaded = {set(LIGHT[command])} & set(sys.modules)\nassert not loaded, loaded\n"
    )
    arguments = command.replace("STORED", str(stored)).split()
    if command.startswith("plan -o"):
        arguments += ["--executor", "fake"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_only_the_command_line_prints_or_exits():
    for path in MODULES:
        if _room(path) == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("print", "sys.exit", "exit", "typer.echo"), f"{path} calls {name}"
