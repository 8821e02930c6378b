"""Where a formula is cut, and what each pass reads and writes: no tensor oftener than it must be."""

import torch

import thalweg
from thalweg.formula import Rows, orthogonalize, row_total, total_square
from thalweg.formula.rule.facts import known
from thalweg.formula.tracing.passes import passes, program_of
from thalweg.formula.tracing.trace import formula_of
from thalweg.optimizer import Optimizer


def cut(cls, **options):
    """List for each pass of a formula what is read and written."""
    group = cls([torch.zeros(8, 8)], **options).param_groups[0]
    program = program_of(formula_of(cls.rule, group))
    return [(set(item.loads), set(item.stores), set(item.totals)) for item in passes(program)]


def test_muon_reads_and_writes_each_tensor_once():
    assert cut(thalweg.Muon) == [
        ({"grad", "momentum_buffer"}, {"momentum_buffer", "matrix.0.0"}, set()),
        ({"param", "matrix.0.0"}, {"param"}, set()),
    ]


def test_sums_before_and_after_a_matrix():
    assert cut(thalweg.Muon, max_tensor_norm=1.0, cautious=True) == [
        ({"grad"}, set(), {"sum.0.0"}),
        ({"grad", "momentum_buffer"}, {"momentum_buffer", "matrix.1.0"}, set()),
        ({"grad", "matrix.1.0"}, set(), {"sum.2.0"}),
        ({"param", "grad", "matrix.1.0"}, {"param"}, set()),
    ]


def test_a_state_that_is_needed_later_is_written_later():
    class Late(Optimizer):
        """A rule whose update reads the old value of one state, and that of the other only before the cut."""

        lr: float = 0.1

        def update(self, param, grad, early, late):
            made = orthogonalize(early + grad, (1.0, 0.0, 0.0), 0, 0.0)
            return param - self.lr * made * late, early + grad, late + grad

    first, last = cut(Late)
    assert first == ({"grad", "early"}, {"early", "matrix.0.0"}, set())
    assert last == ({"param", "grad", "late", "matrix.0.0"}, {"param", "late"}, set())


def test_a_sum_alone_writes_nothing_before_the_last_pass():
    class Normed(Optimizer):
        """A rule with one sum."""

        lr: float = 0.1

        def update(self, param, grad, mean):
            return param - self.lr * grad / total_square(grad), mean + grad

    first, last = cut(Normed)
    assert first == ({"grad"}, set(), {"sum.0.0"})
    assert last == ({"param", "grad", "mean"}, {"param", "mean"}, set())


def test_states_of_rows_and_columns_are_written_by_the_last_pass_that_comes_over_them():
    class Late(Optimizer):
        """A rule whose last stage reads the old value of one state of rows, and of the other only its new one."""

        lr: float = 0.1

        def update(self, param, grad, early: Rows, late: Rows):
            early, fresh = early + row_total(grad), late + row_total(grad)
            size = total_square(grad / early)
            return param - self.lr * size * grad / late, early, fresh

    param = torch.zeros(4, 8)
    group = Late([param]).param_groups[0]
    program = program_of(formula_of(Late.rule, known(Late, param, group)))
    written = [(item.domain, set(item.stores)) for item in passes(program)]
    assert written == [
        ("element", set()),
        ("row", {"line.1.0", "early"}),
        ("element", set()),
        ("row", {"line.3.0", "late"}),
        ("element", {"param"}),
    ]
