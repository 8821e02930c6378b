"""The libraries whose names are known, one file each: what they call an optimizer, and what that is here."""

from . import (
    apex,
    axolotl,
    bitsandbytes,
    deepspeed,
    emerging_optimizers,
    epfml,
    heavyball,
    hugging_face,
    keras,
    one_trainer,
    optax,
    optax_contrib,
    optimi,
    pytorch_optimizer,
    sd_scripts,
    timm,
    torch_optim,
    torch_optimizer,
    torchao,
)

LIBRARIES = (
    *(torch_optim, hugging_face, timm, bitsandbytes, one_trainer, sd_scripts, axolotl, emerging_optimizers, epfml),
    *(pytorch_optimizer, torch_optimizer, optimi, heavyball, torchao, deepspeed, apex, keras, optax_contrib, optax),
)
