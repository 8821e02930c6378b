"""Lightning, with Muon for a whole model: `configure_optimizers` returns the optimizer and its schedule."""

import lightning.pytorch as lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import thalweg


class Regression(lightning.LightningModule):
    """A small network, whose hidden layer is Muon's; AdamW takes the rest."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def training_step(self, batch, _):
        inputs, targets = batch
        self.last = nn.functional.mse_loss(self.layers(inputs), targets)
        return self.last

    def configure_optimizers(self):
        optimizer = thalweg.create("muon", self, lr=1e-2, adjust_lr_fn="match_rms_adamw")
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.max_epochs)]


torch.manual_seed(0)
inputs = torch.randn(256, 8)
data = DataLoader(TensorDataset(inputs, inputs[:, :2].prod(1, keepdim=True)), batch_size=32, shuffle=True)
model = Regression()
with torch.no_grad():
    print(f"loss {nn.functional.mse_loss(model.layers(inputs), data.dataset.tensors[1]).item():.4f}")
quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
lightning.Trainer(max_epochs=10, accelerator="cpu", gradient_clip_val=1.0, **quiet).fit(model, data)
print(f"loss {model.last.item():.4f}")
