"""One measurement of PyTorch for `make bench` and `make bench-gpu`, the counterpart of train/src/throughput.rs: the same networks, the
same step, the same sizes.

usage: bench_torch.py train|generate|features PRESET --size 64 --width 128 --batch 32 --seconds 20 [--device cpu|cuda]
                      [--channels-last] [--bf16] [--benchmark] [--compile]

Prints {"measuring": true} when the warm-up is over, and its result as the last line, both JSON. On a GPU a window of several steps
ends with `torch.cuda.synchronize()`; nothing else in a step waits for the device.
"""

import argparse
import contextlib
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
parser.add_argument("--device", default="cpu")
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16 in networks' forward passes")
parser.add_argument("--benchmark", action="store_true", help="cuDNN tries its algorithms")
parser.add_argument("--compile", action="store_true", help="networks through torch.compile")
args = parser.parse_args()
torch.manual_seed(0)
torch.backends.cudnn.benchmark = args.benchmark
LATENT, BASE = 64, 4
# A device is warm after so many steps and seconds, and a window is at least so long.
WARM_UP_STEPS, WARM_UP_SECONDS, WINDOW_SECONDS = 10, 2.0, 0.3


class Autocast(nn.Module):
    """A network that computes in bfloat16 and gives f32, as losses want it."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        with torch.autocast(x.device.type, torch.bfloat16):
            y = self.network(x)
        return y.float()


class Way:
    """Where and how networks compute."""

    def network(self, network):
        network = self.pictures(network)
        network = Autocast(network) if args.bf16 else network
        return torch.compile(network) if args.compile else network

    def pictures(self, thing):
        thing = thing.to(args.device)
        return thing.to(memory_format=torch.channels_last) if args.channels_last else thing


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


def train(way):
    g, d = way.network(Generator(args.size, args.width)), way.network(Discriminator(args.size, args.width))
    averaged = [*g.parameters(), *(b for b in g.buffers() if b.is_floating_point())]
    ema = [p.detach().clone() for p in averaged]
    optimizer_g, optimizer_d = (torch.optim.Adam([p for p in n.parameters() if p.requires_grad], 2e-4, (0.5, 0.999), 1e-7) for n in (g, d))
    d_weights = [p for p in d.parameters() if p.requires_grad]
    real = way.pictures(torch.rand(args.batch, 3, args.size, args.size))

    def step():
        fake = g(torch.randn(args.batch, LATENT, device=real.device))
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
            torch._foreach_lerp_(ema, [p.detach() for p in averaged], 0.01)
        # Stays on the device: a GPU is not waited for.
        return (logits_real > 0).float().mean()

    return step


def generate(way):
    g = way.network(Generator(args.size, args.width)).eval()

    @torch.inference_mode()
    def step():
        x = g(torch.randn(args.batch, LATENT, device=args.device))
        return (x.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    return step


def features(way):
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as module

        # Untrained weights cost as much time as trained ones, and need no download.
        module.load_state_dict_from_url = lambda *a, **k: None
        module.FeatureExtractorInceptionV3.load_state_dict = lambda *a, **k: None
        network = module.FeatureExtractorInceptionV3("inception", ["2048"])
    except ImportError:
        import bench_inception

        network = bench_inception.Extractor()
    network = way.network(network.eval())
    pictures = torch.randint(0, 256, (args.batch, 3, args.size, args.size), dtype=torch.uint8)
    first = (lambda y: y[0] if isinstance(y, (tuple, list)) else y)

    @torch.inference_mode()
    def step():
        # Pictures come from the host, as those of a data set do.
        return first(network(way.pictures(pictures))).float().cpu().numpy()

    return step


def synchronize():
    if args.device.startswith("cuda"):
        torch.cuda.synchronize()


def seconds_of(step, steps):
    start = time.perf_counter()
    for _ in range(steps):
        step()
    synchronize()
    return time.perf_counter() - start


def main():
    way, pictures = Way(), args.batch
    if args.what == "features" and args.bf16:
        # Its extractor returns a tuple and checks for bytes: autocast around the whole step.
        args.bf16, autocast = False, torch.autocast(args.device.split(":")[0], torch.bfloat16)
    else:
        autocast = contextlib.nullcontext()
    if args.preset == "gan-ada":
        step = {"train": train, "generate": generate, "features": features}[args.what](way)
    elif args.what == "train" and args.preset in bench_models.BUILD:
        step, pictures = bench_models.training(args.preset, args.width, args.batch, args.size, way)
    else:
        raise SystemExit(f"{args.what} {args.preset}: there is no counterpart here")
    with autocast:
        ahead, begin = args.device != "cpu", time.monotonic()
        first, last = seconds_of(step, 1), seconds_of(step, 1)
        count = 2
        while ahead and (count < WARM_UP_STEPS or time.monotonic() - begin < WARM_UP_SECONDS):
            last, count = seconds_of(step, 1), count + 1
        warm_up = time.monotonic() - begin
        print(json.dumps({"measuring": True}), flush=True)
        steps = min(1000, math.ceil(WINDOW_SECONDS / last)) if ahead else 1
        rates, end = [], time.monotonic() + args.seconds
        while len(rates) < 3 or time.monotonic() < end:
            rates.append(steps * pictures / seconds_of(step, steps))
    peak = torch.cuda.max_memory_allocated() / 2**20 if args.device.startswith("cuda") else None
    print(json.dumps({"pictures_per_second": rates, "pictures_a_step": pictures, "first_step_seconds": first, "warm_up_seconds": warm_up,
                      "allocated_mb": peak, "threads": torch.get_num_threads(), "version": torch.__version__}))


if __name__ == "__main__":
    main()
