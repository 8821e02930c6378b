"""What the primers say in figures is what their pictures are computed from."""

import re

import pytest
import torch

import thalweg as optim

pytest.importorskip("matplotlib")

from docs.book import pictures


def primer(name):
    return " ".join((pictures.PRIMERS / f"{name}.md").read_text().split())


def test_every_picture_is_in_a_primer_and_the_other_way_round():
    shown = {
        found for path in pictures.PRIMERS.glob("*.md") for found in re.findall(r"\((\S+)\.svg\)", path.read_text())
    }
    assert shown == set(pictures.PICTURES)


def test_steps_halve_where_the_gradient_is_as_large_as_epsilon():
    sizes = torch.tensor([1e-8, 1e-11, 1e-2], dtype=torch.float64)
    half, in_proportion, whole = pictures.epsilons(sizes, 1e-8).tolist()
    assert (half, in_proportion, whole) == pytest.approx((0.5, 1e-3, 1), rel=1e-2)  # 1 / (1 + eps / size)


def test_without_a_correction_steps_are_too_long():
    lengths = pictures.lengths(lambda params: pictures.Uncorrected(params, lr=1.0), 1012)
    assert f"It is {lengths[0]:.1f} times too long" in primer("bias-correction")
    assert lengths.argmax() + 1 == 12
    assert f"the twelfth step is the longest, with a length of {lengths.max():.1f} times" in primer("bias-correction")
    assert lengths[1011] == pytest.approx(1.25, abs=0.01)  # "a quarter too long"


def test_decay_in_the_gradient_depends_on_noise():
    sizes = torch.tensor([0.01, 10.0])
    small, large = pictures.left(lambda p: optim.Adam(p, lr=1e-3, weight_decay=0.3), sizes).tolist()
    alike = pictures.left(lambda p: optim.AdamW(p, lr=1e-3, weight_decay=0.3), sizes).tolist()
    assert small < 0.05
    assert large == pytest.approx(0.95, abs=0.015)  # the noise is another one for each number of sizes
    assert alike == pytest.approx([0.5488, 0.5488], abs=0.01)  # (1 - lr * weight_decay) ** 2000
    assert "leaves about 95% of it if the noise has a size of 10" in primer("decay")
    assert "leaves 55% of each" in primer("decay")


def test_muon_lifts_all_but_the_last_singular_values():
    before, after = pictures.spectrum()
    assert round((before[0] / before[-1]).item(), -3) == 5000
    assert after[0] < 1.25
    assert after[-2] > 0.2
    assert after[-1] < 0.2


def test_a_weight_rises_by_stochastic_rounding_alone():
    runs = torch.stack([pictures.climbs("stochastic", torch.bfloat16, seed)[-1] for seed in range(24)])
    assert f"the mean of 24 runs is {runs.mean():.3f}" in primer("stochastic-rounding")
    assert f"scatter around their mean by {runs.std():.3f}" in primer("stochastic-rounding")
    assert pictures.climbs("nearest", torch.bfloat16)[-1] == 1


def test_searches_look_where_the_primer_says():
    assert pictures.trials(optim.LBFGS).tolist() == pytest.approx([0, 0.1, 0.82], abs=0.005)
    assert pictures.trials(optim.CG)[-1] == pytest.approx(1.42, abs=0.005)
    x = torch.linspace(0, 3, 3001, dtype=torch.float64)
    first = [x[pictures.accepted(x, *conditions)][0].item() for conditions in ((0.7, False), (0.1, True))]
    assert first == pytest.approx([0.49, 1.19], abs=0.005)
