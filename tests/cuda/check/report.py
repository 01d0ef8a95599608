"""What checks find out: printed for people as it comes, and stored as JSON lines for programs."""

import json
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "FAILED", "skipped", "measured"]


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        check: Title of the check.
        status: Whether an expectation holds; `measured` where there is none.
        text: One line for people.
        values: Numbers by name, with units in the names.
    """

    check: str
    status: Status
    text: str
    values: dict[str, float]


class Report:
    """Collects findings and appends them at once to two files, to which several processes may append in turn.

    Args:
        folder: An existing folder.
        stage: Name of the files.

    Attributes:
        check: Title of the check that runs now.
        findings: Those of this process.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self.folder = folder
        self.text_file, self.json_file = folder / f"{stage}.txt", folder / f"{stage}.jsonl"
        self.check = stage
        self.findings: list[Finding] = []

    def say(self, text: str) -> None:
        """Prints a line."""
        print(text, flush=True)
        with self.text_file.open("a") as file:
            file.write(text + "\n")

    def expect(self, holds: bool, text: str, **values: float) -> None:
        """Records whether an expectation holds."""
        self._add("ok" if holds else "FAILED", text, values)

    def measured(self, text: str, **values: float) -> None:
        """Records a measurement that nothing is expected of."""
        self._add("measured", text, values)

    def skipped(self, reason: str) -> None:
        """Records that a check, or a part of it, did not run."""
        self._add("skipped", reason, {})

    def failed(self, text: str, error: BaseException) -> None:
        """Records an error by its type, its message and the last line of this project that it came through."""
        message = " ".join(str(error).split())[:260]
        self._add("FAILED", f"{text}: {type(error).__name__}: {message} [{_origin(error)}]", {})

    @contextmanager
    def attempt(self, text: str) -> Iterator[None]:
        """Records an error inside the block, so that what follows it still runs."""
        try:
            yield
        except Exception as error:  # whatever goes wrong on a machine nobody has seen
            self.failed(text, error)

    def read(self) -> list[Finding]:
        """Returns the findings of all processes so far."""
        if not self.json_file.exists():
            return []
        return [Finding(**json.loads(line)) for line in self.json_file.read_text().splitlines()]

    def _add(self, status: Status, text: str, values: dict[str, float]) -> None:
        finding = Finding(self.check, status, text, values)
        self.findings.append(finding)
        self.say(f"  {status:8} {text}")
        with self.json_file.open("a") as file:
            file.write(json.dumps(asdict(finding)) + "\n")


def summary(findings: list[Finding]) -> str:
    """Returns the counts of all statuses in one line, and the failures below it."""
    counts = Counter(finding.status for finding in findings)
    lines = [", ".join(f"{counts[status]} {status}" for status in ("ok", "FAILED", "skipped", "measured"))]
    lines += [f"  FAILED   {item.check}: {item.text}" for item in findings if item.status == "FAILED"]
    return "\n".join(lines)


def _origin(error: BaseException) -> str:
    """Returns where an error was raised, and the last line of the project before that."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "no traceback"
    origins = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    package = Path("ablate").resolve()
    own = [
        f"{origin} {frame.line}"
        for origin, frame in zip(origins, frames, strict=True)
        if package in Path(frame.filename).parents
    ]
    return origins[-1] if not own else f"{origins[-1]}, from {own[-1]}"
