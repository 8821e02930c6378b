"""What a look at tensors is told: which words stand in the rows of its tables."""

START, OBJECT = "@start", "@object"
"""Stand for the places of a tensor's sizes and of its object, which are found when the look is first needed."""

STATE = ("object", "impl", "data", "shape", "storage")
"""The words of a row for a state: where torch has the tensor, where its memory is, where stands what it must be, and
where its storage was first: that is requested ahead, and nothing more."""

PART = ("whole", "local.at", "spec", "spec.at")
"""The words of a parameter that is a part of a sharded one, which has the gradient: where torch has that, and how many
bytes into it stands its part; what says how its gradient is divided, and how many bytes into that this stands. Else
zeros."""

ROW = (*STATE, "grad.shape", "offset", "size", "target", "none", "free.start", "free.stop", *PART, "grad.seen")
"""Those of a parameter: also what its gradient must be, where its address goes, between which addresses nothing is
written, so that it may lie there, and where torch had the last one: that is requested ahead, and nothing more."""

TABLES = ("params", "states", "others", "launches", "written")
"""What the look is called with: for each, an address and a count of rows."""
