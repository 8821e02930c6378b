"""What is said below a comparison, and when."""

from dataclasses import replace as quick
from math import nan

from thalweg.tools.comparison.choose import choose
from thalweg.tools.comparison.remarks import remarks


def test_why_rprop_fails_is_said_where_it_fails(runs):
    rprop = [quick(runs[0], choice=choose("torch.rprop")[0], first_loss=2.0, train_loss=1.5, test_loss=1.5)]
    [said] = remarks(rprop, 32, 1437)
    assert "--optimizers rprop --batch-size 1437" in said
    assert list(remarks(rprop, 1437, 1437)) == list(remarks(runs, 32, 1437)) == []


def test_rprop_that_does_well_is_not_said_to_fail(runs):
    rprop = quick(runs[0], choice=choose("rprop")[0], first_loss=2.0, train_loss=0.5, test_loss=0.5)
    worse, better = (quick(runs[0], train_loss=loss, test_loss=loss) for loss in (0.75, 0.25))
    assert list(remarks([rprop], 32, 1437)) == list(remarks([rprop, worse, worse, better], 32, 1437)) == []
    assert len(list(remarks([rprop, worse, better, better], 32, 1437))) == 1
    assert len(list(remarks([quick(rprop, train_loss=nan, test_loss=nan), worse], 32, 1437))) == 1
    assert list(remarks([rprop, quick(better, test_loss=0.75)], 32, 1437)) == []
