"""LLVM text to machine code to functions, with no compiler on the machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any

import llvmlite.binding as llvm

from .effort import LOOPS, Effort

_serial = count()


@cache
def machine(level: int = LOOPS.instructions) -> Any:
    """The CPU to compile for: this one."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=level,
        reloc="pic",
        codemodel="small",
    )


def optimized(text: str, effort: Effort = LOOPS) -> Any:
    """Parse, check and optimize a module."""
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=effort.text)
    options.loop_vectorization, options.slp_vectorization, options.loop_unrolling = True, False, False
    builder = llvm.create_pass_builder(machine(effort.instructions), options)
    builder.getModulePassManager().run(module, builder)
    return module


def compiled(text: str, effort: Effort = LOOPS) -> bytes:
    """Compile a module to an object file."""
    code: bytes = machine(effort.instructions).emit_object(optimized(text, effort))
    return code


def assembly(text: str) -> str:
    """Compile a module to assembly, to read."""
    code: str = machine().emit_assembly(optimized(text))
    return code


@cache
def linker() -> Any:
    """Keep one linker for the process."""
    machine()
    return llvm.create_lljit_compiler()


def link(code: bytes, names: Sequence[str]) -> Any:
    """Bring an object file to life; what it returns maps names to addresses, and keeps the code alive."""
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in names:
        library.export_symbol(name)
    return library.link(linker(), f"kernel {next(_serial)}")
