"""A run as plain tensors, numbers, lists and dicts; for L-BFGS also under torch.optim's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....described import described
from ....state.checkpoints import structure
from ....state.checkpoints.checkpoint import Fitting
from ....state.checkpoints.matching import Match
from ....state.checkpoints.schema import MisfitError
from ..directions.limited_memory import LimitedMemory
from ..function.objective import point_of, point_state
from ..function.units import Units
from ..function.vector import Vector
from ..proposals.line_search import LineSearch
from ..run.descend import Descent
from ..run.method import Method
from ..run.result import Reason
from .run_schema import RunSchema

OWN = "run"
WATCHED = ("highest", "lowest", "restarted", "first_size", "creeping", "idle")
"""What a run watches beside its point: losses, a size, and counts."""

TAKEN = (OWN, "n_iter", "func_evals", "old_dirs", "old_stps")
"""What is taken over: our own part, else torch.optim.LBFGS's counts and pairs."""

OWN_OPTIONS = "thalweg"
"""The key of a saved group under which stand the options that torch.optim.LBFGS does not know in this form."""

OPTIONS = ("line_search_fn", "max_eval")
"""Those options."""

NO_LIMIT = 2**63 - 1
"""A number of evaluations that is never reached: torch.optim compares with a number."""


def exported(run: Descent) -> dict[str, Any]:
    """Return everything the run needs to go on bit for bit."""
    if run.here is None:
        return {}
    result = run.result
    counts = {"iterations": result.iterations, "evaluations": result.evaluations, "products": result.hessian_products}
    method = run.method.state()
    units = {"loss_unit": run.units.loss, "lengths": run.units.lengths}
    losses = {name: getattr(run, name) for name in WATCHED}
    own = {"here": point_state(run.here), "method": method, "scale": run.scale, **units, **losses, **counts}
    # No words: torch.optim spells a string it loads letter by letter.
    own["reason"] = list(Reason).index(result.reason)
    return {**in_torch_words(run, method), OWN: own}


def imported(run: Descent, state: Mapping[str, Any], device: torch.device) -> None:
    """Take back what `exported` returned here, or what torch.optim.LBFGS keeps."""
    placed = moved({name: state[name] for name in TAKEN if name in state}, device)
    if OWN in placed and not outdated(placed):
        restore(run, placed[OWN])
    elif "old_dirs" in placed:
        restore_torch(run, placed)


