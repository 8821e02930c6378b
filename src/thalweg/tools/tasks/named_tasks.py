"""The tasks that have a name: digits, text, and those that a module has."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib import import_module

from .task import Task, first_line


def read_task(name: str) -> Task:
    """Find a task by its name, or the one that a module has, as ``my_module:task``; it may be a function that makes it.

    Raises ValueError, in one sentence, for what is none.
    """
    if name == "digits":
        from .digits import DIGITS

        return DIGITS
    if name == "text":
        from .text import TEXT

        return TEXT
    module, colon, attribute = name.partition(":")
    if colon and module.endswith(".py"):
        raise ValueError(
            f"a task is named as Python imports it, and not by its file: write {name.replace('.py:', ':')}"
        )
    if not (colon and module and attribute):
        raise ValueError(f"there is no task {name!r}: write digits, text, or my_module:task for one of your own")
    return _of_module(name, module, attribute)


def _of_module(name: str, module: str, attribute: str) -> Task:
    """Import a module from where one is, as ``python -m`` does, and take the task out of it.

    It goes by the name that it was found by, which other processes find it by, too.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(import_module(module), attribute)
        task = found if isinstance(found, Task) or not callable(found) else found()
    except (Exception, SystemExit) as error:  # a script that is imported may leave
        raise ValueError(f"the task {name} cannot be had: {first_line(error)}") from error
    if not isinstance(task, Task):
        raise ValueError(
            f"{name} must be a thalweg.tools.tasks.Task, or a function that makes one, but got {type(task).__name__}"
        )
    return replace(task, name=name)
