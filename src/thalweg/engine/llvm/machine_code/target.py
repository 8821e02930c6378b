"""What machine code depends on beside the program: looked up without LLVM, which a warm start never loads."""

import platform
import sys
from functools import cache
from pathlib import Path

import llvmlite


@cache
def target() -> str:
    """Describe the machine, its CPU with all that it can do, and the compiler."""
    return f"{sys.platform} {platform.machine()} {_cpu()} llvmlite {llvmlite.__version__}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    return " ".join(line for line in lines if line.startswith(("model", "vendor", "flags", "Features", "CPU")))
