"""Each parameter is in one group, for the reason that the table gives; a rule that nothing follows is refused."""

import re

import pytest
import torch
from torch import nn

import thalweg
from thalweg import split


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        return x + self.down(self.up(self.norm(x)).relu())


class Net(nn.Module):
    def __init__(self, blocks=2):
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 12)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.embed(x))))


def where(groups):
    """The options of each parameter, by its name."""
    return {
        name: {key: value for key, value in group.items() if key != "params"}
        for group in groups
        for name, _ in group["params"]
    }


def test_every_parameter_is_in_one_group_with_its_name():
    net = Net()
    groups = split(
        net, {"head.*": {"lr": 0.1}, "blocks.1.*": {"lr": 0.2}}, layer_decay=0.5, lr=1.0, muon=True, adamw_lr=2
    )
    pairs = [pair for group in groups for pair in group["params"]]
    assert {name: id(param) for name, param in pairs} == {name: id(param) for name, param in net.named_parameters()}
    assert len(pairs) == len(list(net.parameters()))


def test_what_decays_is_what_good_practice_lets_decay():
    net = Net()
    net.planes = nn.LayerNorm((2, 3, 3))  # a norm's weight that has three dimensions
    decays = {name for name, options in where(split(net)).items() if options == {}}
    assert decays == {"embed.weight", "head.weight"} | {
        f"blocks.{at}.{way}.weight" for at in (0, 1) for way in ("up", "down")
    }
    assert {options.get("weight_decay") for options in where(split(net)).values()} == {None, 0.0}


def test_decay_by_name_by_the_model_and_not_at_all():
    net = Net()
    assert where(split(net, no_decay=["embed"]))["embed.weight"] == {"weight_decay": 0.0}
    net.no_weight_decay = lambda: {"head.weight"}
    assert where(split(net))["head.weight"] == {"weight_decay": 0.0}
    assert where(split(nn.DataParallel(net)))["module.head.weight"] == {"weight_decay": 0.0}
    assert len(split(net, no_decay=False)) == 1
    assert where(split(net, {"*norm*": {"weight_decay": 0.3}}))["norm.bias"] == {"weight_decay": 0.3}


@pytest.mark.parametrize(
    ("criterion", "chosen"),
    [
        ("head", {"head.weight", "head.bias"}),
        ("blocks.*.up.bias", {"blocks.0.up.bias", "blocks.1.up.bias"}),
        (nn.Embedding, {"embed.weight"}),
        (Block, {f"blocks.{at}.{name}" for at in (0, 1) for name, _ in Block().named_parameters()}),
        ((12, None), {"embed.weight", "head.weight"}),
        ((..., 16), {f"blocks.{at}.{name}" for at in (0, 1) for name in ("down.weight", "up.bias")}),
        (torch.float64, {"head.bias"}),
        (lambda name, param: param.numel() == 128 and "0" in name, {"blocks.0.up.weight", "blocks.0.down.weight"}),
    ],
)
def test_a_rule_chooses(criterion, chosen):
    net = Net()
    net.head.bias.data = net.head.bias.data.double()
    groups = where(split(net, {criterion: {"lr": 0.5}}, no_decay=False))
    assert {name for name, options in groups.items() if options == {"lr": 0.5}} == chosen


def test_shapes_of_any_length():
    scalar, row = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(3))
    pairs = [("scalar", scalar), ("row", row)]
    groups = where(split(pairs, [((), {"lr": 1}), ((...,), {"lr": 2})], no_decay=False))
    assert groups == {"scalar": {"lr": 1}, "row": {"lr": 2}}


def test_the_first_rule_counts():
    groups = where(split(Net(), [("head.bias", {"lr": 1}), ("head", {"lr": 2}), ("*", {"lr": 3})], no_decay=False))
    assert (groups["head.bias"], groups["head.weight"], groups["norm.bias"]) == ({"lr": 1}, {"lr": 2}, {"lr": 3})


def test_a_tied_parameter_has_all_its_names():
    net = Net()
    net.head.weight = net.embed.weight
    assert where(split(net, {"head.weight": {"lr": 0.5}}))["embed.weight"] == {"lr": 0.5}
    assert where(split(net, muon=True, adamw_names=["head"]))["embed.weight"]["use_muon"] is False


def test_what_is_frozen_is_in_no_group_and_told():
    net = Net()
    net.embed.requires_grad_(False)
    groups = split(net, {"embed": {"lr": 1}})
    assert "embed.weight" not in where(groups)
    assert re.search(r"in no group: 1 parameter, 96 numbers\n +embed.weight +12 x 8 +it needs no gradient", str(groups))


