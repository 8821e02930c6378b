"""Run JavaScript in node, numbers going there and back as their bits."""

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest

from thalweg.engine.javascript.text import library

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed, in which JavaScript is compared")

TRANSPORT = """
const packed = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64")
const unpacked = (text, Kind) => new Kind(new Uint8Array(Buffer.from(text, "base64")).buffer)
"""


def run(script, given):
    """Run a script after the library's own; what it is given is `given`, and what it prints as JSON comes back."""
    text = f"{library()}\n{TRANSPORT}\nconst given = {json.dumps(given)}\n{script}"
    done = subprocess.run([NODE, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def packed(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)
