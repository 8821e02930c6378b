"""Call a function in a process of its own, forked from one that has only imported what all need."""

import faulthandler
import os
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from ..forked import FORKED


def call_apart(function, *arguments, **options):
    """Call a function of a module, with the variables of this process; give what it printed.

    Raises AssertionError, with all that it said, where it raises or something ends its process.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        said.touch()
        process = FORKED.Process(target=_call, args=(said, dict(os.environ), function, arguments, options))
        process.start()
        process.join(300)
        process.kill()
        process.join()
        text = said.read_text()
    assert process.exitcode == 0, f"{function.__name__} ended with {process.exitcode}: {text}"
    return text


def _call(said, variables, function, arguments, options):
    os.environ.clear()
    os.environ.update(variables)
    with said.open("w") as file:
        # What C code says goes there, too.
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        faulthandler.enable(file)
        warnings.simplefilter("error")
        with redirect_stdout(file), redirect_stderr(file):
            function(*arguments, **options)