def runs_of(optimizer: Any, found: Match, groups: list[dict[str, Any]]) -> Fitting:
    """Hold a saved run to what this optimizer's method can go on from, with its new groups; others' states are kept."""
    other = optimizer.with_groups(groups)
    params = [param for group in groups for param in group["params"]]
    # What wants no gradient now may want one again before the next step.
    schema = RunSchema(other.method(), (other.vector() or Vector(params)).read())
    keys = [key for key in found.params if isinstance(key, int)]

    def fitted(state: dict[str, Any], param: Tensor, group: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        if param is not params[0] and keys == sorted(keys):
            return state, []
        if keys != sorted(keys) and (OWN in state or "old_dirs" in state):
            return {}, ["has a run over parameters in another order: give them in the order that they were saved in"]
        try:
            return state | _fitted(state, schema), []
        except MisfitError as error:
            return {}, [str(error)]

    return fitted


def _fitted(state: Mapping[str, Any], schema: RunSchema) -> dict[str, Any]:
    """Make a new run of a saved one, or take the pairs of torch.optim.LBFGS, if there are any."""
    new = {OWN: schema.run(f"its {OWN}", state[OWN])} if OWN in state else {}
    if "old_dirs" in state and memory_of(schema.method) is not None:
        new |= schema.torch_pairs("its state", state)
    return new


def outdated(state: Mapping[str, Any]) -> bool:
    """Return whether torch.optim has gone on from our state, and kept our own part as it was."""
    return "old_dirs" in state and state["n_iter"] != state[OWN]["iterations"]


def restore(run: Descent, own: Mapping[str, Any]) -> None:
    """Take back a run of ours."""
    run.units = Units(own.get("loss_unit", 1.0), own.get("lengths"))
    run.here = point_of(own["here"], run.units.lengths)
    for name in WATCHED:
        setattr(run, name, own.get(name, getattr(run, name)))
    run.method.restore(own["method"])
    run.result.iterations, run.result.evaluations = own["iterations"], own["evaluations"]
    run.result.hessian_products = own["products"]
    run.result.reason = list(Reason)[own["reason"]]
    here = run.point_in_users_units
    run.result.value, run.result.gradient_norm = here.value, here.steepness
    run.scale = own["scale"]
    run.measure()


def in_torch_words(run: Descent, method: Mapping[str, Any]) -> dict[str, Any]:
    """Return torch.optim.LBFGS's state; it has not yet stored the last pair, and starts anew from n_iter = 0.

    Its pairs are rows of ours, so that they are saved once; a unit of length per pair is all the same to it.
    """
    memory = memory_of(run.method)
    if memory is None or run.here is None:
        return {}
    pairs = [run.units.pair(method["s"][place], method["y"][place]) for place in memory.places]
    # In the user's units a pair may be too small or too large for its dtype: of such a one torch could make nothing.
    pairs = [(s, y) for s, y in pairs if torch.dot(s, y) > 0]
    if memory.fresh or not pairs:
        return {"func_evals": run.result.evaluations, "n_iter": 0}
    *stored, (s, y) = pairs
    here = run.point_in_users_units
    return {
        "func_evals": run.result.evaluations,
        "n_iter": run.result.iterations,
        "d": s,
        "t": 1.0,
        "old_dirs": [y for _, y in stored],
        "old_stps": [s for s, _ in stored],
        "ro": [1.0 / torch.dot(s, y) for s, y in stored],
        "H_diag": 1 / torch.dot(y, y),
        "prev_flat_grad": here.gradient - y,
        "prev_loss": here.value,
    }


def restore_torch(run: Descent, state: Mapping[str, Any]) -> None:
    """Take the pairs of torch.optim.LBFGS, as many as there is room for; the last one it had not stored yet is lost."""
    memory = memory_of(run.method)
    if memory is None or memory.history_size == 0:
        return
    run.result.iterations, run.result.evaluations = int(state["n_iter"]), int(state["func_evals"])
    for s, y in list(zip(state["old_stps"], state["old_dirs"], strict=True))[-memory.history_size :]:
        memory.remember(s, y, float(torch.dot(s, y)))


def memory_of(method: Method) -> LimitedMemory | None:
    """Return the limited memory of L-BFGS, None for another method."""
    direction = method.direction if isinstance(method, LineSearch) else None
    return direction if isinstance(direction, LimitedMemory) else None


def with_torch_options(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Write the options so that torch.optim.LBFGS can step with them; ours stand beside them."""
    groups = [{**group, **_torch_options(group), OWN_OPTIONS: _differing(group)} for group in saved["param_groups"]]
    return {**saved, "param_groups": groups}


def with_own_options(saved: Any) -> Any:
    """Take our options back, except where torch.optim's were changed since; what is no state_dict stays as it is."""
    return saved if structure.faults(saved) else {**saved, "param_groups": list(map(_own_group, saved["param_groups"]))}


def _own_group(group: Mapping[str, Any]) -> dict[str, Any]:
    if OWN_OPTIONS not in group:
        return dict(group)
    own = group[OWN_OPTIONS]
    if not isinstance(own, Mapping) or own.keys() != set(OPTIONS):
        raise ValueError(
            f"cannot load this state_dict into LBFGS: a group needs its {OWN_OPTIONS!r} to be a dict of "
            f"{' and '.join(OPTIONS)}, but got {described(own)}"
        )
    theirs = _torch_options(own)
    is_kept = {name: name in group and _is_same(group[name], theirs[name]) for name in OPTIONS}
    kept = {name: own[name] for name in OPTIONS if is_kept[name]}
    return {name: value for name, value in group.items() if name != OWN_OPTIONS} | kept


def _is_same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _torch_options(group: Mapping[str, Any]) -> dict[str, Any]:
    search, limit = group["line_search_fn"], group["max_eval"]
    return {
        "line_search_fn": None if search is None else "strong_wolfe",
        "max_eval": NO_LIMIT if limit is None else limit,
    }


def _differing(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in OPTIONS}


def moved(value: Any, device: torch.device) -> Any:
    """Return a copy with every tensor on `device`."""
    if isinstance(value, Tensor):
        return value.detach().clone().to(device)
    if isinstance(value, Mapping):
        return {name: moved(item, device) for name, item in value.items()}
    return [moved(item, device) for item in value] if isinstance(value, list | tuple) else value
