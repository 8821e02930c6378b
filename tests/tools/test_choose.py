"""What is typed for --optimizers, and what it means."""

import inspect
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.optimizer import registry as everyones
from thalweg.tools.comparison.choose import TORCH, Choice, choose, find, read_value, write_value

# Other tests define optimizers of their own.
registry = {name: cls for name, cls in everyones.items() if cls.__module__.startswith("thalweg.")}

numbers = st.booleans() | st.none() | st.integers() | st.floats(allow_nan=False)
values = numbers | st.lists(numbers, min_size=2, max_size=3).map(tuple)


def options_of(kind):
    return sorted(set(inspect.signature(kind).parameters) - {"params"})


@st.composite
def choices(draw):
    name, kind = draw(st.sampled_from([*registry.items(), *TORCH.items()]))
    return Choice(name, kind, draw(st.dictionaries(st.sampled_from(options_of(kind)), values)))


@given(st.lists(choices(), min_size=1, max_size=4, unique_by=str))
def test_what_is_written_is_read_back(written):
    assert choose(",".join(map(str, written))) == written


@given(values)
def test_values_are_read_back_with_their_types(value):
    assert repr(read_value(write_value(value))) == repr(value)


def test_commas_separate_both_optimizers_and_options():
    adam, sgd, torchs = choose("adam, sgd:lr=0.1,momentum=0.9 ,torch.adam:betas=0.9/0.99")
    assert (adam.name, adam.options) == ("Adam", {})
    assert (sgd.name, sgd.options) == ("SGD", {"lr": 0.1, "momentum": 0.9})
    assert (torchs.kind, torchs.options) == (torch.optim.Adam, {"betas": (0.9, 0.99)})


@pytest.mark.parametrize("name", registry)
def test_an_exact_name_is_always_found(name):
    assert find(name) == (name, registry[name])


@pytest.mark.parametrize("name", registry)
def test_case_matters_only_where_two_names_differ_by_it(name):
    alike = [other for other in registry if other.lower() == name.lower()]
    if name in ("AdaDelta", "Adadelta"):
        assert find(name.swapcase()) == ("AdaDelta", registry["AdaDelta"])  # the same but for the order of options
    elif len(alike) == 1:
        assert find(name.swapcase()) == (name, registry[name])
    else:
        with pytest.raises(ValueError, match=f"may be {' or '.join(alike)}"):
            find(name.swapcase())


@pytest.mark.parametrize("spelling", ["Adadelta", "RMSprop", "Rprop"])
def test_torch_spellings_are_found(spelling):
    assert find(spelling)[0].lower() == spelling.lower()


def test_a_name_of_another_library_brings_its_options():
    paged, told = choose("paged_lion_8bit,timm.cadamw:weight_decay=0.5,lr=0.1")
    assert (paged.name, paged.options) == ("transformers.paged_lion_8bit", {})
    assert paged.build([torch.zeros(1, requires_grad=True)]).state_dtype == "8bit"
    built = told.build([torch.zeros(1, requires_grad=True)])
    assert (type(built).__name__, built.cautious, built.weight_decay, built.lr) == ("AdamW", True, 0.5, 0.1)
    assert str(told) == "timm.cadamw:weight_decay=0.5,lr=0.1"
    assert choose(f"{paged},{told}") == [paged, told]


def test_another_spelling_of_an_option_is_known():
    assert choose("adam:epsilon=1e-6")[0].options == {"epsilon": 1e-6}


def test_a_choice_constructs_its_optimizer():
    optimizer = choose("sgd:lr=0.1,momentum=0.9,nesterov=true")[0].build([torch.zeros(1, requires_grad=True)])
    assert isinstance(optimizer, registry["SGD"])
    assert optimizer.param_groups[0]["nesterov"] is True


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("adm", "there is no optimizer 'adm': did you mean Adam?"),
        ("RMSPorp", "there is no optimizer 'RMSPorp': did you mean RMSProp?"),
        ("torch.Adm", "there is no optimizer 'torch.Adm': did you mean torch.Adam?"),
        ("xyz", "there is no optimizer 'xyz': 'thalweg list --names' shows all"),
        ("", "a name is missing in ''"),
        ("adamw_bnb_8bitt", "there is no optimizer 'adamw_bnb_8bitt': did you mean adamw_bnb_8bit?"),
        ("prodigy_8bit", "there is no optimizer 'prodigy_8bit': write Prodigy, with state_dtype='8bit'"),
        ("schedulefree.Adam", "schedulefree has no optimizer 'Adam': write Adam"),
        ("timm.cadamv", "timm has no optimizer 'cadamv': did you mean cadam"),
        ("adamw_torch_xla", "transformers.adamw_torch_xla cannot be had here: it needs a TPU"),
        ("adam,", "a name is missing in 'adam,'"),
        ("adamax", "'adamax' may be AdaMax or Adamax: write the one you mean exactly so"),
        ("sgd:lr=0.1,momentm=0.9", "SGD has no option 'momentm': did you mean 'momentum'?"),
        ("torch.SGD:momentm=0.9", "torch.SGD has no option 'momentm': did you mean 'momentum'?"),
        ("adam:params=1", "Adam has no option 'params'"),
        ("adam:lr", "Adam got 'lr' where an option should stand: write it as lr=0.1"),
        ("adam:", "Adam got '' where an option should stand: write it as lr=0.1"),
        ("adam:lr=1,lr=2", "Adam got lr twice: give it once"),
        ("adam,ADAM", "Adam is chosen twice: keep one, or give them different options"),
        ("adam:betas=(0.9,0.99)", "write a pair of numbers as betas=0.9/0.99"),
    ],
)
def test_a_mistake_is_named_in_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as raised:
        choose(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["thalweg.AdamW", "THALWEG.adamw"])
def test_this_librarys_name_may_stand_before_its_classes(name):
    assert choose(name)[0].kind is everyones["AdamW"]
