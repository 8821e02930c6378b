"""From a name to an optimizer: what is found, what is refused, and in which words."""

import re

import pytest
import torch
from torch import nn

import thalweg
from thalweg.names import OF_LIBRARY, TABLE, Row, find
from thalweg.names.lookup import ours

MATRIX = nn.Linear(256, 256, bias=False)


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2))


def test_no_name_stands_twice_in_a_library():
    assert sum(map(len, OF_LIBRARY.values())) >= len(TABLE) == len({row.spelling for row in TABLE})


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.spelling)
def test_every_name_makes_an_optimizer_or_says_why_not(row):
    if not row.is_served():
        with pytest.raises(ValueError, match=f"^{re.escape(row.spelling)} (cannot be had here: .|is not here yet: .)"):
            thalweg.create(row.spelling, MATRIX, lr=0.1)
        return
    made = thalweg.create(row.spelling, MATRIX, lr=0.125)
    assert type(made) is (row.wrapper() or row.owner())
    expected = {name: value for name, value in (row.options | row.with_lr).items() if value != "the lr"}
    assert made.param_groups[0].items() >= (expected | {"lr": 0.125}).items()


def test_a_name_that_waits_for_its_class_becomes_live_with_it(monkeypatch):
    row = Row("timm", "later", "LaterRule", {"weight_decay": 0.5})
    monkeypatch.setitem(OF_LIBRARY["timm"], "later", row)
    with pytest.raises(ValueError, match=r"timm.later is not here yet: this library has no LaterRule yet"):
        find("later")
    monkeypatch.setitem(thalweg.optimizer.registry, "LaterRule", thalweg.AdamW)
    assert thalweg.create("later", model().parameters()).weight_decay == 0.5


def test_options_that_are_given_come_before_those_of_the_name():
    made = thalweg.create("adamw_bnb_8bit", model().parameters(), lr=1e-3, state_dtype=torch.bfloat16)
    assert type(made) is thalweg.AdamW
    assert (made.lr, made.weight_decay, made.state_dtype) == (1e-3, 0.0, torch.bfloat16)
    assert thalweg.create("timm.adam", model().parameters(), epsilon=1e-3).eps == 1e-3


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("timm.lion", {"opt_betas": [0.8, 0.9], "caution": True}, {"betas": (0.8, 0.9), "cautious": True}),
        (
            "adamw",
            {"learning_rate": 0.5, "wd": 0.2, "adam_beta1": 0.7},
            {"lr": 0.5, "weight_decay": 0.2, "betas": (0.7, 0.999)},
        ),
        ("keras.RMSprop", {"rho": 0.8, "epsilon": 1e-3, "beta_1": 1}, None),
        ("keras.RMSprop", {"rho": 0.8, "epsilon": 1e-3}, {"alpha": 0.8, "eps": 1e-3}),
        ("optax.adam", {"b2": 0.5, "b1": 0.25}, {"betas": (0.25, 0.5)}),
        ("pytorch_optimizer.came", {"eps2": 1e-2}, {"eps": (1e-30, 1e-2)}),
        ("pytorch_optimizer.adan", {"weight_decouple": True}, {"decoupled_weight_decay": True}),
        ("timm.adafactor", {"learning_rate": 0.5}, {"lr": 0.5, "relative_step": False}),
        ("Ranger", {"k": 5, "alpha": 0.25}, {"lookahead": 5, "lookahead_alpha": 0.25}),
        ("alig", {"max_lr": 0.5}, {"lr": 0.5}),
    ],
    ids=["timm", "transformers", "unknown", "keras", "optax", "place", "decay", "rate", "lookahead", "most"],
)
def test_options_may_be_called_as_in_other_libraries(name, theirs, ours):
    if ours is None:
        with pytest.raises(TypeError, match="RMSProp has no option 'beta_1'"):
            thalweg.create(name, MATRIX, **theirs)
        return
    made = thalweg.create(name, MATRIX, **theirs)
    assert made.param_groups[0].items() >= ours.items()