def test_layers_are_blocks_from_the_head_down():
    """Bao et al. 2021: a layer's rate is the top one's times the decay, for each layer between."""
    rates = {name: options["lr"] for name, options in where(split(Net(), layer_decay=0.5, lr=1.0)).items()}
    assert (rates["embed.weight"], rates["blocks.0.up.weight"], rates["blocks.1.up.bias"]) == (0.125, 0.25, 0.5)
    assert rates["norm.weight"] == rates["head.bias"] == 1.0
    least = where(split(Net(), layer_decay=0.5, lr=1.0, least_scale=0.3))
    assert least["embed.weight"]["lr"] == least["blocks.0.up.weight"]["lr"] == 0.3


def test_layers_of_a_residual_net_and_of_a_sequence():
    net = nn.Module()
    net.stem = nn.Linear(2, 2)
    net.layer1, net.layer2 = (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)) for _ in range(2))
    net.fc = nn.Linear(2, 2)
    found = {name: options["lr"] for name, options in where(split(net, layer_decay=0.5, lr=32)).items()}
    of = ["stem.bias", "layer1.0.bias", "layer1.1.bias", "layer2.0.bias", "layer2.1.bias", "fc.bias"]
    assert [found[name] for name in of] == [1, 2, 4, 8, 16, 32]
    plain = where(split(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), layer_decay=0.5, lr=1))
    assert (plain["0.bias"]["lr"], plain["2.weight"]["lr"]) == (0.5, 1)


