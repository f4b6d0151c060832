"""Golden values and gradients of every GAN loss, from PyTorch's autograd in f64.

usage: golden_losses.py train/tests/golden/losses.safetensors

Logits are 3 × `normal` (golden_numbers.py) under the names `loss.real` and `loss.fake`, labels `uniform` under `loss.labels.real`
and `loss.labels.fake`. For each loss the file holds, in f64, `<loss>.value` (D's loss with the reduction "sum", G's) and the
gradients `<loss>.d.real`, `<loss>.d.fake`, `<loss>.g.real`, `<loss>.g.fake`; losses with labels also as `<loss>+labels`. The
losses are written with PyTorch's own criteria where it has them, as papers and their authors' code do.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from golden_numbers import normal, uniform

BATCH = 16


def labelled(criterion, generator):
    def loss(real, fake, labels):
        y_real, y_fake = labels
        return criterion(real, y_real) + criterion(fake, y_fake), generator(fake)
    return loss


def ones(x):
    return torch.ones_like(x)


def zeros(x):
    return torch.zeros_like(x)


bce = F.binary_cross_entropy_with_logits


def squares_of_sigmoid(x, y):
    return F.mse_loss(torch.sigmoid(x), y)


LABELLED = {
    "minimax": labelled(bce, lambda fake: -bce(fake, zeros(fake))),
    "non-saturating": labelled(bce, lambda fake: bce(fake, ones(fake))),
    "lsgan": labelled(F.mse_loss, lambda fake: F.mse_loss(fake, ones(fake))),
    "lsgan-sigmoid": labelled(squares_of_sigmoid, lambda fake: squares_of_sigmoid(fake, ones(fake))),
}
PAYS = {
    "": lambda x: bce(x, ones(x)),
    "-hinge": lambda x: F.hinge_embedding_loss(x, -ones(x)),  # max(0, 1 - x)
    "-ls": lambda x: F.mse_loss(x, ones(x)),
}
UNLABELLED = {
    "hinge": lambda r, f: (PAYS["-hinge"](r) + PAYS["-hinge"](-f), -f.mean()),
    "wasserstein": lambda r, f: (f.mean() - r.mean(), -f.mean()),
}
for suffix, pays in PAYS.items():
    UNLABELLED[f"relativistic{suffix}"] = lambda r, f, pays=pays: (pays(r - f), pays(f - r))
    UNLABELLED[f"relativistic-average{suffix}"] = lambda r, f, pays=pays: (
        pays(r - f.mean()) + pays(-(f - r.mean())), pays(f - r.mean()) + pays(-(r - f.mean())))

tensors = {}


def record(case, loss):
    real, fake = (torch.tensor(3.0 * normal(f"loss.{side}", (BATCH, 1)).astype(np.float64), requires_grad=True)
                  for side in ("real", "fake"))
    values = loss(real, fake)
    tensors[f"{case}.value"] = np.array([v.item() for v in values])
    for network, value in zip("dg", values):
        gradients = torch.autograd.grad(value, (real, fake), retain_graph=True, allow_unused=True)
        for side, gradient in zip(("real", "fake"), gradients):
            tensors[f"{case}.{network}.{side}"] = np.zeros((BATCH, 1)) if gradient is None else gradient.numpy()


drawn = [torch.tensor(uniform(f"loss.labels.{side}", (BATCH, 1)).astype(np.float64)) for side in ("real", "fake")]
for name, loss in LABELLED.items():
    record(name, lambda r, f: loss(r, f, (ones(r), zeros(f))))
    record(f"{name}+labels", lambda r, f: loss(r, f, drawn))
for name, loss in UNLABELLED.items():
    record(name, loss)
save_file(tensors, sys.argv[1], {"torch": torch.__version__, "batch": str(BATCH)})
