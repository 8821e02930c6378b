"""Sparse gradients: the same numbers as the paper's and torch.optim's, and no element without one is looked at."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import thalweg
from tests.papers import REFERENCES

ROWS, STEPS = 7, 12


@pytest.fixture(autouse=True)
def _double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def gradients(rng, width):
    """For each step some rows, some of them twice, as embeddings make them; one step has none."""
    for step in range(STEPS):
        rows = torch.from_numpy(rng.integers(0, ROWS - 1, 0 if step == 3 else 5))
        yield torch.sparse_coo_tensor(
            rows[None], torch.from_numpy(rng.normal(size=(len(rows), width))), (ROWS, width), check_invariants=True
        )


@pytest.mark.parametrize("maximize", [False, True])
def test_agrees_with_the_paper(sparse_cls, options, maximize):
    rng, options = np.random.default_rng(1), options | {"maximize": maximize}
    start = rng.normal(size=(ROWS, 2))
    param = torch.tensor(start)
    optimizer = sparse_cls([param], **options)
    path, given = [], []
    for gradient in gradients(rng, 2):
        param.grad = gradient
        optimizer.step()
        path.append(param.clone())
        given.append(gradient.coalesce())
    absent = 0.0 if torch.strided in sparse_cls.layouts else None
    for row in range(ROWS):
        mine = [g.to_dense()[row, 1].item() if row in g.indices() else absent for g in given]
        theirs = REFERENCES[sparse_cls.__name__](float(start[row, 1]), mine, **options)
        np.testing.assert_allclose([step[row, 1] for step in path], list(theirs), rtol=1e-12, atol=1e-14)


def trained(optimizer, param, rng, steps=STEPS):
    for gradient in list(gradients(rng, 3))[:steps]:
        param.grad = gradient.clone()
        optimizer.step()
    return param


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # torch's own Adagrad makes unchecked ones
@pytest.mark.parametrize("from_torch", [True, False])
def test_same_as_torch_and_takes_over_from_it(sparse_cls, options, from_torch):
    """Duplicates are summed first; a checkpoint passes in the middle."""
    if options.get("nesterov") and not from_torch:
        pytest.skip("torch.optim adds no sparse gradient to a dense momentum, and a momentum is dense here")
    theirs = getattr(torch.optim, sparse_cls.__name__)
    shared = {name: value for name, value in options.items() if name != "weight_decay"}
    first, second = (theirs, sparse_cls) if from_torch else (sparse_cls, theirs)
    ours, other = torch.ones(ROWS, 3), torch.ones(ROWS, 3)
    straight = sparse_cls([ours], **options)
    trained(straight, ours, np.random.default_rng(2))
    trained(straight, ours, np.random.default_rng(3))
    before, after = first([other], **shared), second([other], **shared)
    trained(before, other, np.random.default_rng(2))
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    trained(after, other, np.random.default_rng(3))
    torch.testing.assert_close(ours, other, rtol=1e-12, atol=1e-14)
    mine, its = straight.state_dict()["state"], after.state_dict()["state"]
    dense = {k: {n: v.to_dense() if torch.is_tensor(v) else v for n, v in s.items()} for k, s in its.items()}
    torch.testing.assert_close(mine, dense, rtol=1e-12, atol=1e-14)


def test_elements_without_a_gradient_are_not_read(sparse_cls, options):
    param = torch.ones(3, 2)
    optimizer = sparse_cls([param], **options)
    if not optimizer.touches_only_gradients(optimizer.defaults):
        pytest.skip("momentum moves every element")
    param.grad = torch.sparse_coo_tensor([[1]], torch.ones(1, 2), (3, 2), check_invariants=True)
    param[::2] = torch.nan
    optimizer.step()
    assert param[1].isfinite().all()
    assert param[::2].isnan().all()
    assert all(state.isfinite().all() for state in optimizer.state[param].values() if torch.is_tensor(state))


def test_an_embedding_learns(sparse_cls):
    torch.manual_seed(0)
    table = nn.Embedding(5, 2, sparse=True)
    optimizer, rows = sparse_cls(table.parameters(), lr=0.1), torch.tensor([1, 3, 3])
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = table(rows).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_explain_says_so(sparse_cls):
    param = torch.ones(3)
    param.grad = torch.ones(3).to_sparse()
    sentence = "on the eager engine, because its gradient is sparse: only the elements that have one are looked at"
    assert sentence in sparse_cls([param], lr=0.1).explain()


def refused(optimizer, sentence):
    [param] = optimizer.param_groups[0]["params"]
    before = copy.deepcopy(optimizer.state_dict()["state"]), param.clone()
    with pytest.raises(RuntimeError, match=sentence):
        optimizer.step()
    torch.testing.assert_close((optimizer.state_dict()["state"], param), before, rtol=0, atol=0)


def test_weight_decay_would_touch_every_element(sparse_cls):
    if "weight_decay" not in sparse_cls.options:
        pytest.skip("it has none")
    param = torch.ones(3)
    param.grad = torch.ones(3).to_sparse()
    refused(
        sparse_cls([param], lr=0.1, weight_decay=0.1), "weight_decay option is not compatible with sparse gradients"
    )


def test_autograd_cannot_follow(sparse_cls):
    param = torch.ones(3)
    param.grad = torch.ones(3).to_sparse()
    refused(sparse_cls([param], lr=0.1, differentiable=True), "differentiable=True needs dense gradients")


def test_others_name_those_that_can(cls, required):
    if torch.sparse_coo in cls.layouts:
        pytest.skip("it can")
    param = torch.ones(3)
    param.grad = torch.ones(3).to_sparse()
    refused(
        cls([("table", param)], **required), "step parameter 'table': .* pass it to Adagrad or SGD or SparseAdam, or"
    )


def test_a_dense_gradient_needs_an_optimizer_for_it(sparse_cls):
    if torch.strided in sparse_cls.layouts:
        pytest.skip("it is for both")
    param = torch.ones(3)
    param.grad = torch.ones(3)
    refused(sparse_cls([param]), "does not support dense gradients, please consider Adam instead")


def test_sparse_adam_counts_in_python_and_wants_dense_real_parameters():
    param = torch.ones(3)
    param.grad = torch.ones(3).to_sparse()
    optimizer = thalweg.SparseAdam([param])
    optimizer.step()
    assert type(optimizer.state[param]["step"]) is int
    with pytest.raises(ValueError, match="SparseAdam requires dense parameter tensors, but parameter 1 of group 0"):
        thalweg.SparseAdam([param, param.to_sparse()])
    with pytest.raises(ValueError, match="SparseAdam does not support complex parameters"):
        thalweg.SparseAdam([{"params": torch.ones(2, dtype=torch.complex64)}])