def test_layers_as_the_model_or_the_caller_says():
    """The matcher as timm's vision transformers have it: the last norm belongs to the last block."""
    net = Net()
    named = where(split(net, layer_decay=0.5, lr=1.0, layers=["embed", "blocks", "*"]))
    assert [named[name]["lr"] for name in ("embed.weight", "blocks.1.up.bias", "norm.bias")] == [0.25, 0.5, 1.0]
    net.group_matcher = lambda coarse: {"stem": r"^embed", "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))]}
    matched = where(split(net, layer_decay=0.5, lr=1.0))
    of = ["embed.weight", "blocks.0.up.bias", "blocks.1.up.bias", "norm.bias", "head.bias"]
    assert [matched[name]["lr"] for name in of] == [0.125, 0.25, 0.5, 0.5, 1.0]


def test_a_scheduler_starts_from_the_layers_rate():
    optimizer = thalweg.AdamW(split(Net(), layer_decay=0.5, lr=1.0))
    thalweg.lr_scheduler.LambdaLR(optimizer, lambda step: 0.1)
    assert all(group["lr"] == pytest.approx(0.1 * group["initial_lr"]) for group in optimizer.param_groups)
    assert {group["initial_lr"] for group in optimizer.param_groups} == {0.125, 0.25, 0.5, 1.0}


def test_muon_takes_what_it_takes_by_itself():
    net = Net()
    ours = thalweg.Muon(split(net, muon=True), lr=0.02)
    own = thalweg.Muon(net.named_parameters(), lr=0.02)
    routed = lambda optimizer: {  # noqa: E731
        name: group["use_muon"] for group in optimizer.param_groups for name in group["param_names"]
    }
    assert routed(ours) == routed(own)
    assert {group["lr"] for group in ours.param_groups} == {0.02, 1e-3}
    assert {group["weight_decay"] for group in ours.param_groups if not group["use_muon"]} == {0.0, 1e-2}
    layered = thalweg.Muon(split(net, muon=True, layer_decay=0.5, lr=0.02, adamw_lr=0.004))
    rates = {name: group["lr"] for group in layered.param_groups for name in group["param_names"]}
    assert (rates["blocks.1.up.weight"], rates["blocks.1.up.bias"], rates["head.weight"]) == (0.01, 0.002, 0.004)


def test_a_checkpoint_matches_by_name():
    """The other model has its modules in another order."""
    net, other = Net(), Net()
    other.embed = other._modules.pop("embed")
    other.load_state_dict(net.state_dict())
    optimizers = [thalweg.Adam(split(each, {"head": {"lr": 0.1}})) for each in (net, other)]
    net(torch.arange(4)).square().mean().backward()
    optimizers[0].step()
    assert next(iter(other.named_parameters()))[0] != "embed.weight"
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    for name, param in net.named_parameters():
        loaded = optimizers[1].state[other.get_parameter(name)]
        assert torch.equal(loaded["exp_avg"], optimizers[0].state[param]["exp_avg"])


def test_torchs_optimizers_take_the_groups():
    net = Net()
    optimizer = torch.optim.AdamW(split(net, {"head": {"lr": 0.1}}), lr=1e-3)
    assert [group["lr"] for group in optimizer.param_groups if "head.bias" in group["param_names"]] == [0.1]


def test_the_table_says_what_where_and_why():
    text = str(split(Net(), {nn.Embedding: {"lr": 1e-4}}, muon=True))
    assert "group 0: lr=0.0001, use_muon=False: 1 parameter, 96 numbers" in text
    assert re.search(r"blocks\.\*\.up\.weight +2 of 16 x 8 +Muon's\n", text)
    assert re.search(r"embed\.weight +12 x 8 +it is in a module of type Embedding; AdamW's, as its name matches", text)
    assert "no decay, as it has fewer than two dimensions" in text


def fails(name, param):
    return {}[name]


def says_a_tensor(name, param):
    return param


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rules": {"hed.*": {}}}, "no parameter follows the rule that its name matches 'hed.*': did you mean 'head'?"),
        ({"rules": {"xyz": {}}}, "matches 'xyz': names are such as 'embed.weight', 'blocks.0.norm.weight'"),
        ({"rules": {nn.Conv2d: {}}}, "no parameter follows the rule that it is in a module of type Conv2d"),
        ({"rules": {(9, None): {}}}, "no parameter follows the rule that its shape is (9, None)"),
        (
            {"rules": [("*", {}), ("head", {})]},
            "no parameter is left for the rule that its name matches 'head': 'head.w",
        ),
        ({"rules": {"head": 3}}, "split needs rules as a dict, or pairs"),
        ({"rules": {"head": {"params": []}}}, "split needs rules as a dict, or pairs"),
        ({"rules": "head"}, "split needs rules as a dict, or pairs"),
        ({"rules": {3: {}}}, "split can choose parameters by a pattern of names, a type of module"),
        ({"no_decay": ["hed"]}, "no_decay has 'hed', which matches no parameter's name: did you mean 'head'?"),
        ({"no_decay": "head"}, "split needs no_decay to be a list of names"),
        ({"layer_decay": 0.5}, "so split needs lr as well"),
        ({"layer_decay": 0.5, "lr": 1, "muon": True}, "so split needs adamw_lr as well"),
        ({"layer_decay": 1.5, "lr": 1}, "split needs layer_decay above 0 and at most 1"),
        ({"layer_decay": "x", "lr": 1}, "split needs layer_decay to be a number"),
        ({"layer_decay": 0.5, "lr": -1}, "split needs lr at least 0"),
        ({"layer_decay": 0.5, "lr": 1, "layers": ["embed"]}, "none of its patterns matches 'blocks.0.norm.weight'"),
        (
            {"layer_decay": 0.5, "lr": 1, "layers": ["*", "head"]},
            "layers has 'head', which matches no parameter of its own",
        ),
        ({"layers": ["*"]}, "without layer_decay"),
        ({"layer_decay": 0.5, "lr": 1, "layers": "head.*"}, "split needs layers to be a list of names"),
        ({"layer_decay": 0.5, "lr": 1, "rules": {"head.*": {"lr": "x"}}}, "split needs lr to be a number in a rule"),
        ({"muon": True, "rules": {"head.*": {"blocks": 0}}}, "split needs blocks"),
        ({"rules": {"x" * 999: {}}}, "matches 'xxxxxxxxxxx"),
        ({"rules": [(nn.Linear(2, 2), {})]}, "split can choose parameters by a pattern of names, a type of module"),
        ({"rules": [(says_a_tensor, {})]}, "split needs says_a_tensor to say True or False of each parameter, but of"),
        (
            {"rules": [(fails, {})]},
            "split asks fails(name, param) of each parameter, but for 'embed.weight' got KeyError",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, sentence):
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)) as raised:
        split(Net(), **arguments)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (nn.ReLU(), "split got a ReLU without parameters"),
        (3, "split needs a model, or its named_parameters(), but got int"),
        ([], "split needs a model, or its named_parameters(), but got list"),
        (Net().parameters(), "split needs a model, or its named_parameters(), but got generator"),
        (nn.Sequential(nn.LazyLinear(3)), "parameter '0.weight' of a lazy module has none yet: run a batch through"),
    ],
)
def test_what_has_no_names_is_refused(model, sentence):
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        split(model)
