"""Chromium without a window and without a network, led through two pipes by its own protocol."""

import contextlib
import json
import os
import shutil
import subprocess
from itertools import count

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, in which pages are tried")

OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-extensions", "--disable-sync", "--mute-audio"),
    # Names are found nowhere: who asks for anything but files fails.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"),
)


class Chromium:
    """One browser with one page; what the page complains of, and what it asks for, is kept."""

    def __init__(self, home):
        to_browser, self.say = os.pipe()
        self.hear, from_browser = os.pipe()
        self.process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={home}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # It reads from 3 and writes to 4, whatever the numbers are here.
            preexec_fn=lambda: _put(to_browser, from_browser),
            pass_fds=(3, 4),
        )
        os.close(to_browser)
        os.close(from_browser)
        self.numbers, self.rest, self.session = count(1), b"", None
        self.complaints, self.asked, self.events = [], [], []
        [page] = [each for each in self("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        self.session = self("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method, **params):
        """Have something done, and wait for the answer."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.say, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _next(self):
        while b"\0" not in self.rest:
            read = os.read(self.hear, 1 << 16)
            assert read, "the browser has ended"
            self.rest += read
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def _note(self, event):
        method, params = event.get("method"), event.get("params", {})
        self.events.append(method)
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or str(details))
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str(params["args"]))
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])

    def open(self, path, width=1200, height=1000):
        """Open a page, and wait until it is there."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        self("Page.navigate", url=path.resolve().as_uri())
        while "Page.loadEventFired" not in self.events:
            self._note(self._next())

    def ask(self, expression):
        """Evaluate an expression on the page, and give its value."""
        found = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def mouse(self, kind, x, y):
        self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def close(self):
        with contextlib.suppress(OSError):
            self("Browser.close")
        self.process.wait(20)
        os.close(self.say)
        os.close(self.hear)


def _put(to_browser, from_browser):
    """Move the pipes' ends to where Chromium expects them; they may stand in each other's way."""
    kept = os.dup(to_browser), os.dup(from_browser)
    high = [os.dup2(end, 100 + place) for place, end in enumerate(kept)]
    os.dup2(high[0], 3)
    os.dup2(high[1], 4)