def test_an_option_under_two_names_is_refused():
    with pytest.raises(TypeError, match="AdamW got lr twice, also as learning_rate: pass it once"):
        thalweg.create("adamw", MATRIX, learning_rate=1, lr=1)
    for options in ({"betas": (0.9, 0.99), "b1": 0.5}, {"adam_beta1": 0.5, "b1": 0.5}):
        with pytest.raises(TypeError, match=r"AdamW got betas\[0\] twice, also as b1"):
            thalweg.create("adamw", MATRIX, **options)
    assert find("lomo", given=thalweg.names.spellings.called_here(["learning_rate"])).kind is thalweg.SGD


def test_a_rate_that_is_given_makes_another_adafactor_of_timms():
    given, left = (thalweg.create("timm.adafactor", model(), **options) for options in ({"lr": 0.5}, {}))
    assert (given.relative_step, given.scale_parameter) == (False, False)
    assert (left.relative_step, left.scale_parameter) == (True, True)
    assert thalweg.create("timm.adamc", model(), lr=0.5).peak_lr == 0.5


@pytest.mark.parametrize("name", ["AdamW", "adamw", "SGD", "lion", "LBFGS", "adafactor"])
def test_this_librarys_names_come_first(name):
    meaning = find(name)
    assert meaning.kind is ours()[meaning.name]
    assert not meaning.options


def test_a_name_that_means_the_same_to_all_is_one():
    assert find("fusedadamw").name == "timm.fusedadamw"
    assert find("PagedLion32bit").kind is thalweg.Lion
    assert (
        find("CAME_8BIT").name == find("came_8bit").name == find("OneTrainer.came_8bit").name == "onetrainer.CAME_8BIT"
    )
    assert find("thalweg.adamW") == find("thalweg.optimizers.AdamW") == find("AdamW")
    assert find("lookahead_adamw").options == {"weight_decay": 0.0, "lookahead": 6, "lookahead_alpha": 0.5}


def test_a_class_may_be_named_as_configurations_write_it():
    assert find("schedulefree.AdamWScheduleFree").kind is find("sd_scripts.AdamWScheduleFree").kind
    assert find("dadaptation.dadapt_lion.DAdaptLion").options == {"betas": (0.9, 0.999)}
    assert find("<class 'torch.optim.adamw.AdamW'>") == find("torch.optim.AdamW")
    assert find("OptimizerNames.ADAMW_TORCH") == find("transformers.adamw_torch")
    with pytest.raises(ValueError, match="schedulefree has no optimizer 'AdamWScheduleFre': did you mean AdamWSch"):
        find("schedulefree.AdamWScheduleFre")


def test_options_that_are_given_decide_nothing_about_a_name():
    with pytest.raises(ValueError, match=r"means different .*: write transformers\.lomo or pytorch_optimizer\.lomo"):
        find("lomo")
    assert find("lomo", given=["lr"]).kind is thalweg.SGD
    with pytest.raises(
        ValueError, match=r"'kron' means different things .*: write timm.kron or pytorch_optimizer.kron"
    ):
        find("kron", given=["lr"])


