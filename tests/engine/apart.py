"""Call a function in a process of its own, forked from one that has only imported what all need.

A process that starts from nothing spends its first seconds on importing torch.
"""

import faulthandler
import os
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing import get_context
from pathlib import Path

from_imported = get_context("forkserver" if sys.platform != "win32" else "spawn")
from_imported.set_forkserver_preload(["tests.engine.conftest"])


def call_apart(function, *arguments, **options):
    """Call a function of a module, with the variables of this process; give what it printed.

    Raises AssertionError, with all that it said, where it raises or something ends its process.
    """
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        said.touch()
        process = from_imported.Process(target=_call, args=(said, dict(os.environ), function, arguments, options))
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
