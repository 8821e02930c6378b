"""Hugging Face's Trainer, with an optimizer of this library by its name; the Trainer clips, schedules and saves."""

import tempfile

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

import thalweg


class Net(nn.Module):
    """A model as the Trainer wants it: it returns its loss."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, inputs, labels):
        return {"loss": nn.functional.mse_loss(self.layers(inputs).squeeze(-1), labels)}


torch.manual_seed(0)
inputs = torch.randn(256, 8)
items = [{"inputs": row, "labels": row[0] + row[1]} for row in inputs]
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        logging_strategy="epoch",
    )
    # The learning rate and the decay are given here: those of the arguments are not read.
    chosen = thalweg.trainer("adamw_torch", lr=1e-2, weight_decay=0.01)
    trainer = Trainer(Net(), arguments, train_dataset=items, optimizer_cls_and_kwargs=chosen)
    trainer.train()
    losses = [float(row["loss"]) for row in trainer.state.log_history if "loss" in row]
    print(f"loss {losses[0]:.4f}")
    print(f"loss {losses[-1]:.4f}")
    print(f"made by {type(trainer.optimizer.optimizer).__module__}")
