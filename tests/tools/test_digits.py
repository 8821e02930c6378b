"""The digits and the net that reads them."""

import torch

from thalweg.tools.tasks.digits import MNISTNet, digits


def test_the_split_is_always_the_same(data):
    for kept, again in zip(data, digits(), strict=True):
        assert all(map(torch.equal, kept.tensors, again.tensors))


def test_images_and_targets_are_what_the_net_takes(data):
    for images, targets in (part.tensors for part in data):
        assert images.shape == (len(targets), 1, 8, 8)
        assert (images.min(), images.max()) == (-1, 1)
        assert sorted(set(targets.tolist())) == list(range(10))


def test_no_test_image_is_trained_with(data):
    train, test = ({image.numpy().tobytes() for image in part.tensors[0]} for part in data)
    assert (len(train), len(test)) == (1437, 360)
    assert not train & test


def test_the_net_gives_log_probabilities(data):
    images, _ = data[1].tensors
    torch.testing.assert_close(MNISTNet()(images).exp().sum(dim=1), torch.ones(len(images)))
