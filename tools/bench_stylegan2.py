"""One measurement of StyleGAN2 in PyTorch, the counterpart of `train throughput … stylegan2-…`: pictures per second of whole
training steps (G, D, and their penalties at their intervals) or of generation.

usage: bench_stylegan2.py train|generate small|ada [--size 64] [--batch 32] [--seconds 20] [--channels-last] [--compile]
                          [--original CHECKOUT]

Without --original it is a rendition written for speed: modulation by scaling pictures, FIR filters as one depthwise convolution,
one pass over real and generated pictures. --original runs the networks and the loss of stylegan2-ada-pytorch (a git clone) with the
reference implementations of its operations, which is what a CPU gets. Augmentation is left out on all sides but fledge's, where p
is 0. Prints its result as the last line, as bench_torch.py does.
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

KINDS = {
    "small": {"z": 128, "w": 128, "base": 2048, "most": 128, "path": 0, "mixing": 0.0},
    "ada": {"z": 512, "w": 512, "base": 16384, "most": 512, "path": 2, "mixing": 0.9},
}
MAPPING, CLAMP, GROUP, R1_EVERY, PATH_EVERY = 2, 256.0, 4, 16, 4
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
RATE, BETA, EPSILON = 0.0025, 0.99, 1e-8


def act(x, gain=1.0):
    return (F.leaky_relu(x, 0.2) * (math.sqrt(2) * gain)).clamp(-CLAMP * gain, CLAMP * gain)


class Fir(nn.Module):
    """The filter [1, 3, 3, 1] along both axes as one depthwise convolution."""

    def __init__(self, channels, gain, stride=1, padding=1, up=False):
        super().__init__()
        self.register_buffer("kernel", (TAPS[:, None] * TAPS * gain).expand(channels, 1, 4, 4).contiguous())
        self.channels, self.stride, self.padding, self.up = channels, stride, padding, up

    def forward(self, x):
        if self.up:
            return F.conv_transpose2d(x, self.kernel, stride=2, padding=1, groups=self.channels)
        return F.conv2d(x, self.kernel, stride=self.stride, padding=self.padding, groups=self.channels)


class Linear(nn.Module):
    def __init__(self, inputs, outputs, bias=0.0, rate=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full([outputs], bias))
        self.gain, self.rate = rate / math.sqrt(inputs), rate

    def forward(self, x):
        return F.linear(x, self.weight * self.gain, self.bias * self.rate)


class Modulated(nn.Module):
    def __init__(self, w, inputs, outputs, size, up=False, rgb=False):
        super().__init__()
        kernel = 1 if rgb else 3
        self.affine = Linear(w, inputs, 1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.rgb, self.size, self.gain = rgb, size, 1 / math.sqrt(inputs)
        self.strength = None if rgb else nn.Parameter(torch.zeros([]))
        self.fir = Fir(outputs, 4) if up else None

    def forward(self, x, w):
        s = self.affine(w)
        if self.rgb:
            s = s * self.gain
        x = x * s[:, :, None, None]
        if self.fir is not None:
            x = self.fir(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, self.weight, padding=self.weight.shape[2] // 2)
        if self.rgb:
            return (x + self.bias[:, None, None]).clamp(-CLAMP, CLAMP)
        d = (s.square() @ self.weight.square().sum([2, 3]).t() + 1e-8).rsqrt()
        noise = torch.randn(x.shape[0], 1, self.size, self.size, device=x.device) * self.strength
        return act(torch.addcmul(noise + self.bias[:, None, None], x, d[:, :, None, None]))


class Generator(nn.Module):
    def __init__(self, kind, size):
        super().__init__()
        self.kind, channels = kind, lambda extent: min(kind["base"] // extent, kind["most"])
        self.mapping = nn.ModuleList([Linear(kind["z"] if i == 0 else kind["w"], kind["w"], rate=0.01) for i in range(MAPPING)])
        self.constant = nn.Parameter(torch.randn(channels(4), 4, 4))
        extents = [2**i for i in range(2, int(math.log2(size)) + 1)]
        self.count = 2 * len(extents)
        self.conv0 = nn.ModuleList([Modulated(kind["w"], channels(n // 2), channels(n), n, up=True) for n in extents[1:]])
        self.conv1 = nn.ModuleList([Modulated(kind["w"], channels(n), channels(n), n) for n in extents])
        self.rgb = nn.ModuleList([Modulated(kind["w"], channels(n), 3, n, rgb=True) for n in extents])
        self.up = Fir(3, 4, up=True)

    def map(self, z):
        w = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            w = F.leaky_relu(layer(w), 0.2) * math.sqrt(2)
        return w

    def styles(self, z):
        ws = self.map(z).unsqueeze(1).repeat(1, self.count, 1)
        if torch.rand([]) < self.kind["mixing"]:
            cutoff = int(torch.randint(1, self.count, []))
            ws[:, cutoff:] = self.map(torch.randn_like(z)).unsqueeze(1)
        return ws

    def forward(self, ws):
        x = self.constant.expand(ws.shape[0], -1, -1, -1)
        x = self.conv1[0](x, ws[:, 0])
        picture = self.rgb[0](x, ws[:, 1])
        for i, conv0 in enumerate(self.conv0):
            x = self.conv1[i + 1](conv0(x, ws[:, 2 * i + 1]), ws[:, 2 * i + 2])
            picture = self.up(picture) + self.rgb[i + 1](x, ws[:, 2 * i + 3])
        return picture


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel, down=False, bias=True, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.runtime, self.gain = 1 / math.sqrt(inputs * kernel * kernel), gain
        self.kernel, self.down = kernel, down
        self.fir = Fir(inputs, 1, stride=2 if kernel == 1 else 1, padding=1 if kernel == 1 else 2) if down else None

    def forward(self, x):
        weight = self.weight * self.runtime
        if self.down:
            x = self.fir(x)
            y = F.conv2d(x, weight, self.bias, stride=1 if self.kernel == 1 else 2)
        else:
            y = F.conv2d(x, weight, self.bias, padding=self.kernel // 2)
        return y * self.gain if self.bias is None else act(y, self.gain)


class Discriminator(nn.Module):
    def __init__(self, kind, size):
        super().__init__()
        channels, half = lambda extent: min(kind["base"] // extent, kind["most"]), math.sqrt(0.5)
        extents = [2**i for i in range(int(math.log2(size)), 2, -1)]
        self.rgb = Conv(3, channels(size), 1)
        self.conv0 = nn.ModuleList([Conv(channels(n), channels(n), 3) for n in extents])
        self.conv1 = nn.ModuleList([Conv(channels(n), channels(n // 2), 3, down=True, gain=half) for n in extents])
        self.skip = nn.ModuleList([Conv(channels(n), channels(n // 2), 1, down=True, bias=False, gain=half) for n in extents])
        self.conv = Conv(channels(4) + 1, channels(4), 3)
        self.fc, self.out = Linear(16 * channels(4), channels(4)), Linear(channels(4), 1)

    def forward(self, x):
        x = self.rgb(x)
        for conv0, conv1, skip in zip(self.conv0, self.conv1, self.skip):
            x = skip(x) + conv1(conv0(x))
        n, c, h, w = x.shape
        y = x.reshape(GROUP, -1, c, h, w)
        y = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean([1, 2, 3])
        x = torch.cat([x, y.repeat(GROUP)[:, None, None, None].expand(-1, 1, h, w)], 1)
        x = self.conv(x).flatten(1)
        return self.out(F.leaky_relu(self.fc(x), 0.2) * math.sqrt(2))


class Original:
    """The original's networks with the interface of those above."""

    def __init__(self, folder, kind, size):
        sys.path.insert(0, folder)
        from torch_utils.ops import conv2d_gradfix
        from training import networks

        conv2d_gradfix.enabled = False
        common = {"img_resolution": size, "img_channels": 3}
        widths = {"channel_base": kind["base"], "channel_max": kind["most"], "conv_clamp": CLAMP}
        self.g = networks.Generator(z_dim=kind["z"], c_dim=0, w_dim=kind["w"], mapping_kwargs={"num_layers": MAPPING},
                                    synthesis_kwargs=widths, **common).train()
        self.d = networks.Discriminator(c_dim=0, epilogue_kwargs={"mbstd_group_size": GROUP}, **widths, **common).train()
        self.kind, self.count = kind, self.g.num_ws

    def styles(self, z):
        ws = self.g.mapping(z, None)
        if torch.rand([]) < self.kind["mixing"]:
            cutoff = int(torch.randint(1, self.count, []))
            ws = torch.cat([ws[:, :cutoff], self.g.mapping(torch.randn_like(z), None, skip_w_avg_update=True)[:, cutoff:]], 1)
        return ws

    def generate(self, ws, fused=None):
        return self.g.synthesis(ws, noise_mode="random") if fused is None else self.g.synthesis(ws, noise_mode="const")

    def judge(self, x):
        return self.d(x, None)


