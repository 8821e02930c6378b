"""One net, one order of the images, one training per optimizer."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from thalweg.optimizer import registry
from thalweg.tools.commands import THE_EIGHT
from thalweg.tools.comparison.choose import choose
from thalweg.tools.comparison.compare import compare
from thalweg.tools.tasks import Task


def squares(net, batch):
    return (net(batch[0]) - batch[1]).square().mean()


def losses(run):
    return [step.loss for step in run.steps]


def test_the_same_seed_gives_the_same_losses(data):
    first, again = (compare(choose("adam"), data, epochs=1, seed=3)[0] for _ in range(2))
    assert losses(first) == losses(again)
    assert (first.train_loss, first.test_accuracy) == (again.train_loss, again.test_accuracy)


def test_another_seed_gives_others(data):
    first, second = (compare(choose("adam"), data, epochs=1, seed=seed)[0] for seed in (0, 1))
    assert losses(first) != losses(second)


def test_every_optimizer_starts_alike(data):
    runs = compare(choose("adagrad,rprop,torch.NAdam"), data, epochs=1, batch_size=1437)
    assert len({run.steps[0].loss for run in runs}) == 1


def test_steps_are_numbered_and_timed(runs):
    steps = runs[0].steps
    assert [step.number for step in steps] == list(range(1, math.ceil(1437 / 32) + 1))
    assert {step.epoch for step in steps} == {1}
    assert all(0 < step.seconds_in_step < step.seconds for step in steps)
    assert all(before.seconds < after.seconds for before, after in pairwise(steps))


def test_whoever_watches_sees_each_step(data):
    seen = []
    [run] = compare(choose("adam"), data, epochs=1, batch_size=500, watch=lambda *what: seen.append(what))
    assert seen == [(run.choice, step) for step in run.steps]


def test_trouble_is_told_and_stops_no_one_else(runs):
    adam, torchs, diverging, failing = runs
    assert (adam.trouble, torchs.trouble) == ("", "")
    assert diverging.trouble == f"diverged at step {len(diverging.steps)}"
    assert not math.isfinite(diverging.last.loss)
    assert failing.trouble == failing.error != ""
    assert failing.steps == []


def test_a_loss_that_breaks_only_at_the_end_is_trouble_too(data):
    [run] = compare(choose("sgd:lr=1e30"), data, epochs=1, batch_size=1437)
    assert math.isfinite(run.last.loss)
    assert run.trouble == "diverged at step 1"


def test_a_loss_that_rises_and_stays_finite_is_trouble_too(data):
    [run] = compare(choose("sgd:lr=1,momentum=0.99"), data, epochs=1, batch_size=359)
    assert math.isfinite(run.last.loss)
    assert run.train_loss > 2 * run.first_loss
    assert run.trouble == f"diverged: the loss rose to {run.train_loss:.3g}"


class Training(nn.Linear):
    """Answers otherwise while it is trained."""

    def forward(self, points):
        return super().forward(points) + 100 * self.training


def test_nets_and_averages_are_evaluated_as_they_are_used():
    points = TensorDataset(torch.ones(4, 1), torch.zeros(4, 1))
    task = Task("mine", "points", lambda: Training(1, 1), lambda: (points, points), squares)
    [run] = compare(choose("ScheduleFreeSGD:lr=1e-4"), task.data(), task=task, epochs=3, batch_size=4)
    assert run.steps[0].loss > 5_000
    assert run.first_loss < 10
    param = run.optimizer.param_groups[0]["params"][0]
    net = Training(1, 1).eval()
    run.optimizer.eval()
    with torch.no_grad():
        for own, trained in zip(net.parameters(), run.optimizer.param_groups[0]["params"], strict=True):
            own.copy_(trained)
        assert run.train_loss == squares(net, next(iter(DataLoader(points, 4)))).item()
    run.optimizer.train()
    assert not torch.equal(param, net.weight)  # the point that is trained is another


def test_closure_methods_can_take_part(data):
    names = "torch.LBFGS:max_iter=5,line_search_fn=strong_wolfe, lbfgs:max_iter=5, cg:max_iter=5"
    names += ",trustregion:max_iter=1, newtoncg:max_iter=1"
    for run in compare(choose(names), data, epochs=3, batch_size=1437):
        assert run.trouble == ""
        assert run.last.loss < run.steps[0].loss


def test_closure_methods_know_of_other_batches(data):
    """A batch of its own for every step is noise to a method that was not told."""
    [run] = compare(choose("lbfgs:max_iter=1"), data, epochs=1, batch_size=359)
    assert run.error == ""
    assert run.optimizer.deterministic is False
    [whole] = compare(choose("lbfgs:max_iter=1"), data, epochs=1, batch_size=1437)
    assert whole.optimizer.deterministic is True
    [given] = compare(choose("lbfgs:max_iter=1,deterministic=true"), data, epochs=1, batch_size=359)
    assert given.optimizer.deterministic is True


def test_the_number_of_threads_is_put_back(data):
    torch.set_num_threads(2)
    threads = []
    compare(choose("adam"), data, epochs=1, batch_size=1437, watch=lambda *_: threads.append(torch.get_num_threads()))
    assert [*threads, torch.get_num_threads()] == [1, 2]


def test_a_learning_rate_is_known_where_there_is_one(runs):
    assert [run.learning_rate for run in runs] == [registry["Adam"].lr, 0.01, 1e6, 1e-3]


@pytest.mark.slow
def test_the_eight_read_the_digits(data):
    runs = compare(choose(THE_EIGHT), data, epochs=10)
    poor = {run.choice.name: run.test_accuracy for run in runs if run.test_accuracy < 0.95}
    assert len(runs) == 8
    assert poor.keys() <= {"RProp"}  # made for batches of all images


@pytest.mark.slow
def test_rprop_reads_them_from_batches_of_all_images(data):
    [run] = compare(choose("rprop"), data, epochs=100, batch_size=1437)
    assert run.test_accuracy > 0.95
