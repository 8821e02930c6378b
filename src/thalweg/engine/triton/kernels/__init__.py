"""A formula's kernels: how their work is cut, what each computes, and the module that they are compiled from."""