class Rendition:
    def __init__(self, kind, size, channels_last, compiled):
        self.g, self.d = Generator(kind, size), Discriminator(kind, size)
        if channels_last:
            self.g, self.d = (n.to(memory_format=torch.channels_last) for n in (self.g, self.d))
        # Double backward does not go through compiled code: penalties run eagerly.
        self.generate_main = torch.compile(self.g) if compiled else self.g
        self.judge_main = torch.compile(self.d) if compiled else self.d
        self.styles, self.generate, self.judge = self.g.styles, self.g, self.d


def trainer(networks, kind, size, batch, channels_last):
    def optimizer(network, interval):
        share = interval / (interval + 1)
        return torch.optim.Adam(network.parameters(), RATE * share, (0.0, BETA**share), EPSILON)

    g, d = networks.g, networks.d
    generate, judge = getattr(networks, "generate_main", networks.generate), getattr(networks, "judge_main", networks.judge)
    of_g, of_d = optimizer(g, PATH_EVERY), optimizer(d, R1_EVERY)
    ema = [p.detach().clone() for p in g.parameters()]
    real = torch.randn(batch, 3, size, size)
    real = real.to(memory_format=torch.channels_last) if channels_last else real
    state = {"step": 0, "mean": torch.zeros([])}

    def update(optimizer, loss, network, other):
        other.requires_grad_(False)
        network.requires_grad_(True)
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    def path():
        ws = networks.styles(torch.randn(batch // 2, kind["z"]))
        pictures = networks.generate(ws)
        y = torch.randn_like(pictures) / size
        (grad,) = torch.autograd.grad((pictures * y).sum(), [ws], create_graph=True)
        lengths = grad.square().sum(2).mean(1).sqrt()
        mean = state["mean"].lerp(lengths.mean(), 0.01)
        state["mean"] = mean.detach()
        return (lengths - mean).square().mean() * (2 * PATH_EVERY)

    def r1():
        x = real.detach().requires_grad_(True)
        (grad,) = torch.autograd.grad(networks.judge(x).sum(), [x], create_graph=True)
        gamma = 0.0002 * size * size / batch
        return grad.square().sum([1, 2, 3]).mean() * (gamma / 2 * R1_EVERY)

    def of_fakes():
        with torch.no_grad():
            fake = generate(networks.styles(torch.randn(batch, kind["z"])))
        return F.softplus(judge(fake)).mean() + F.softplus(-judge(real)).mean()

    def step():
        i = state["step"]
        update(of_g, lambda: F.softplus(-judge(generate(networks.styles(torch.randn(batch, kind["z"]))))).mean(), g, d)
        if kind["path"] and i % PATH_EVERY == 0:
            update(of_g, path, g, d)
        update(of_d, of_fakes, d, g)
        if i % R1_EVERY == 0:
            update(of_d, r1, d, g)
        with torch.no_grad():
            torch._foreach_lerp_(ema, [p.detach() for p in g.parameters()], 1 - 0.5 ** (batch / 10_000))
        state["step"] = i + 1

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "generate"])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--original")
    args = parser.parse_args()
    torch.manual_seed(0)
    kind = KINDS[args.kind]
    if args.original:
        networks = Original(args.original, kind, args.size)
    else:
        networks = Rendition(kind, args.size, args.channels_last, args.compile)
    if args.what == "train":
        step = trainer(networks, kind, args.size, args.batch, args.channels_last)
    else:
        def step():
            with torch.no_grad():
                networks.generate(networks.styles(torch.randn(args.batch, kind["z"])))
    step()
    step()
    rates, end = [], time.perf_counter() + args.seconds
    while len(rates) < 3 or time.perf_counter() < end:
        begun = time.perf_counter()
        step()
        rates.append(args.batch / (time.perf_counter() - begun))
    print(json.dumps({"pictures_per_second": rates, "pictures_a_step": args.batch, "threads": torch.get_num_threads(),
                      "version": torch.__version__}))


if __name__ == "__main__":
    main()
