"""Formulas as papers print them: names from the text of `update`, parentheses where they change the meaning."""

import re
from functools import cache
from math import inf

import pytest
import torch

import thalweg as optim
from thalweg.formula import exp, floor, power_of_element, softplus
from thalweg.formula.graph.expr import Symbol
from thalweg.formula.rule.facts import known
from thalweg.formula.rule.rule import rule_of
from thalweg.formula.tracing.latex import indexed, latex, number
from thalweg.formula.tracing.trace import Formula, formula_of
from thalweg.hyper import REQUIRED, Fixed
from thalweg.optimizer import registry

from ..traits import one_of_each

A, B, C = (Symbol(name, "element") for name in ("exp_avg", "exp_avg_sq", "exp_inf"))


def written(cls, **options):
    return latex(formula_of(cls.rule, cls([torch.zeros(1)], lr=0.1, **options).defaults))


def written_for_matrices(cls, **options):
    matrix = torch.zeros(4, 4)
    return latex(formula_of(cls.rule, known(cls, matrix, cls([matrix], **options).param_groups[0])))


@pytest.mark.parametrize(
    ("cls", "options", "lines"),
    [
        (optim.SGD, {}, [r"\theta_t = \theta_{t-1} - \gamma \, g_t"]),
        (
            optim.Adam,
            {},
            [
                r"m_t = \beta_1 \, m_{t-1} + \left(1 - \beta_1\right) \, g_t",
                r"\hat{m}_t = \frac{m_t}{1 - \beta_1^{t}}",
                r"v_t = \beta_2 \, v_{t-1} + \left(1 - \beta_2\right) \, g_t \, g_t",
                r"\hat{v}_t = \frac{v_t}{1 - \beta_2^{t}}",
                r"\theta_t = \theta_{t-1} - \frac{\gamma \, \hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}",
            ],
        ),
    ],
)
def test_lines_of_known_papers(cls, options, lines):
    assert written(cls, **options) == lines


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (A - (B - C), r"m_{t-1} - \left(v_{t-1} - u_{t-1}\right)"),
        ((A - B) - C, r"m_{t-1} - v_{t-1} - u_{t-1}"),
        (A + (B + C), r"m_{t-1} + v_{t-1} + u_{t-1}"),
        ((A + B) * C, r"\left(m_{t-1} + v_{t-1}\right) \, u_{t-1}"),
        (A * B + C, r"m_{t-1} \, v_{t-1} + u_{t-1}"),
        ((A + B) / (A - B), r"\frac{m_{t-1} + v_{t-1}}{m_{t-1} - v_{t-1}}"),
        (-(A + B), r"-\left(m_{t-1} + v_{t-1}\right)"),
        ((1 - Symbol("lr", "group")) ** Symbol("step_count", "parameter"), r"\left(1 - \gamma\right)^{t}"),
        (abs(A) - 0.5, r"\left|m_{t-1}\right| - 0.5"),
        (2 * exp(-(A + B)), r"2 \, \exp\left(-\left(m_{t-1} + v_{t-1}\right)\right)"),
        (A * softplus(B, sharpness=50), r"m_{t-1} \, \operatorname{softplus}_{50}\left(v_{t-1}\right)"),
        (power_of_element(A + B, 0.25), r"{\left(m_{t-1} + v_{t-1}\right)}^{0.25}"),
        (power_of_element(power_of_element(A, 0.5), 0.5), r"{\left({m_{t-1}}^{0.5}\right)}^{0.5}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parentheses_where_they_matter(expr, text):
    assert latex_of(expr) == [rf"\theta_t = {text}"]


def latex_of(expr):
    rule = rule_of(type("Toy", (), {"update": lambda self, param, grad: param, "counts_steps": True, "measures": ()}))
    return latex(Formula(rule, {"param": expr}, {}))


def test_noise_has_a_letter():
    assert written(optim.NoisySGD)[0].endswith(r"\, \xi_t")


def test_sums_over_a_parameter():
    lines = written(optim.SGD, max_tensor_norm=0.5, cautious=True, track=True)
    assert any(r"\sqrt{\sum {g_t}^2}" in line for line in lines)
    assert r"\mathrm{grad\_square}_t = \sum {g_t}^2" in lines


OURS = [cls for cls in registry.values() if cls.__module__.startswith("thalweg.") and hasattr(cls, "rule")]
SWITCHES = {"amsgrad", "nesterov", "centered", "use_bias_correction", "safeguard_warmup", "decouple"}
AROUND = {"ema_decay": 0.5, "cautious": True, "clip_value": 1.0, "max_tensor_norm": 1.0, "track": True}


@pytest.fixture(scope="module")
def parse():
    """Matplotlib's TeX, which refuses a second index too; it parses slowly, and many rules have the same lines.

    To it cases are told as a product; thin spaces, each of them a word, are left out.
    """
    parser = pytest.importorskip("matplotlib.mathtext").MathTextParser("path")

    @cache
    def parse(line):
        plain = re.sub(r"\\(le|ge|ne)\b", r"\\\1q", re.sub(r"\\(begin|end)\{cases\}|\\,|&", "", line))
        plain = plain.replace(r"\\", "").replace(r"\text", r"\mathrm")
        parser.parse(f"${plain}$")

    return parse


def usual(cls):
    """What a class needs, and what shapes most of a formula."""
    needed = {name: 0.1 for name, option in cls.options.items() if option.default is REQUIRED}
    return needed | {name: 0.5 for name in ("momentum", "weight_decay") if name in cls.options}


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_every_formula_can_be_typeset(cls, parse):
    switches = [name for name in SWITCHES & cls.options.keys() if not isinstance(cls.options[name].rule, Fixed)]
    for line in written_for_matrices(cls, **usual(cls) | dict.fromkeys(switches, True)):
        parse(line)


@pytest.mark.parametrize("cls", one_of_each(OURS), ids=lambda cls: cls.__name__)
def test_what_is_around_a_formula_can_be_typeset(cls, parse):
    around = {name: value for name, value in ({"maximize": True} | AROUND).items() if name not in cls.refuses}
    for options in ({}, around):
        for line in written_for_matrices(cls, **usual(cls) | options):
            parse(line)


def test_what_is_long_and_used_again_has_a_line_of_its_own():
    """Otherwise each round of a loop would be written into the next one, several times."""
    once, often = (written_for_matrices(optim.SinkGD, iterations=count) for count in (1, 40))
    assert once[0] == r"\theta'_t = \theta_{t-1} \, \left(1 - \gamma \, \lambda\right)"
    assert once[1] == r"q_{1} = \sqrt{\operatorname{row total}\left(g_t \, 1 \, 1 \, g_t \, 1 \, 1\right)}"
    assert r"\frac{\sqrt{\mathrm{columns}}}{q_{1}} & q_{1} > \epsilon" in once[2]
    assert max(map(len, often)) < 2 * max(map(len, once))
    assert len(often) <= 40 * len(once)


def test_products_of_matrices_have_a_dot():
    lines = written_for_matrices(optim.SOAP)
    assert any(r"g_t \cdot {g_t}^{\top} - " in line for line in lines)
    assert lines[0] == r"q_{1} = {\mathrm{basis\_left}_{t-1}}^{\top} \cdot g_t \cdot \mathrm{basis\_right}_{t-1}"


def test_of_muons_iteration_only_the_matrix_is_named():
    assert written_for_matrices(optim.Muon)[-1].endswith(
        r"\operatorname{orthogonalize}\left(\mathrm{direction}_t\right)"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (1e-8, "10^{-8}"), (-2.5e-9, r"-2.5 \times 10^{-9}"), (1e30, "10^{30}"), (inf, r"\infty")],
)
def test_numbers_are_written_as_papers_do(value, text):
    assert number(value) == text


def test_words_and_letters_do_not_run_together():
    assert latex_of(floor(A)) == [r"\theta_t = \left\lfloor m_{t-1} \right\rfloor"]


@pytest.mark.parametrize(
    ("letter", "index", "prime", "text"),
    [
        (r"\theta", "t", "", r"\theta_t"),
        (r"\theta_0", "t", "", r"\theta_{0,t}"),
        (r"\theta_0", "t-1", "", r"\theta_{0,t-1}"),
        ("d_0", "1", "'", "d'_{0,1}"),
        (r"\mathrm{my\_state}", "t-1", "", r"\mathrm{my\_state}_{t-1}"),
        ("g", "t", "'", "g'_t"),
    ],
)
def test_no_letter_has_two_indices(letter, index, prime, text):
    assert indexed(letter, index, prime) == text
