"""JavaScript of rules in fewer letters: what is declared in a function gets a short name, and lines no indentation."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count, product
from string import ascii_letters

RESERVED = ("do", "if", "in")
"""Words of the language that are as short as names."""

ARGUMENTS = {"self": "S", "state": "P", "tensors": "T", "f32": "F"}
"""Short names of what every function is given, and of what each line says."""

WORDS = {
    "Math.sqrt": "SQRT",
    "power": "POW",
    "maximum": "MAX",
    "minimum": "MIN",
    "each.add": "ADD",
    "each.subtract": "SUB",
    "each.multiply": "MUL",
    "each.divide": "DIV",
    "matrices.matmul": "MM",
    "matrices.transpose": "TR",
}
"""Short names of functions that most rules call."""

PHRASES = {"for(let i=0;i<T.param.length;i++)": "for(let i of ALL(T))", "++P.step_count": "NEXT(P)"}
"""Short forms of what nearly every rule says."""

ZEROS = re.compile(r"start\(S,P\)\{return\{tensors:\{((?:\w+:0,?)+)\}\}\}")
"""What a rule says whose states all start at zero, and have an element for each of the parameter's."""

OF_ZEROS = 'ZEROS = names => () => ({ tensors: Object.fromEntries(names.split(" ").map(name => [name, 0])) })'
"""What it says in fewer letters."""

SHORT_WORDS = f"const {OF_ZEROS}, F = f32, ALL = T => T.param.keys(), NEXT = P => ++P.step_count, " + ", ".join(
    f"{short} = {word}" for word, short in WORDS.items()
)
"""What gives functions these names, and says what the phrases mean."""


def shortened(text: str) -> str:
    """Rename what a rule's functions declare, and what they ask for often; other names after a point stay."""
    parts = re.split(r'(?m)(?=^  [\w"][\w" ]*\(.*\) \{$)', text)
    lines = _declared_together(line.strip() for part in parts for line in _short_names(_asked_once(part)).splitlines())
    packed = re.sub(r" *([-+*/<>=?:;|&!,{}()]) *", r"\1", "\n".join(lines))
    for phrase, short in PHRASES.items():
        packed = packed.replace(phrase, short)
    return _of_zeros(without_double_brackets(re.sub(r"(?<=[{,])\n|\n(?=\})", "", packed)))


def _of_zeros(text: str) -> str:
    return ZEROS.sub(lambda found: f'start:ZEROS("{found[1].replace(":0", "").replace(",", " ")}")', text)


def with_plain_flags(text: str) -> str:
    """Ask for a flag itself: an option that may be true or false is nothing else."""
    return re.sub(r"(S\.\w+)===(true|false)", lambda found: found[1] if found[2] == "true" else f"!{found[1]}", text)


def without_double_brackets(text: str) -> str:
    """Leave out brackets around what has brackets, and around a single option or fact."""
    text = re.sub(r"\((\([^()]*(?:\([^()]*\)[^()]*)*\))\)", r"\1", text)
    return re.sub(r"(?<=[!=>&|])\(([SP]\.\w+)\)", r"\1", text)


def _declared_together(lines: Iterable[str]) -> list[str]:
    """Let one word declare all that is declared in a row."""
    found: list[str] = []
    for line in lines:
        if found and line.startswith("const ") and found[-1].startswith("const "):
            found[-1] += "," + line.removeprefix("const ")
        else:
            found.append(line)
    return found


def _asked_once(function: str) -> str:
    """Declare the count of steps, and options that are asked for so often that this is shorter."""
    head, brace, body = function.partition("{\n")
    own = []
    if "state.step_count += 1\n" in body:
        own.append("const step_count = ++state.step_count")
        body = body.replace("state.step_count += 1\n", "", 1).replace("state.step_count", "step_count")
    for member, times in Counter(re.findall(r"(?<![\w.])self\.\w+(?:\[\d\])?(?![\w\[])", body)).items():
        if (times - 1) * len(member) > 4 * times + 6:
            name = re.sub(r"\W", "_", member)
            own.append(f"const {name} = {member}")
            body = re.sub(rf"(?<![\w.]){re.escape(member)}(?![\w\[])", name, body)
    return head + brace + "".join(f"{line}\n" for line in own) + body


def _short_names(function: str) -> str:
    # A phase is called by its name: what is declared in it under the same name keeps that, too.
    own = re.match(r'\s*"?(\w*)', function)[1]
    declared = [name for name in re.findall(r"\bconst (\w+) =", function) if name != own]
    taken = {*re.findall(r"\w+", function), *ARGUMENTS.values(), *RESERVED}
    names = (name for name in _names() if name not in taken)
    short = dict(zip(dict.fromkeys(declared), names, strict=False)) | ARGUMENTS
    told = re.sub(r"return \{ ([\w, ]+) \}", lambda found: _told(found[1]), function)
    told = re.sub(r"(?<![\w.])(\w+(?:\.\w+)?)(?=\()", lambda found: WORDS.get(found[1], found[1]), told)
    return re.sub(r"(?<![.\w])([A-Za-z_]\w*)\b(?!:)", lambda found: short.get(found[1], found[1]), told)


def _told(names: str) -> str:
    """Write out the names of what is returned: they are others' business."""
    return "return { " + ", ".join(f"{name}: {name}" for name in names.split(", ")) + " }"


def _names() -> Iterator[str]:
    for length in count(1):
        yield from ("".join(letters) for letters in product(ascii_letters, repeat=length))
