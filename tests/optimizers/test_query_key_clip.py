"""QK-clip: a head's logits come back to the threshold, and others' stay as they are."""

import pytest
import torch
from torch import nn

import thalweg as optim

HEADS, SIZE, INPUTS = 3, 4, 5


class Attention(nn.Module):
    """Only what makes logits."""

    def __init__(self):
        super().__init__()
        self.query, self.key = (nn.Linear(INPUTS, HEADS * SIZE).double() for _ in range(2))

    def largest(self, x):
        q, k = (layer(x).view(-1, HEADS, SIZE).transpose(0, 1) for layer in (self.query, self.key))
        return (q @ k.transpose(1, 2)).abs().amax((1, 2))


def made(attention, threshold, **options):
    optimizer = optim.SGD(attention.parameters(), lr=0.0)
    query, key = ([layer.weight, layer.bias] for layer in (attention.query, attention.key))
    return optimizer, optim.QKClip(optimizer, {"first": (query, key)}, threshold, **options)


def step(optimizer, attention):
    for param in attention.parameters():
        param.grad = torch.zeros_like(param)
    optimizer.step()


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_large_heads_come_back_to_the_threshold_and_small_ones_stay(alpha):
    attention, x = Attention(), torch.randn(7, INPUTS).double()
    before = attention.largest(x).detach()
    threshold = float(before.median())
    optimizer, clip = made(attention, threshold, alpha=alpha)
    clip.see("first", before)
    clip.see("first", before / 2)
    step(optimizer, attention)
    # logits are seen in float32
    torch.testing.assert_close(attention.largest(x).detach(), before.clamp_max(threshold), rtol=1e-6, atol=0)
    after = attention.largest(x).detach()
    step(optimizer, attention)
    assert torch.equal(attention.largest(x).detach(), after)


def test_a_key_that_heads_share_stays():
    attention, x = Attention(), torch.randn(7, INPUTS).double()
    optimizer = optim.SGD(attention.parameters(), lr=0.0)
    clip = optim.QKClip(optimizer, {"first": ([attention.query.weight, attention.query.bias], None)}, 0.1)
    key = attention.key.weight.detach().clone()
    clip.see("first", attention.largest(x))
    step(optimizer, attention)
    torch.testing.assert_close(attention.largest(x).detach(), torch.full((HEADS,), 0.1).double(), rtol=1e-6, atol=0)
    assert torch.equal(attention.key.weight, key)


def test_what_is_fine_is_not_written():
    """What is kept beside narrow parameters would be dropped otherwise."""
    attention = Attention()
    optimizer, clip = made(attention, 1e9)
    step(optimizer, attention)
    version = attention.query.weight._version
    clip.see("first", attention.largest(torch.randn(7, INPUTS).double()))
    clip._clip()
    assert attention.query.weight._version == version
    clip.remove()


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_the_same_as_pytorch_optimizer():
    theirs = pytest.importorskip("pytorch_optimizer.optimizer.muon.muon_clip").MuonClip
    attention, other = Attention(), Attention()
    other.load_state_dict(attention.state_dict())
    groups = [
        {"params": [other.query.weight], "qk_clip": "query", "attention_name": "first", "use_muon": True},
        {"params": [other.key.weight], "qk_clip": "key", "attention_name": "first", "use_muon": True},
    ]
    peer = theirs(groups, lr=0.0, qk_clip_threshold=2.0, qk_clip_alpha=0.3)
    optimizer = optim.SGD(attention.parameters(), lr=0.0)
    pair = {"first": (attention.query.weight, attention.key.weight)}
    clip, logits = optim.QKClip(optimizer, pair, 2.0, 0.3), torch.tensor([1.0, 3.0, 50.0])
    clip.see("first", logits)
    step(optimizer, attention)
    for param in other.parameters():
        param.grad = torch.zeros_like(param)
    peer.step(attention_max_logits={"first": logits})
    torch.testing.assert_close(attention.query.weight, other.query.weight, rtol=1e-12, atol=0)
    torch.testing.assert_close(attention.key.weight, other.key.weight, rtol=1e-12, atol=0)


def test_what_does_not_fit_is_refused():
    attention = Attention()
    optimizer, clip = made(attention, 1.0)
    with pytest.raises(ValueError, match="QKClip has no attention 'second': it has 'first'"):
        clip.see("second", torch.ones(HEADS))
    with pytest.raises(ValueError, match="QKClip needs one logit for each head of 'first'"):
        clip.see("first", torch.ones(5))
    with pytest.raises(ValueError, match="QKClip needs one logit for each head of 'first'"):
        clip.see("first", torch.ones(2, HEADS))
    with pytest.raises(ValueError, match="QKClip needs threshold above 0, but got 0"):
        optim.QKClip(optimizer, {}, 0)
    with pytest.raises(ValueError, match="QKClip needs alpha in"):
        optim.QKClip(optimizer, {}, 1.0, 2.0)
    with pytest.raises(TypeError, match=r"^QKClip needs attentions to be a dict, but got list: pass a name for each"):
        optim.QKClip(optimizer, [attention])
    with pytest.raises(TypeError, match=r"^QKClip needs the weights of attention 'a' to be a pair, but got Attention"):
        optim.QKClip(optimizer, {"a": attention})
    assert len(optimizer._optimizer_step_post_hooks) == 1
