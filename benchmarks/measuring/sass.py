"""What compiled kernels say of themselves: registers, spills, widths of accesses, instructions of the usual path."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import triton

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
LABEL = re.compile(r"(\.L_x_\d+):")
LINE = re.compile(
    r"\s+/\*[0-9a-f]{4,}\*/\s+(?:\{\s*)?(?P<predicate>@!?U?P[0-9T]+ )?\s*(?P<op>[A-Z][A-Z0-9_.]*)(?P<rest>.*)"
)


@dataclass(frozen=True)
class Instruction:
    """One instruction: whether a predicate may leave it out, its name, and where it may jump."""

    is_conditional: bool
    name: str
    target: str | None


class Code:
    """The instructions of a kernel for an NVIDIA device."""

    def __init__(self, cubin: bytes) -> None:
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(cubin)
            file.flush()
            text = _output("nvdisasm", "-c", file.name)
            usage = _output("cuobjdump", "-res-usage", file.name)
        self.registers = int(re.search(r"REG:(\d+)", usage).group(1))  # type: ignore[union-attr]
        self.stack = int(re.search(r"STACK:(\d+)", usage).group(1))  # type: ignore[union-attr]
        self.code: list[Instruction] = []
        self.labels: dict[str, int] = {}
        for line in text.splitlines():
            self._read(line)

    def _read(self, line: str) -> None:
        if label := LABEL.match(line.strip()):
            self.labels[label.group(1)] = len(self.code)
        elif found := LINE.match(line):
            target = re.search(r"`?\(?(\.L_x_\d+)", found["rest"]) if found["op"].startswith("BRA") else None
            self.code.append(Instruction(bool(found["predicate"]), found["op"], target and target.group(1)))

    @property
    def path(self) -> list[str]:
        """The instructions that are run where no slow path is taken, each loop once, without the way into it."""
        loops = [list(self._walk(self.labels[jump.target], place)) for place, jump in self._back_jumps()]
        return max(loops, key=len) if loops else list(self._walk(0, len(self.code)))

    @property
    def has_loop(self) -> bool:
        """True if what is counted is a loop's body."""
        return any(True for _ in self._back_jumps())

    def _back_jumps(self):
        end = max((place for place, item in enumerate(self.code) if item.name == "EXIT"), default=0)
        for place, item in enumerate(self.code[:end]):
            if item.target and self.labels[item.target] < place:
                yield place, item

    def _walk(self, place: int, end: int):
        """Walk along the code: at a branch, round what calls a slow path."""
        seen: set[int] = set()
        while place <= end and place < len(self.code) and place not in seen:
            seen.add(place)
            item = self.code[place]
            yield item.name
            if item.name == "EXIT" and not item.is_conditional:
                return
            goes = item.target and (not item.is_conditional or self._calls(place + 1)) and place < end
            place = self.labels[item.target] if goes else place + 1

    def _calls(self, place: int) -> bool:
        """Tell if a slow path is called before the code comes together again."""
        for item in self.code[place : place + 12]:
            if item.name.startswith("CALL"):
                return True
            if item.name.startswith(("BSYNC", "BRA", "EXIT")):
                return False
        return False

    @property
    def widths(self) -> str:
        """Say how wide accesses to the device's memory are: so many of 128 bits, and so on."""
        counts = Counter(_width(name) for name in self.path if name.startswith(("LDG", "STG")))
        return ", ".join(f"{count} of {width}" for width, count in sorted(counts.items(), reverse=True))

    @property
    def wide_loads(self) -> int:
        """How many loads of 128 bits there are."""
        return sum(name.startswith("LDG") and _width(name) == 128 for name in self.path)

    @property
    def spills(self) -> int:
        """Accesses to memory that stands for registers."""
        return sum(item.name.startswith(("STL", "LDL")) for item in self.code)

    @property
    def barriers(self) -> int:
        """How often warps wait for each other."""
        return sum(name.startswith("BAR") for name in self.path)


def _width(name: str) -> int:
    return next((width for width in (128, 64, 16, 8) if re.search(rf"\.(U|S)?{width}\b", name)), 32)


def _output(tool: str, *arguments: str) -> str:
    return subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=True).stdout
