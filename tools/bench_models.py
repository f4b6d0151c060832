"""The recipes' networks in PyTorch, as one would write them, for bench_torch.py. Batches are pictures [B, C, S, S]."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class SamePad(nn.Module):
    """TensorFlow's `same` for an odd kernel and stride 2: one zero before, two after."""

    def forward(self, x):
        return F.pad(x, (1, 2, 1, 2))


class CropUp(nn.ConvTranspose2d):
    """A transposed convolution k5 s2 whose result is cut to twice the extent: one before, two after."""

    def __init__(self, inputs, outputs, bias):
        super().__init__(inputs, outputs, 5, 2, bias=bias)

    def forward(self, x):
        return super().forward(x)[:, :, 1:-2, 1:-2]


def extended(multipliers, count):
    """The last multiplier serves all that follow."""
    return [*multipliers, *[multipliers[-1]] * count][:count]


def doublings(size):
    return int(math.log2(size // 4))


def anime(width, _, size):
    c = [width * m for m in (8, 4, 2, 1, 1)]
    up, inputs = [], 256
    for outputs, kernel, stride in zip(c, (7, 7, 7, 5, 5), (2, 2, 2, 2, 1)):
        up += [nn.ConvTranspose2d(inputs, outputs, kernel, stride, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        inputs = outputs
    g = nn.Sequential(nn.Unflatten(1, (256, 1, 1)), *up, nn.ConvTranspose2d(inputs, 3, 4, 1), nn.Tanh())
    d = [nn.Conv2d(3, width, 7, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for m in (1, 2, 4):
        d += [nn.Conv2d(m * width, 2 * m * width, 5, 2, 1), nn.BatchNorm2d(2 * m * width), nn.LeakyReLU(0.2, inplace=True)]
    return g, nn.Sequential(*d, nn.Conv2d(8 * width, 1, 4), nn.Flatten())


def tf(width, _, size):
    n = doublings(size)
    c = [m * width for m in extended((8, 4, 2, 1), n)]
    g = [nn.Linear(100, 16 * c[0], bias=False), nn.BatchNorm1d(16 * c[0], 1e-3, 0.01), nn.LeakyReLU(0.3), nn.Unflatten(1, (c[0], 4, 4))]
    for inputs, outputs in zip(c, c[1:]):
        g += [CropUp(inputs, outputs, False), nn.BatchNorm2d(outputs, 1e-3, 0.01), nn.LeakyReLU(0.3, inplace=True)]
    d, inputs = [], 3
    for m in extended((1, 2, 4, 8), n):
        d += [SamePad(), nn.Conv2d(inputs, m * width, 5, 2), nn.LeakyReLU(0.3, inplace=True), nn.Dropout(0.3)]
        inputs = m * width
    return nn.Sequential(*g, CropUp(c[-1], 3, False), nn.Tanh()), nn.Sequential(*d, nn.Flatten(), nn.Linear(16 * inputs, 1))


def wasserstein(multipliers, norm):
    def build(width, channels, size):
        n = doublings(size)
        c = [m * width for m in extended(multipliers, n)]
        g = [nn.Linear(128, 16 * c[0]), nn.BatchNorm1d(16 * c[0], 1e-3, 0.01), nn.ReLU(), nn.Unflatten(1, (c[0], 4, 4))]
        for inputs, outputs in zip(c, c[1:]):
            g += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(inputs, outputs, 5, 1, 2),
                  nn.BatchNorm2d(outputs, 1e-3, 0.01), nn.ReLU(inplace=True)]
        g += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(c[-1], channels, 5, 1, 2), nn.Tanh()]
        d, inputs = [], channels
        for i, m in enumerate(extended((1, 2, 4), n)):
            d += [SamePad(), nn.Conv2d(inputs, m * width, 5, 2, bias=norm)]
            d += [nn.BatchNorm2d(m * width, 1e-3, 0.01)] if norm and i else []
            d += [nn.LeakyReLU(0.2, inplace=norm)]
            inputs = m * width
        return nn.Sequential(*g), nn.Sequential(*d, nn.Flatten(), nn.Linear(16 * inputs, 1))

    return build


BUILD = {"dcgan-anime": anime, "dcgan-tf": tf, "wgan": wasserstein((4, 2, 1), True), "wgan-gp": wasserstein((4, 2, 2), False)}
LATENT = {"dcgan-anime": 256, "dcgan-tf": 100, "wgan": 128, "wgan-gp": 128}


def softplus_losses(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def training(preset, width, batch, size, way):
    """One step of a recipe as a function, and how many real pictures it takes. `way` says where and how networks compute."""
    channels = 1 if preset.startswith("wgan") else 3
    g, d = (way.network(n) for n in BUILD[preset](width, channels, size))
    latent, real = LATENT[preset], way.pictures(torch.rand(batch, channels, size, size) * 2 - 1)
    ema = [p.detach().clone() for p in g.parameters()]
    if preset == "wgan":
        og, od = (torch.optim.RMSprop(n.parameters(), 5e-5) for n in (g, d))
    else:
        rate, betas = {"dcgan-anime": (6e-4, (0.5, 0.999)), "dcgan-tf": (1e-4, (0.9, 0.999)), "wgan-gp": (1e-4, (0.5, 0.9))}[preset]
        og, od = (torch.optim.Adam(n.parameters(), rate, betas) for n in (g, d))

    def draw():
        return g(torch.randn(batch, latent, device=real.device))

    def update(loss, optimizer):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def learn(loss_of):
        for p in d.parameters():
            p.requires_grad_(False)
        update(loss_of(), og)
        for p in d.parameters():
            p.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(ema, [p.detach() for p in g.parameters()], 0.01)

    def adversarial():
        fake = draw()
        update(softplus_losses(d(real), d(fake.detach())), od)
        learn(lambda: F.softplus(-d(fake)).mean())

    def wasserstein_step():
        for _ in range(5):
            with torch.no_grad():
                fake = draw()
            loss = d(fake).mean() - d(real).mean()
            if preset == "wgan-gp":
                epsilon = torch.rand(batch, 1, 1, 1, device=real.device)
                x = (epsilon * real + (1 - epsilon) * fake).requires_grad_(True)
                (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
                loss = loss + 10 * (gradient.flatten(1).norm(2, 1) - 1).square().mean()
            update(loss, od)
            if preset == "wgan":
                with torch.no_grad():
                    torch._foreach_clamp_max_(list(d.parameters()), 0.01)
                    torch._foreach_clamp_min_(list(d.parameters()), -0.01)
        learn(lambda: -d(draw()).mean())

    return (wasserstein_step, 5 * batch) if preset.startswith("wgan") else (adversarial, batch)