def test_a_library_may_be_part_of_another():
    assert find("optax.contrib.schedule_free_sgd").kind is thalweg.ScheduleFreeSGD
    assert find("optax.adamax").options == {"eps": 1e-8}
    with pytest.raises(ValueError, match=r"optax.contrib has no optimizer 'adamx': did you mean ademamix"):
        find("optax.contrib.adamx")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("adamw_bnb_8bits", "there is no optimizer 'adamw_bnb_8bits': did you mean adamw_bnb_8bit or adamw_8bit?"),
        ("timm.cadamv", "timm has no optimizer 'cadamv': did you mean cadam"),
        ("RMSPorpTF", "there is no optimizer 'RMSPorpTF': did you mean RMSpropTF"),
        ("qqqq", "there is no optimizer 'qqqq': 'thalweg list --names' shows all"),
        ("torch.optim.Adm", "torch.optim has no optimizer 'Adm': did you mean Adam?"),
        ("adamax", "'adamax' may be AdaMax or Adamax: write the one you mean exactly so"),
        ("adamw_8bit", None),
        ("ADAMw_8BIT", "'ADAMw_8BIT' means different things in different libraries: write transformers.adamw_8bit or"),
        (
            "adamw_torch_xla",
            "transformers.adamw_torch_xla cannot be had here: it needs a TPU and torch_xla: take adamw",
        ),
        ("thalweg.Adm", "thalweg has no optimizer 'Adm': did you mean Adam?"),
        ("x" * 9999, f"there is no optimizer '{'x' * 79}...: 'thalweg list --names' shows all"),
        ("PCGrad", "there is no optimizer 'PCGrad': it joins the gradients of several losses before a step: find the"),
        ("gradient_surgery", "there is no optimizer 'gradient_surgery': it joins the gradients of several losses"),
        ("muon-mvr", "there is no optimizer 'muon-mvr': it is Muon with gradients corrected by their last change"),
        ("thalweg.SAM", "thalweg has no optimizer 'SAM': it goes around another optimizer, which is made before it"),
        (
            "thalweg.GaLore",
            "thalweg has no optimizer 'GaLore': it goes around a rule: write thalweg.GaLore(params, rule",
        ),
        (
            "qkclip",
            "there is no optimizer 'qkclip': it goes around another optimizer, which is made before it: write th",
        ),
        ("prodigy8bit", "there is no optimizer 'prodigy8bit': write Prodigy, with state_dtype='8bit'"),
        ("adamww", "there is no optimizer 'adamww': did you mean AdamW"),
        ("AdamW(fused=True)", "there is no optimizer 'AdamW(fused=True)': write AdamW alone, and pass its options as"),
        ("MuonH", "there is no optimizer 'MuonH': it has another name here: take Muon, with hyperball=True"),
        (
            "galore_lion",
            "there is no optimizer 'galore_lion': it goes around a rule: write thalweg.GaLore(params, rule=t",
        ),
        (
            "Lion-SAM",
            "there is no optimizer 'Lion-SAM': it goes around another optimizer, which is made before it: wri",
        ),
        ("4bitShampoo", "there is no optimizer '4bitShampoo': write Shampoo, with state_dtype='4bit'"),
        ("fused-adamw torch", "there is no optimizer 'fused-adamw torch': write AdamW"),
        ("AdaBoundW", "there is no optimizer 'AdaBoundW': write AdaBound, with decoupled_weight_decay=True"),
        ("mlx.optimizers.AdamW", "there is no optimizer 'mlx.optimizers.AdamW': write AdamW"),
        ("transformers.AdamW", "transformers has no optimizer 'AdamW': write AdamW"),
        ("Adam++", "there is no optimizer 'Adam++': it finds its rate from the way that parameters have come: take Pr"),
        ("Muon²", "there is no optimizer 'Muon²': it is a relative of Muon that is not here: take Muon, NorMuon or"),
        ("l-bfgs-b", "there is no optimizer 'l-bfgs-b': it has another name here: take LBFGS, which takes bounds, too"),
        ("dropout", "there is no optimizer 'dropout': it belongs to the model or to its training loop, and makes no"),
        ("Swarm", "there is no optimizer 'Swarm': it searches without gradients"),
        ("in_backward", "there is no optimizer 'in_backward': it is a way to step: call thalweg.in_backward(model, o"),
        ("REINFORCE", "there is no optimizer 'REINFORCE': it is a way to learn from rewards or preferences: compute i"),
        ("weight_decay", "there is no optimizer 'weight_decay': it is an option: pass it to an optimizer, as in"),
        ("Schedule", "there is no optimizer 'Schedule': it is a schedule of learning rates: use thalweg.lr_scheduler"),
        ("timm.adafactor_bv_", None),
        ("LION_PRODIGY_ADV", "onetrainer.LION_PRODIGY_ADV cannot be had here: older versions had it"),
    ],
)
def test_what_cannot_be_found_is_told_in_one_sentence(name, sentence):
    if sentence is None:
        assert find(name).name in ("transformers.adamw_8bit", "timm.adafactorbv")
        return
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}") as raised:
        find(name)
    assert "\n" not in str(raised.value)


def test_a_whole_model_does_not_decay_its_biases_and_norms():
    net = model()
    net[0].weight.requires_grad_(False)
    made = thalweg.create("AdamW", net, lr=0.1, weight_decay=0.5)
    assert [(group["weight_decay"], group["param_names"]) for group in made.param_groups] == [
        (0.5, ["1.weight", "3.weight"]),
        (0.0, ["1.bias", "2.weight", "2.bias", "3.bias"]),
    ]
    assert thalweg.create("Fromage", net, lr=0.1).param_groups[0]["param_names"][0] == "1.weight"


