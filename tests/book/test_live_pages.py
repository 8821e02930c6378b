"""Toys on pages, in Chromium without a network: what moves there is what Python computes."""

import json

import numpy as np
import pytest
import torch

import thalweg
from docs.book.live import rules
from docs.book.live.section import files, html, section
from docs.book.traced import required
from tests.engine.javascript.node import needs_node, run
from thalweg.engine.javascript.rule import rule_object
from thalweg.engine.javascript.variants import in_phases, phases_of, variants

from .chromium import Chromium, needs_chromium

SHOWN = [thalweg.Adam, thalweg.Lion, thalweg.ScheduleFreeAdamW]

ON_A_MATRIX = thalweg.Muon

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}</title></head><body>{toy}</body></html>
"""

TOY = "document.querySelector('.live-toy').toy"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Pages of a few optimizers, with what they load."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "_static").mkdir()
    (folder / "optimizers").mkdir()
    for name, text in files([*SHOWN, ON_A_MATRIX]).items():
        (folder / "_static" / name).write_text(text)
    for cls in [*SHOWN, ON_A_MATRIX]:
        page = PAGE.format(name=cls.__name__, toy=html(cls))
        (folder / "optimizers" / f"{cls.__name__}.html").write_text(page)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = Chromium(tmp_path_factory.mktemp("home"))
    yield chromium
    chromium.close()


def opened(browser, site, name, **size):
    browser.complaints.clear()
    browser.asked.clear()
    browser.open(site / "optimizers" / f"{name}.html", **size)
    return browser


def assert_silent(browser):
    """Nothing went wrong, and nothing but files was asked for."""
    assert browser.complaints == []
    assert [address for address in browser.asked if not address.startswith(("file:", "data:"))] == []


def run_of(browser, place=0):
    """Read a run from the page."""
    return json.loads(
        browser.ask(
            f"JSON.stringify((({{ path, grads, losses }}) => ({{ path: path.map(each => [...each]), losses,"
            f" grads: grads.map(each => [...each]) }}))({TOY}.runs[{place}]))"
        )
    )


def in_python(cls, options, run):
    """Take the same steps with the CPU kernel, along the gradients that the page has taken."""
    param = torch.nn.Parameter(torch.tensor(run["path"][0]))
    optimizer = cls([param], **options)
    found = [param.detach().numpy().copy()]
    for grad in run["grads"]:
        param.grad = torch.tensor(grad)
        optimizer.step()
        found.append(param.detach().numpy().copy())
    assert "machine code (llvm)" in optimizer.explain()
    return np.array(found)


def options_of(browser, cls, place=0):
    """Read the options that sliders have set."""
    found = json.loads(browser.ask(f"JSON.stringify({TOY}.players[{place}].options)"))
    own = {control["name"] for control in rules.controls(cls)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if name in own}


def ring(browser):
    """Say where the ring is that one drags."""
    box = "document.querySelector('.live-start').getBoundingClientRect()"
    return browser.ask(f"[{box}.x + {box}.width / 2, {box}.y + {box}.height / 2]")


@needs_chromium
@pytest.mark.parametrize("cls", SHOWN, ids=lambda cls: cls.__name__)
def test_a_dragged_point_goes_pythons_way(browser, site, cls):
    opened(browser, site, cls.__name__)
    before = run_of(browser)["path"][0]
    x, y = ring(browser)
    for kind, there in (("mousePressed", 0), ("mouseMoved", 30), ("mouseMoved", 60), ("mouseReleased", 60)):
        browser.mouse(kind, x + there, y + there / 2)
    run = run_of(browser)
    assert run["path"][0][0] > before[0] + 0.1
    assert run["path"][0][1] < before[1] - 0.1
    assert len(run["path"]) == 101
    wanted = in_python(cls, options_of(browser, cls), run)
    assert np.array_equal(np.array(run["path"], np.float32).view(np.int32), wanted.view(np.int32))
    assert_silent(browser)


@needs_chromium
def test_sliders_and_switches_change_the_formula(browser, site):
    """A weight decay of zero is another formula than one of a tenth, and so is AMSGrad."""
    opened(browser, site, "Adam")
    browser.ask(
        "for (const [text, place] of [['weight_decay', 700], ['betas[0]', 200], ['noise', 300]]) {"
        " const label = [...document.querySelectorAll('label')].find(each => each.textContent === text);"
        " const input = document.getElementById(label.htmlFor); input.value = place;"
        " input.dispatchEvent(new Event('input')) }"
        "[...document.querySelectorAll('.live-control input[type=checkbox]')].forEach(each => each.click())"
    )
    options, run = options_of(browser, thalweg.Adam), run_of(browser)
    assert options["weight_decay"] > 0
    assert options["amsgrad"] is True
    assert options["betas"][0] != 0.9
    wanted = in_python(thalweg.Adam, options, run)
    assert np.array_equal(np.array(run["path"], np.float32).view(np.int32), wanted.view(np.int32))
    assert_silent(browser)


@needs_chromium
def test_two_optimizers_are_compared(browser, site):
    opened(browser, site, "Adam")
    browser.ask(
        "(list => { list.value = 'Lion'; list.dispatchEvent(new Event('change')) })"
        "(document.querySelector('.live-compare select'))"
    )
    assert browser.ask("document.querySelector('.live-legend').textContent").count("loss") >= 2
    run = run_of(browser, 1)
    wanted = in_python(thalweg.Lion, options_of(browser, thalweg.Lion, 1), run)
    assert np.array_equal(np.array(run["path"], np.float32), wanted)
    assert_silent(browser)


@needs_chromium
def test_the_keyboard_moves_the_point(browser, site):
    opened(browser, site, "Lion")
    before = run_of(browser)["path"][0]
    browser.ask("document.querySelector('.live-start').focus()")
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    assert np.allclose(run_of(browser)["path"][0], [before[0] + 0.05, before[1] - 0.05], atol=1e-6)


@needs_chromium
def test_it_fits_a_phone(browser, site):
    opened(browser, site, "Adam", width=360, height=740)
    assert browser.ask("document.documentElement.scrollWidth") <= 360
    widths = browser.ask("[...document.querySelectorAll('.live-toy svg, .live-control')].map(each => each.clientWidth)")
    assert min(widths) > 250
    assert_silent(browser)


@needs_chromium
def test_who_wants_no_motion_sees_the_end_at_once(browser, site):
    opened(browser, site, "Adam")
    browser.ask(f"{TOY}.look(3)")
    for value, at_once in (("reduce", True), ("no-preference", False)):
        browser("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": value}])
        browser.ask(f"{TOY}.look(3); document.querySelector('.live-play').click()")
        assert (browser.ask(f"{TOY}.step") == 100) is at_once


BOTH = """
const longer = given.map(({ name, rule, phases }) => {
  const optimizer = OPTIMIZERS[name], known = { machine_epsilon: 2 ** -23, numel: 2, ndim: 1, is_matrix: 0, shape: [2] }
  const shorter = RULES[optimizer.variants.find(([, fits]) => fits(optimizer.defaults, known))[0]]
  return [eval(`(${rule})`), shorter].map(rule => {
    const it = new Training(rule, optimizer.defaults, [0.5, -2], { ...known, rows: 2, columns: 1 })
    for (const phase of phases) {
      if (rule.observe) it.observe([0.5, 4])
      it.step([[1, 0.5], [-0.25, 3], [2, -1]][it.state.step_count % 3], phase, 2)
    }
    return [...it.result(), ...it.param]
  })
})
console.log(JSON.stringify(longer))
"""


@pytest.fixture(scope="module")
def everything():
    """What a page loads, with all optimizers."""
    return files()


def test_all_optimizers_together_are_small(everything):
    """A page loads them all, to compare with: 300 kB are as much as a picture of a phone."""
    assert len(everything["live.js"].encode()) <= 300_000
    for cls in rules.live():
        assert f'\n"{cls.__name__}": ' in everything["live.js"]


@needs_node
def test_short_names_change_nothing():
    on_a_plane = [cls for cls in rules.live() if not rules.is_for_matrices(cls)]
    script = rules.text(rules.live()).partition("// Small matrices")[2]
    given = [
        {"name": cls.__name__, "rule": default_rule(cls), "phases": phases_of(cls, usual(cls), 12)}
        for cls in on_a_plane
    ]
    found = run(f"// {script}{BOTH}", given)
    assert len(found) >= 50
    for cls, (longer, shorter) in zip(on_a_plane, found, strict=True):
        assert longer == shorter, cls.__name__
        # One trains weights alone that are near zero.
        assert longer != [0.5, -2] * 2 or cls is thalweg.SaRA, cls.__name__


PHASES = """
const missing = ({ name, phases = ["step"], variants }) =>
  variants.flatMap(([place]) => phases.filter(phase => !RULES[place][phase]).map(phase => `${name}: ${phase}`))
