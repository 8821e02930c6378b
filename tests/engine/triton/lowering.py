"""What of a kernel is compiled further than to Triton's own code: what is done for the first time."""

import re


class Lowering:
    """Stands for the stages from Triton's code to the card's: what is new goes as far as LLVM's code, all else nowhere.

    An operation on each element is lowered by its name and dtypes, whatever the tile; one that moves elements about, by
    its shapes and by what it takes them from, too.
    """

    on_each = re.compile(r"(?:arith|math)\.|tt\.(?:precise_|bitcast)")
    line = re.compile(r"^\s*(?:(%\w+)(?::\d+)? = )?\"?([a-z]+\.[\w.]+)(.*?)(?: loc\(.*)?$", re.MULTILINE)
    value = re.compile(r"%[\w#]+")
    sizes = re.compile(r"(?<=tensor<)(?:\d+x)+")
    constant = re.compile(r"^[^:]*(?=:)")

    def __init__(self, lower, lower_further):
        self.lower, self.lower_further = lower, lower_further
        self.known = set()

    def to_ttgir(self, module, metadata, options, capability):
        """Lower a kernel if it does something new."""
        text = str(module)
        metadata["name"] = re.search(r"tt.func public @(\w+)", text).group(1)
        done = set(self.things_done(text))
        if done <= self.known:
            metadata |= {"shared": 0, "tmem_size": 0, "global_scratch_size": 0, "global_scratch_align": 1}
            metadata |= {"profile_scratch_size": 0, "profile_scratch_align": 1}
            return ""
        self.known |= done
        return self.lower(module, metadata, options, capability)

    def to_llir(self, backend, module, *rest):
        """Go on with what is lowered."""
        return module and self.lower_further(backend, module, *rest)

    def things_done(self, text):
        """List operations with their types, and where those that move elements have them from."""
        made_by = {}
        for made, operation, rest in self.line.findall(text):
            made_by[made] = operation
            said = self.value.sub("%", rest)
            if operation == "arith.constant":
                said = self.constant.sub("", said)
            if self.on_each.match(operation):
                yield operation, self.sizes.sub("", said)
            else:
                takes = self.value.findall(rest) if operation.startswith("tt.") else ()
                yield operation, said, *(made_by.get(item) for item in takes)