def test_a_whole_model_tells_muon_what_is_its_own():
    made = thalweg.create("d-muon", model())
    decays = {name: group["weight_decay"] for group in made.param_groups for name in group["param_names"]}
    theirs = {name: group["use_muon"] for group in made.param_groups for name in group["param_names"]}
    assert [name for name, is_matrix in theirs.items() if is_matrix] == ["1.weight"]
    assert {name for name, decay in decays.items() if decay} == {"0.weight", "1.weight", "3.weight"}


def test_a_library_that_is_not_known_is_told_with_those_that_are():
    with pytest.raises(ValueError, match=r"^there is no library 'trl' whose names are known: choose one of "):
        find("adam", first="trl")


def test_a_rank_that_is_no_number_is_refused_as_any_option():
    with pytest.raises(TypeError, match=r"^GaLore needs rank to be a number in parameter group 0, but got str '2'"):
        thalweg.create("galore_adamw", nn.Linear(4, 4), rank="2")


def test_what_steps_in_backward_needs_the_model():
    with pytest.raises(ValueError, match=r"transformers.lomo steps while .* pass the model itself in place of its par"):
        thalweg.create("lomo", model().parameters(), lr=0.1)
    net = nn.Linear(2, 2)
    before = net.weight.detach().clone()
    thalweg.create("lomo", net, lr=0.1)
    net(torch.ones(1, 2)).sum().backward()
    assert net.weight.grad is None
    assert torch.equal(net.weight, before - 0.1)


def test_a_failed_call_says_what_the_class_says():
    with pytest.raises(TypeError, match="an optimizer's name is a str, but got Sequential: pass it first"):
        thalweg.create(model(), "adamw")
    for untrained in (nn.Identity(), model().requires_grad_(False)):
        with pytest.raises(ValueError, match=r"^the (Identity|Sequential) has no parameter that is trained: let requi"):
            thalweg.create("adamw", untrained)
    with pytest.raises(TypeError, match=r"^params argument .* but got one dict: put a group into a list"):
        thalweg.create("adamw", {"params": MATRIX})
    with pytest.raises(ValueError, match=r"Invalid learning rate: -1, but AdamW needs lr"):
        thalweg.create("adamw_torch", model(), lr=-1)
    with pytest.raises(TypeError, match="AdamW has no option 'momentm'"):
        thalweg.trainer("adamw_torch", momentm=1)
    with pytest.raises(ValueError, match="Invalid rank value: 0, but GaLore needs rank a whole number, at least 1"):
        thalweg.trainer("galore_adamw", rank=0)
    with pytest.raises(TypeError, match="SGD needs lr"):
        thalweg.create("SGD", model())


def test_the_trainers_names_are_transformers_first():
    factory, options = thalweg.trainer("adafactor", lr=0.1)
    made = factory()(model(), **options)
    assert (made.added_eps, made.lr) == (True, 0.1)
    early = factory([nn.Parameter(torch.ones(2, 2))], **options)
    assert early.added_eps is True


def test_the_table_has_every_name_of_torch():
    names = {name for name, kind in vars(torch.optim).items() if isinstance(kind, type) and name != "Optimizer"}
    assert names == OF_LIBRARY["torch.optim"].keys()


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_table_has_every_name_of_transformers():
    names = pytest.importorskip("transformers.training_args").OptimizerNames
    assert {name.value for name in names} <= OF_LIBRARY["transformers"].keys()


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_table_has_every_name_of_pytorch_optimizer():
    package = pytest.importorskip("pytorch_optimizer")
    assert set(package.get_supported_optimizers()) <= OF_LIBRARY["pytorch_optimizer"].keys()


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_table_has_every_name_of_timm():
    from .originals import timm_factory

    try:
        factory = timm_factory()
    except ImportError:
        pytest.skip("timm is not installed")
    assert set(factory.list_optimizers()) <= OF_LIBRARY["timm"].keys()
