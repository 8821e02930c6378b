"""Machine code for this CPU, through LLVM: one pass over memory for each formula."""
