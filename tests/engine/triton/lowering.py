"""What of a kernel is compiled further than to Triton's own code: what is done for the first time."""

import json
import re


class Lowering:
    """Stands for the stages from Triton's code to the card's: what is new goes as far as LLVM's code, all else nowhere.

    An operation on each element is lowered by its name and dtypes, whatever the tile; one that moves elements about, by
    its shapes and by what it takes them from, too: addresses and masks tell how they lie, a computed number does not.
    """

    on_each = re.compile(r"(?:arith|math)\.|tt\.(?:precise_|bitcast)")
    number = re.compile(r"(?:arith\.(?:\w+f|[su]itofp)|math\.\w+|tt\.precise_\w+)$")
    line = re.compile(r"^\s*(?:(%\w+)(?::\d+)? = )?\"?([a-z]+\.[\w.]+)(.*?)(?: loc\(.*)?$", re.MULTILINE)
    value = re.compile(r"%[\w#]+")
    sizes = re.compile(r"(?<=tensor<)(?:\d+x)+")
    constant = re.compile(r"^[^:]*(?=:)")

    def __init__(self, lower, lower_further, record):
        """The record is a file in which processes that share the work tell each other what they have lowered."""
        self.lower, self.lower_further = lower, lower_further
        self.written, self.read = record.open("ab", buffering=0), record.open("rb")
        self.known = set()

    def to_ttgir(self, module, metadata, options, capability):
        """Lower a kernel if it does something new."""
        text = str(module)
        metadata["name"] = re.search(r"tt.func public @(\w+)", text).group(1)
        done = set(self.things_done(text))
        if done <= self.known or done <= self.known_to_all():
            metadata |= {"shared": 0, "tmem_size": 0, "global_scratch_size": 0, "global_scratch_align": 1}
            metadata |= {"profile_scratch_size": 0, "profile_scratch_align": 1}
            return ""
        self.tell(done - self.known)
        return self.lower(module, metadata, options, capability)

    def known_to_all(self):
        """Learn what was lowered elsewhere meanwhile; half a line is still being written."""
        place, new = self.read.tell(), self.read.read()
        whole = new[: new.rfind(b"\n") + 1]
        self.read.seek(place + len(whole))
        self.known.update(tuple(json.loads(line)) for line in whole.splitlines())
        return self.known

    def tell(self, news):
        """Let all know what is lowered now."""
        self.known |= news
        self.written.write("".join(f"{json.dumps(thing)}\n" for thing in news).encode())

    def to_llir(self, backend, module, *rest):
        """Go on with what is lowered."""
        return module and self.lower_further(backend, module, *rest)

    def things_done(self, text):
        """List operations with their types, and where those that move elements have them from."""
        made_by = {}
        for made, operation, rest in self.line.findall(text):
            made_by[made] = "a number" if self.number.match(operation) else operation
            said = self.value.sub("%", rest)
            if operation == "arith.constant":
                said = self.constant.sub("", said)
            if self.on_each.match(operation):
                yield operation, self.sizes.sub("", said)
            else:
                takes = self.value.findall(rest) if operation.startswith("tt.") else ()
                yield operation, said, *(made_by.get(item) for item in takes)
