"""How LLVM is written: names, constants, dtypes, and vectors."""
