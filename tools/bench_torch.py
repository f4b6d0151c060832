"""One measurement of PyTorch for `make bench`, the counterpart of train/examples/throughput.rs: the same networks, the same
step, the same sizes, on the CPU.

usage: bench_torch.py train|generate|features PRESET --size 64 --width 128 --batch 32 --seconds 20 [--channels-last]
"""

import argparse
import json
import math
import time

import torch
import torch.nn.functional as F
from torch import nn

import bench_models

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["train", "generate", "features"])
parser.add_argument("preset", nargs="?", default="gan-ada")
parser.add_argument("--size", type=int, default=64)
parser.add_argument("--width", type=int, default=128)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--seconds", type=float, default=10.0)
parser.add_argument("--channels-last", action="store_true")
args = parser.parse_args()
torch.manual_seed(0)
LATENT, BASE = 64, 4


def batch_norm(norm):
    # Keras' constants; no gamma.
    norm.weight.requires_grad_(False)
    return norm


class Generator(nn.Module):
    def __init__(self, size, width):
        super().__init__()
        self.width = width
        self.dense = nn.Linear(LATENT, width * BASE * BASE, bias=False)
        self.norm = batch_norm(nn.BatchNorm1d(width * BASE * BASE, eps=1e-3, momentum=0.01))
        layers = []
        for _ in range(int(math.log2(size // BASE)) - 1):
            layers += [nn.ConvTranspose2d(width, width, 4, 2, 1, bias=False),
                       batch_norm(nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Sigmoid()]
        self.up = nn.Sequential(*layers)

    def forward(self, z):
        return self.up(F.relu(self.norm(self.dense(z))).view(-1, self.width, BASE, BASE))


class Discriminator(nn.Module):
    def __init__(self, size, width):
        super().__init__()
        layers, inputs = [], 3
        for _ in range(int(math.log2(size // BASE))):
            layers += [nn.Conv2d(inputs, width, 4, 2, 1, bias=False),
                       batch_norm(nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)), nn.LeakyReLU(0.2, inplace=True)]
            inputs = width
        self.down = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.4), nn.Linear(width * BASE * BASE, 1))

    def forward(self, x):
        return self.head(self.down(x).flatten(1))


def formatted(thing):
    return thing.to(memory_format=torch.channels_last) if args.channels_last else thing


def train():
    g, d = formatted(Generator(args.size, args.width)), formatted(Discriminator(args.size, args.width))
    ema = [p.detach().clone() for p in [*g.parameters(), *(b for b in g.buffers() if b.is_floating_point())]]
    optimizer_g, optimizer_d = (torch.optim.Adam([p for p in n.parameters() if p.requires_grad], 2e-4, (0.5, 0.999), 1e-7) for n in (g, d))
    d_weights = [p for p in d.parameters() if p.requires_grad]
    real = formatted(torch.rand(args.batch, 3, args.size, args.size))

    def step():
        fake = g(torch.randn(args.batch, LATENT))
        logits_real, logits_fake = d(real), d(fake.detach())
        d_loss = (F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()) / 2
        optimizer_d.zero_grad()
        d_loss.backward()
        for p in d_weights:
            p.requires_grad_(False)
        g_loss = F.softplus(-d(fake)).mean()
        optimizer_g.zero_grad()
        g_loss.backward()
        for p in d_weights:
            p.requires_grad_(True)
        optimizer_d.step()
        optimizer_g.step()
        with torch.no_grad():
            current = [*g.parameters(), *(b for b in g.buffers() if b.is_floating_point())]
            torch._foreach_lerp_(ema, [p.detach() for p in current], 0.01)
        return (logits_real > 0).float().mean().item()

    return step


def generate():
    g = formatted(Generator(args.size, args.width)).eval()

    @torch.inference_mode()
    def step():
        x = g(torch.randn(args.batch, LATENT))
        return (x.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    return step


def features():
    from torch_fidelity import feature_extractor_inceptionv3 as module

    # Untrained weights cost as much time as trained ones, and need no download.
    module.load_state_dict_from_url = lambda *a, **k: None
    module.FeatureExtractorInceptionV3.load_state_dict = lambda *a, **k: None
    network = formatted(module.FeatureExtractorInceptionV3("inception", ["2048"]))
    pictures = formatted(torch.randint(0, 256, (args.batch, 3, args.size, args.size), dtype=torch.uint8))

    @torch.inference_mode()
    def step():
        return network(pictures)[0].numpy()

    return step


pictures = args.batch
if args.preset == "gan-ada":
    step = {"train": train, "generate": generate, "features": features}[args.what]()
elif args.what == "train" and args.preset in bench_models.BUILD:
    step, pictures = bench_models.training(args.preset, args.width, args.batch, args.size, formatted)
else:
    raise SystemExit(f"{args.what} {args.preset}: there is no counterpart here")
for _ in range(2):
    step()
rates, end = [], time.monotonic() + args.seconds
while len(rates) < 3 or time.monotonic() < end:
    start = time.perf_counter()
    step()
    rates.append(pictures / (time.perf_counter() - start))
print(json.dumps({"pictures_per_second": rates, "threads": torch.get_num_threads(), "version": torch.__version__}))
