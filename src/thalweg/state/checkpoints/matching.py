"""Which saved parameter is which of ours: by name where both sides have names, else by place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from torch import Tensor

Groups = Sequence[Mapping[str, Any]]


@dataclass
class Match:
    """What belongs together, and in words what does not."""

    params: dict[Any, Tensor] = field(default_factory=dict)
    """Our parameters, by the keys that the saved states have."""
    groups: list[Mapping[str, Any]] = field(default_factory=list)
    """For each of our groups the saved one whose options it takes; an empty one where there is none."""
    faults: list[str] = field(default_factory=list)


def match(ours: Groups, theirs: Groups) -> Match:
    """Match the parameters of two lists of groups."""
    return _by_name(ours, theirs) if _have_names(ours) and _have_names(theirs) else _by_place(ours, theirs)


def _have_names(groups: Groups) -> bool:
    """Tell if each parameter has a name of its own."""
    names = [name for group in groups for name in group.get("param_names", ())]
    return len(set(names)) == sum(len(group["params"]) for group in groups) > 0


def _by_name(ours: Groups, theirs: Groups) -> Match:
    here, there = _places(ours), _places(theirs)
    found = Match({there[name][0]: here[name][0] for name in here if name in there})
    if missing := here.keys() - there:
        found.faults.append(f"it has no {_list(missing)}")
    if extra := there.keys() - here:
        found.faults.append(f"it has {_list(extra)}, which the optimizer does not have")
    for index, group in enumerate(ours):
        sources = list(dict.fromkeys(there[name][1] for name in group.get("param_names", ()) if name in there))
        if not group["params"]:
            sources = [place for place in [index] if place < len(theirs) and not theirs[place]["params"]]
        options = [_options(theirs[source]) for source in sources]
        if any(other != options[0] for other in options):
            found.faults.append(
                f"group {index} is of saved groups {', '.join(map(str, sources))}, which differ in options"
            )
        found.groups.append(theirs[sources[0]] if sources else {})
    return found


def _places(groups: Groups) -> dict[str, tuple[Any, int]]:
    """Find by its name what stands for each parameter, and its group."""
    return {
        name: (param, index)
        for index, group in enumerate(groups)
        for name, param in zip(group.get("param_names", ()), group["params"], strict=True)
    }


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in ("params", "param_names")}


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _by_place(ours: Groups, theirs: Groups) -> Match:
    pairs = zip(ours, theirs, strict=False)
    found = Match(
        dict(chain.from_iterable(zip(there["params"], here["params"], strict=False) for here, there in pairs))
    )
    found.groups = [*theirs[: len(ours)], *({} for _ in ours[len(theirs) :])]
    if len(ours) != len(theirs):
        found.faults.append(
            f"loaded state dict has a different number of parameter groups ({len(theirs)}, but the optimizer has "
            f"{len(ours)})"
        )
        return found
    for index, (here, there) in enumerate(zip(ours, theirs, strict=True)):
        if len(here["params"]) != len(there["params"]):
            found.faults.append(
                f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group "
                f"(group {index} has {len(there['params'])} parameters, but the optimizer's has {len(here['params'])})"
            )
    return found