console.log(JSON.stringify(Object.values(OPTIMIZERS).flatMap(missing)))
"""


@needs_node
def test_every_phase_is_found_by_its_name():
    """Nero's phase `usual` was renamed with the variable `usual` in it, so that its page stood still."""
    assert run(f"// {rules.text(rules.live()).partition('// Small matrices')[2]}{PHASES}", None) == []


def usual(cls):
    return {name: option.default for name, option in cls.options.items()}


def default_rule(cls):
    [variant, *_] = variants(cls, torch.zeros(2), {}, required(cls), 1)
    return rule_object(in_phases(variant))


@needs_chromium
def test_a_matrix_is_shown_with_its_singular_values(browser, site):
    opened(browser, site, "Muon")
    heights = browser.ask(
        "[...document.querySelectorAll('.live-column')].map(each => Number(each.getAttribute('height')))"
    )
    assert len(heights) == 6
    gradient, step = heights[:3], heights[3:]
    assert gradient[2] < gradient[0] / 10
    assert step[2] > step[0] / 3
    losses = run_of(browser)["losses"]
    assert losses[-1] < losses[0] / 10
    assert_silent(browser)


def test_what_bits_are_promised_is_said_where_they_are():
    assert "bit for bit" in section(thalweg.AdamW)
    assert "The bits are not those of the library:" in section(thalweg.SOAP)
    assert section(thalweg.SparseAdam) == ""
