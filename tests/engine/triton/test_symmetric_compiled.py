"""What Triton's compiler makes of the kernel for symmetric products, for cards that need not be there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

POINTERS = {"left": "*bf16", "right": "*bf16", "added": "*fp16", "result": "*fp16"}
NUMBERS = dict.fromkeys(("rows", "depth", "matrix_stride", "row_stride", "depth_stride"), "i32")
FACTORS = dict.fromkeys(("scale", "added_scale", "diagonal"), "fp32")
USES = {80: r"mma\.sync\.aligned\.m16n8k16.*f32\.bf16", 90: r"wgmma\.mma_async.*f32\.bf16"}
"""What products must be made of."""


def compiled(arch, has_long_columns, adds):
    """Compile for a capability, as for matrices in multiples of the tile; one of the two strides is 1."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from thalweg.engine.triton.products.symmetric import TILES, kernel

    tile = TILES[divmod(arch, 10)]
    one = "row_stride" if has_long_columns else "depth_stride"
    constants = {"ADDS": adds, "FITS": True, "WIDENS": False, "ROWS": tile.rows, "DEPTH": tile.depth, one: 1}
    signature = POINTERS | NUMBERS | FACTORS | dict.fromkeys(constants, "constexpr")
    wide = {(place,): [["tt.divisibility", 16]] for place, name in enumerate(POINTERS | NUMBERS) if name != one}
    source = ASTSource(kernel, signature, constants, wide)
    return triton.compile(source, target=GPUTarget("cuda", arch, 32), options=tile.options)


def usage(cubin, folder):
    """Give the registers of a thread, and the bytes that it keeps in memory for want of them."""
    import triton

    path = Path(folder) / "kernel.cubin"
    path.write_bytes(cubin)
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    said = subprocess.run([tool, "-res-usage", path], capture_output=True, text=True, check=True)
    return tuple(map(int, re.search(r"REG:(\d+) STACK:(\d+)", said.stdout + said.stderr).groups()))


def check(folder):
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ["TRITON_CACHE_DIR"] = folder
    for arch, has_long_columns, adds in [(90, False, True), (90, True, False), (80, True, False)]:
        made = compiled(arch, has_long_columns, adds)
        assert re.search(USES[arch], made.asm["ptx"]), arch
        # factors come 16 bytes at once, past the registers; results go 16 bytes at once, both halves
        assert re.search(r"cp\.async\.cg\.shared\.global .*, 0x10", made.asm["ptx"]), arch
        assert not re.search(r"st\.global\.b16", made.asm["ptx"]), arch
        registers, spilled = usage(made.asm["cubin"], folder)
        assert arch != 90 or registers <= 128, "two programs share a multiprocessor"
        assert spilled == 0, (arch, has_long_columns, adds)


@pytest.mark.slow
def test_compiled_for_cards(apart, tmp_path):
    apart(check, str(tmp_path))
