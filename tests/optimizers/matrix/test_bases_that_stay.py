"""Bases that cannot be brought nearer: the last ones stay, in their order, and a counter says so."""

import pytest
import torch
from torch import nn

import thalweg

from .beside import walk

NEARER = ["SOAP", "KLSOAP", "KLShampoo", "SOAPMuon", "MOSO"]
"""The rules whose bases are refreshed by a step of orthogonal iteration."""


def failing(*_, **__):
    raise RuntimeError("no decomposition")


@pytest.mark.parametrize("name", NEARER)
def test_without_a_decomposition_the_bases_stay(name, monkeypatch):
    param = nn.Parameter(torch.ones(4, 6, dtype=torch.float64))
    optimizer = getattr(thalweg, name)([param], precondition_frequency=1)
    walk(optimizer, [param], range(3))
    kept = {state: value.clone() for state, value in optimizer.state[param].items() if state.startswith("basis")}
    assert kept
    before = param.detach().clone()
    monkeypatch.setattr(torch.linalg, "qr", failing)
    walk(optimizer, [param], [3])
    assert all(torch.equal(optimizer.state[param][state], value) for state, value in kept.items())
    assert optimizer.metrics["failed_decompositions"] == len(kept)
    assert torch.isfinite(param).all()
    assert not torch.equal(param, before)


def test_a_refresh_that_fails_is_a_step_without_one(monkeypatch):
    params = [nn.Parameter(torch.ones(4, 6, dtype=torch.float64)) for _ in range(2)]
    often, seldom = (
        thalweg.SOAP([param], precondition_frequency=every) for param, every in zip(params, (3, 50), strict=True)
    )
    walk(often, params[:1], range(2))
    seldom.load_state_dict(often.state_dict())
    seldom.param_groups[0]["precondition_frequency"] = 50
    with torch.no_grad():
        params[1].copy_(params[0])
    monkeypatch.setattr(torch.linalg, "qr", failing)
    for step in range(2, 5):
        walk(often, params[:1], [step])
        walk(seldom, params[1:], [step])
    assert often.metrics["failed_decompositions"] == 2
    torch.testing.assert_close(*params, rtol=1e-12, atol=1e-12)
