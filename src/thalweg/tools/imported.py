"""What users have written themselves, by its place: `my_module:Mine`."""

import importlib
import sys
from types import ModuleType

from torch.optim import Optimizer

from ..described import kind_of
from ..hyper import nearest


def imported(module: str, name: str) -> type[Optimizer]:
    """Import a class of optimizer from a module, which may lie in the folder that one is in.

    Raises ValueError, in one sentence, where it is not there, cannot be imported, or is no optimizer.
    """
    text = _module(module)
    if not hasattr(text, name):
        classes = {name: value for name, value in vars(text).items() if isinstance(value, type)}
        own = [name for name, cls in classes.items() if issubclass(cls, Optimizer) and cls.__module__ == module]
        raise ValueError(f"{module} has no {name!r}{nearest(name, own, own or ['no optimizers'])}")
    found = getattr(text, name)
    if not (isinstance(found, type) and issubclass(found, Optimizer)):
        raise ValueError(f"{module}:{name} is no class of optimizers, but {kind_of(found)}: name one that is")
    return found


def _module(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")  # the command `thalweg` does not look where one is, as `python -m` does
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0] and error.name != name:
            raise ValueError(f"{name} needs {error.name}, which is not installed: install it") from error
        raise ValueError(
            f"there is no optimizer and no module {name!r}: 'thalweg list' shows all optimizers; "
            f"{name}:Mine is the class Mine of {name}.py, in the folder that you are in or on PYTHONPATH"
        ) from error
    except (Exception, SystemExit) as error:  # a script that is imported may leave
        raise ValueError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
