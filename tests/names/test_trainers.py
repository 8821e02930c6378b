"""The recipes of docs/names.md, each with the real trainer, beside a loop by hand."""

import importlib

import pytest
import torch
from torch import nn

import thalweg

from ..catalogue.authorities import stand_in

pytestmark = pytest.mark.filterwarnings("ignore")  # of theirs

BATCHES = 4


class Net(nn.Module):
    """A net with all kinds of parameters: an embedding, a matrix, a norm, a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.hidden = nn.Embedding(8, 6), nn.Linear(6, 6)
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 1)

    def forward(self, tokens, labels=None):
        loss = (self.head(self.norm(self.hidden(self.embed(tokens)))).squeeze(-1) - labels).square().mean()
        return {"loss": loss}


def batches():
    """Give the same small batches each time."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(8, (BATCHES, 2, 3), generator=generator)
    return [{"tokens": item, "labels": item / 8} for item in tokens]


def by_hand(optimizer_of, *, epochs=1, clip=None, schedule=None):
    """Train a net in the plainest loop."""
    net = Net()
    optimizer = optimizer_of(net)
    scheduler = schedule(optimizer) if schedule else None
    for batch in batches()[: BATCHES // epochs] * epochs:
        optimizer.zero_grad()
        net(**batch)["loss"].backward()
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return net


def same(one, other, tolerance=0.0):
    """Compare two nets, number by number."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(mine, its, rtol=0, atol=tolerance) for mine, its in pairs)


class Items(torch.utils.data.Dataset):
    """The items of the batches, one by one."""

    def __len__(self):
        return 2 * BATCHES

    def __getitem__(self, place):
        batch = batches()[place // 2]
        return {name: value[place % 2] for name, value in batch.items()}


def hugging_face(folder, *, optimizer=None, resume=None, stop=BATCHES, **arguments):
    transformers = pytest.importorskip("transformers")
    quiet = {"report_to": [], "disable_tqdm": True, "use_cpu": True, "logging_strategy": "no"}
    settings = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=stop,
        save_steps=2,
        per_device_train_batch_size=2,
        lr_scheduler_type="constant",
        max_grad_norm=0,
        **quiet,
        **arguments,
    )

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(Items())

    trainer = InOrder(Net(), settings, train_dataset=Items(), optimizer_cls_and_kwargs=optimizer)
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def test_hugging_faces_trainer(tmp_path):
    """The Trainer's own AdamW and ours, given as a name, come to the same net; and so does one that goes on."""
    options = {"lr": 0.05, "weight_decay": 0.1}
    ours = hugging_face(tmp_path / "ours", optimizer=thalweg.trainer("adamw_torch", **options))
    theirs = hugging_face(tmp_path / "theirs", optim="adamw_torch", learning_rate=0.05, weight_decay=0.1)
    assert isinstance(ours.optimizer.optimizer, thalweg.AdamW)
    assert same(ours.model, theirs.model, tolerance=1e-6)  # torch's loops round in another order
    resumed = hugging_face(
        tmp_path / "again",
        optimizer=thalweg.trainer("adamw_torch", **options),
        resume=str(tmp_path / "ours" / "checkpoint-2"),
    )
    assert same(resumed.model, ours.model)


def test_hugging_faces_trainer_with_a_rule_for_matrices(tmp_path):
    trained = hugging_face(tmp_path, optimizer=thalweg.trainer("muon", lr=0.02))
    assert same(trained.model, by_hand(lambda net: thalweg.create("muon", net, lr=0.02)))
    told = trained.optimizer.optimizer.explain()
    assert "Muon's formula: hidden.weight" in told
    assert "embed.weight" in told


@pytest.mark.parametrize(
    ("name", "whole", "options"),
    [("lomo", "SGD", {}), ("galore_adamw_layerwise", "galore_adamw", {"rank": 2})],
    ids=["lomo", "galore"],
)
def test_hugging_faces_trainer_layer_by_layer(tmp_path, name, whole, options):
    """The steps within backward are those after it, and go on from a checkpoint."""
    options = {"lr": 0.02} | options
    trained = hugging_face(tmp_path, optimizer=thalweg.trainer(name, **options))
    assert same(trained.model, by_hand(lambda net: thalweg.create(whole, net, **options)))
    start = str(tmp_path / "checkpoint-2")
    resumed = hugging_face(tmp_path / "again", optimizer=thalweg.trainer(name, **options), resume=start)
    assert same(resumed.model, trained.model)


def test_lightning(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def training_step(self, batch, _):
            return self.net(**batch)["loss"]

        def configure_optimizers(self):
            optimizer = thalweg.create("timm.clion", self.net, lr=0.01, weight_decay=0.1)
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
            return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def fit(epochs, module, resume=None):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            gradient_clip_val=0.5,
            enable_checkpointing=False,
            **quiet,
        )
        loader = torch.utils.data.DataLoader(batches()[: BATCHES // 2], batch_size=None)
        trainer.fit(module, loader, ckpt_path=resume)
        return trainer

    whole, half, resumed = Module(), Module(), Module()
    fit(2, whole)
    expected = by_hand(
        lambda net: thalweg.create("timm.clion", net, lr=0.01, weight_decay=0.1),
        epochs=2,
        clip=0.5,
        schedule=lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5),
    )
    assert same(whole.net, expected)
    fit(1, half).save_checkpoint(tmp_path / "half.ckpt")
    fit(2, resumed, resume=tmp_path / "half.ckpt")
    assert same(resumed.net, whole.net)


def test_accelerate(tmp_path):
    accelerate = pytest.importorskip("accelerate")

    def train(chosen, start=None):
        accelerator = accelerate.Accelerator(cpu=True)
        loader = torch.utils.data.DataLoader(batches(), batch_size=None)
        net = Net()
        net, optimizer, loader = accelerator.prepare(net, thalweg.create("adopt_adamw", net, lr=0.01), loader)
        if start:
            accelerator.load_state(start)
        for batch in list(loader)[chosen]:
            accelerator.backward(net(**batch)["loss"])
            accelerator.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
        accelerator.save_state(tmp_path / "state")
        return accelerator.unwrap_model(net)

    whole = train(slice(None))
    assert same(whole, by_hand(lambda net: thalweg.create("adopt_adamw", net, lr=0.01), clip=0.5))
    train(slice(2))
    assert same(train(slice(2, None), start=tmp_path / "state"), whole)


def test_timm():
    """Its loop: a scaler that clips, and a schedule of its own."""
    for package in ("timm", "timm.utils", "timm.scheduler"):
        try:
            stand_in(package)
        except ImportError:
            pytest.skip("timm is not installed")
    scaler_of = importlib.import_module("timm.utils.cuda").NativeScaler
    cosine = importlib.import_module("timm.scheduler.cosine_lr").CosineLRScheduler
    net = Net()
    optimizer = thalweg.create("timm.nadamw", net, lr=0.01, weight_decay=0.1)
    scaler, schedule = scaler_of(device="cpu"), cosine(optimizer, t_initial=BATCHES, t_in_epochs=False)
    for step, batch in enumerate(batches()):
        optimizer.zero_grad()
        scaler(net(**batch)["loss"], optimizer, clip_grad=0.5, parameters=net.parameters())
        schedule.step_update(num_updates=step + 1)

    class Followed:
        """The rates of the schedule, one by one."""

        def __init__(self, optimizer):
            self.schedule, self.count = cosine(optimizer, t_initial=BATCHES, t_in_epochs=False), 0

        def step(self):
            self.count += 1
            self.schedule.step_update(num_updates=self.count)

    expected = by_hand(
        lambda net: thalweg.create("timm.nadamw", net, lr=0.01, weight_decay=0.1), clip=0.5, schedule=Followed
    )
    assert same(net, expected, tolerance=1e-6)  # gradients were scaled by a power of two, and clipped


def test_a_recipe_as_torchtunes():
    """A class named in a file of settings, called with parameters and options; gradients of two batches to a step."""
    settings = {"component": "thalweg.Lion", "lr": 0.01, "weight_decay": 0.1}
    module, _, kind = settings.pop("component").rpartition(".")
    net = Net()
    optimizer = getattr(importlib.import_module(module), kind)(net.parameters(), **settings)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    plain = Net()
    for number, batch in enumerate(batches()):
        (net(**batch)["loss"] / 2).backward()
        if number % 2:
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad(set_to_none=True)
    one = thalweg.Lion(plain.parameters(), lr=0.01, weight_decay=0.1, accumulate=2, max_grad_norm=0.5)
    for number, batch in enumerate(batches()):
        one.zero_grad()
        plain(**batch)["loss"].backward()
        one.step()
        one.lr = 0.01 if number < 1 else 0.005
    assert same(net, plain, tolerance=1e-6)  # the mean is taken in another order
