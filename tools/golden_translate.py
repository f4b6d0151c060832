"""Golden values of pix2pix, CycleGAN and CUT, by their original code.

    golden_translate.py SOURCE PIX2PIX OUT
        SOURCE: a clone of taesungp/contrastive-unpaired-translation, which has CycleGAN too
        PIX2PIX: models/pix2pix_model.py of junyanz/pytorch-CycleGAN-and-pix2pix
        OUT: train/tests/golden/translate

Needs torch (a CPU is enough), numpy and safetensors. The original runs in f64, values are stored as f32; all weights
and inputs are exact in f32. Names of weights are fledge's. Random numbers (dropout, patches, mirroring, the pool) are
those of `streams.py` under seed 0 at step 0.

networks.safetensors, for each case NAME (unet of 6 levels at 64x64; resnet with 5 blocks at 32x32, strided and
anti-aliased; patchgan at 64x64: 3 layers with batch and instance normalisation, anti-aliased, and by pixel)

    NAME.weight.*                    parameters
    NAME.x                           [2, 3 or 6, H, W]
    NAME.y                           pictures, or logits [2, patches]
    NAME.probe, .grad.*, .grad_x     gradients of sum(y * probe)
    NAME.feature.L                   resnet: the feature of layer L of the source's list

NAME.pth, for each generator there: its state dict in f32

STEP.safetensors, STEP is pix2pix, cyclegan, cut, fastcut: one optimize_parameters() with Adam

    ROLE.weight.*                    parameters before the step
    a, b                             [2, 3, H, W]
    ROLE.grad.*                      gradients of the step
    loss.NAME                        []

pool.safetensors: 200 queries of pools of 5 and 50 pictures with one number each, 0, 1, 2, ...

    given.5, given.50                [200]: what each query returned
    rate.N.M                         [N + M]: factors of the learning rate of N constant and M falling epochs

Metadata: torch, source_commit; `zero`: gradients that are zero in theory (biases before a normalisation), by file
stem.
"""
import itertools
import json
import os
import random
import subprocess
import sys
from argparse import Namespace

import numpy as np
import torch
from safetensors.numpy import save_file

from original_translate import load, options, pix2pix_model
from streams import check, stream


def exact(shape, scale=1.0, shift=0.0):
    """Drawn numbers that are exact in f32."""
    drawn = torch.randn(shape, dtype=torch.float32) * scale + shift
    return drawn.to(torch.float64)


def pictures(count, channels, size):
    """Coarse blocks and noise in [-1, 1]."""
    coarse = torch.rand(count, channels, size // 8, size // 8, dtype=torch.float32)
    coarse = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)
    fine = torch.rand(count, channels, size, size, dtype=torch.float32)
    return (coarse + fine - 1.0).to(torch.float64)


def redraw(network):
    """Weights of deviation sqrt(2 / fan in), and biases, scales and shifts that show."""
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1:
            fan = parameter[0].numel()
            parameter.data = exact(parameter.shape, (2.0 / fan) ** 0.5)
        else:
            is_scale = name.endswith("weight")
            parameter.data = exact(parameter.shape, 0.1, 1.0 if is_scale else 0.0)


class Names:
    """fledge's names of a network's parameters."""

    def __init__(self, networks):
        self.networks = networks

    def of(self, network):
        named = {}

        def add(name, module):
            norm = isinstance(module, torch.nn.BatchNorm2d)
            for leaf, ours in (("weight", "gamma" if norm else "weight"), ("bias", "beta" if norm else "bias")):
                if getattr(module, leaf, None) is not None:
                    named[f"{name}.{ours}"] = getattr(module, leaf)

        kind = type(network).__name__
        parts = lambda modules: [m for m in modules if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))]
        norms = (torch.nn.BatchNorm2d, torch.nn.InstanceNorm2d)
        if kind == "UnetGenerator":
            block, level = network.model, 0
            while block is not None:
                modules = list(block.model)
                convs = parts(modules)
                add(f"down.{level}.conv", convs[0])
                add(f"up.{level}.conv", convs[1])
                inner = next((m for m in modules if type(m).__name__ == "UnetSkipConnectionBlock"), None)
                places = [i for i, m in enumerate(modules) if isinstance(m, norms)]
                down = modules.index(convs[0]) + 1
                for i in places:
                    add(f"{'down' if i == down else 'up'}.{level}.norm", modules[i])
                block, level = inner, level + 1
        elif kind == "ResnetGenerator":
            convs, blocks = [], 0
            for module in network.model:
                if type(module).__name__ == "ResnetBlock":
                    first, second = parts(module.conv_block)
                    add(f"blocks.{blocks}.first.conv", first)
                    add(f"blocks.{blocks}.second.conv", second)
                    blocks += 1
                elif parts([module]):
                    convs.append(module)
            places = ["down.0.conv", "down.1.conv", "down.2.conv", "up.0.conv", "up.1.conv", "out"]
            for name, module in zip(places, convs, strict=True):
                add(name, module)
        elif kind in ("NLayerDiscriminator", "PixelDiscriminator"):
            modules = list(network.model if kind == "NLayerDiscriminator" else network.net)
            convs = parts(modules)
            for i, conv in enumerate(convs[:-1]):
                add(f"down.{i}.conv", conv)
                after = modules[modules.index(conv) + 1]
                if isinstance(after, norms):
                    add(f"down.{i}.norm", after)
            add("out", convs[-1])
        elif kind == "PatchSampleF":
            heads = sorted(name for name, _ in network.named_children() if name.startswith("mlp_"))
            for i, head in enumerate(heads):
                first, _, second = getattr(network, head)
                add(f"heads.{i}.first", first)
                add(f"heads.{i}.second", second)
        else:
            raise ValueError(kind)
        assert len(named) == len(list(network.parameters())), kind
        return named


def numpy(tensor):
    return tensor.detach().to(torch.float32).contiguous().numpy().copy()


class Golden:
    def __init__(self):
        self.tensors, self.zero, self.states = {}, [], {}

    def add(self, key, tensor):
        self.tensors[key] = numpy(tensor)

    def gradients(self, prefix, named):
        largest = max(float(p.grad.abs().max()) for p in named.values())
        for name, parameter in named.items():
            self.add(f"{prefix}.{name}", parameter.grad)
            if float(parameter.grad.abs().max()) < 1e-9 * largest:
                self.zero.append(f"{prefix}.{name}")

    def write(self, path, metadata):
        save_file(self.tensors, path, metadata | {"zero": json.dumps(self.zero)})
        print(path, len(self.tensors), "tensors,", os.path.getsize(path) >> 10, "KiB,", len(self.zero), "zero")


def case(golden, names, name, network, x, layers=()):
    redraw(network)
    network.train()
    x.requires_grad_(True)
    y = network(x)
    is_logits = y.shape[1] == 1
    y = y.flatten(1) if is_logits else y
    probe = exact(y.shape)
    (y * probe).sum().backward()
    named = names.of(network)
    for weight, parameter in named.items():
        golden.add(f"{name}.weight.{weight}", parameter)
    for key, value in (("x", x), ("y", y), ("probe", probe), ("grad_x", x.grad)):
        golden.add(f"{name}.{key}", value)
    golden.gradients(f"{name}.grad", named)
    if not is_logits:
        golden.states[name] = {key: value.float() for key, value in network.state_dict().items()}
    if layers:
        # The activations overwrite their input, which is a feature of some layers.
        features = network(x.detach(), list(layers), encode_only=True)
        for layer, feature in zip(layers, features, strict=True):
            golden.add(f"{name}.feature.{layer}", feature)


def drop(rate):
    """Dropout with the masks of fledge's stream."""
    draws = stream(0, "dropout generator", 0)

    def apply(x, p=rate, training=True, inplace=False):
        kept = torch.tensor(draws.uniforms(x.numel()) >= p, dtype=x.dtype).reshape(x.shape)
        return x * kept / (1.0 - p)

    return apply


def step(golden, names, model, roles, losses, prepare=lambda model: None):
    """One step of a model: its weights before, its gradients, its losses."""
    for attribute in roles.values():
        redraw(getattr(model, attribute))
    prepare(model)
    for role, attribute in roles.items():
        for name, parameter in names.of(getattr(model, attribute)).items():
            golden.add(f"{role}.weight.{name}", parameter)
    model.optimize_parameters()
    for role, attribute in roles.items():
        golden.gradients(f"{role}.grad", names.of(getattr(model, attribute)))
    for key, attribute in losses.items():
        golden.add(f"loss.{key}", torch.as_tensor(getattr(model, attribute)))


def main(source, pix2pix, out):
    check()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    torch.set_num_threads(2)
    networks, cut_model, cycle_model, image_pool = load(source)
    names = Names(networks)
    commit = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    metadata = {"torch": torch.__version__, "source_commit": commit or os.environ.get("SOURCE_COMMIT", "")}
    os.makedirs(out, exist_ok=True)
    batch, instance = networks.get_norm_layer("batch"), networks.get_norm_layer("instance")

    golden = Golden()
    unet = lambda norm: networks.UnetGenerator(3, 3, 6, 2, norm_layer=norm, use_dropout=False)
    case(golden, names, "unet", unet(batch), pictures(2, 3, 64))
    case(golden, names, "unet.instance", unet(instance), pictures(2, 3, 64))
    strided = networks.ResnetGenerator(3, 3, 4, instance, n_blocks=5, no_antialias=True, no_antialias_up=True)
    blurred = networks.ResnetGenerator(3, 3, 4, instance, n_blocks=5)
    # Layers 2 and 8 are normalisations that an activation overwrites.
    case(golden, names, "resnet", strided, pictures(2, 3, 32), (0, 2, 4, 8, 12))
    case(golden, names, "resnet.antialias", blurred, pictures(2, 3, 32), (0, 4, 8, 11, 12, 16))
    patches = lambda channels, norm, antialias: networks.NLayerDiscriminator(
        channels, 4, 3, norm_layer=norm, no_antialias=not antialias)
    case(golden, names, "patchgan", patches(6, batch, False), pictures(2, 6, 64))
    case(golden, names, "patchgan.instance", patches(3, instance, False), pictures(2, 3, 64))
    case(golden, names, "patchgan.antialias", patches(3, instance, True), pictures(2, 3, 64))
    case(golden, names, "patchgan.pixel", networks.PixelDiscriminator(6, 4, norm_layer=batch), pictures(2, 6, 16))
    golden.write(f"{out}/networks.safetensors", metadata)
    for name, state in golden.states.items():
        # As `save_networks` writes a generator, latest_net_G.pth.
        torch.save(state, f"{out}/{name}.pth")

    kind = pix2pix_model(
        pix2pix, networks, lambda: networks.UnetGenerator(3, 3, 6, 2, norm_layer=batch, use_dropout=True),
        lambda inputs: networks.NLayerDiscriminator(inputs, 4, 3, norm_layer=batch, no_antialias=True))
    golden = Golden()
    model = kind(options(norm="batch", gan_mode="vanilla", pool_size=0, lambda_L1=100.0))
    a, b = pictures(2, 3, 64), pictures(2, 3, 64)
    model.set_input({"A": a, "B": b, "A_paths": "", "B_paths": ""})
    golden.add("a", a)
    golden.add("b", b)
    dropout = torch.nn.functional.dropout
    torch.nn.functional.dropout = drop(0.5)
    # The fake is made once.
    step(golden, names, model, {"generator": "netG", "discriminator": "netD"},
         {"g": "loss_G", "gan": "loss_G_GAN", "l1": "loss_G_L1", "d": "loss_D"})
    torch.nn.functional.dropout = dropout
    golden.write(f"{out}/pix2pix.safetensors", metadata)

    golden = Golden()
    networks.define_G = lambda *a, **k: networks.ResnetGenerator(
        3, 3, 4, instance, n_blocks=2, no_antialias=True, no_antialias_up=True)
    model = cycle_model.CycleGANModel(options(lambda_A=10.0, lambda_B=7.0, lambda_identity=0.5))
    a, b = pictures(2, 3, 32), pictures(2, 3, 32)
    model.set_input({"A": a, "B": b, "A_paths": "", "B_paths": ""})
    golden.add("a", a)
    golden.add("b", b)
    # In the source, D_A judges B.
    step(golden, names, model,
         {"generator_ab": "netG_A", "generator_ba": "netG_B", "discriminator_a": "netD_B", "discriminator_b": "netD_A"},
         {"g": "loss_G", "gan_ab": "loss_G_A", "gan_ba": "loss_G_B", "cycle_a": "loss_cycle_A",
          "cycle_b": "loss_cycle_B", "identity_b": "loss_idt_A", "identity_a": "loss_idt_B", "d_a": "loss_D_B",
          "d_b": "loss_D_A"})
    golden.write(f"{out}/cyclegan.safetensors", metadata)

    networks.define_G = lambda *a, **k: networks.ResnetGenerator(3, 3, 4, instance, n_blocks=5)
    permuted = np.random.permutation
    for name, weight, identity, flip in (("cut", 1.0, True, False), ("fastcut", 10.0, False, True)):
        golden = Golden()
        model = cut_model.CUTModel(options(
            nce_layers="0,4,8,12,16", nce_idt=identity, netF="mlp_sample", netF_nc=8, lambda_GAN=1.0, lambda_NCE=weight,
            nce_T=0.07, num_patches=16, flip_equivariance=flip, batch_size=2, no_antialias=False,
            no_antialias_up=False, nce_includes_all_negatives_from_minibatch=False))
        a, b = pictures(2, 3, 32), pictures(2, 3, 32)
        golden.add("a", a)
        golden.add("b", b)

        def prepare(model):
            # The projector is made on its first call; then as in data_dependent_initialize.
            np.random.permutation = permuted
            model.netF(model.netG(a, model.nce_layers, encode_only=True), 16, None)
            redraw(model.netF)
            model.optimizer_F = torch.optim.Adam(model.netF.parameters(), lr=2e-4, betas=(0.5, 0.999))
            layers = itertools.count()
            order = ["patches"] * 5 + ["own patches"] * 5

            def permutation(count):
                i = next(layers)
                draws, order_of = stream(0, f"{order[i]} of layer {i % 5}", 0), list(range(count))
                for k in range(count - 1, 0, -1):
                    j = draws.below(k + 1)
                    order_of[k], order_of[j] = order_of[j], order_of[k]
                return np.array(order_of)

            np.random.permutation = permutation
            np.random.random = lambda: stream(0, "mirrored sources", 0).uniform()

        model.set_input({"A": a, "B": b, "A_paths": "", "B_paths": ""})
        roles = {"generator": "netG", "discriminator": "netD", "projector": "netF"}
        losses = {"g": "loss_G", "gan": "loss_G_GAN", "nce": "loss_NCE", "d": "loss_D"}
        if identity:
            losses["identity"] = "loss_NCE_Y"
        step(golden, names, model, roles, losses, prepare)
        golden.add("mirrored", torch.as_tensor(float(getattr(model, "flipped_for_equivariance", False))))
        golden.write(f"{out}/{name}.safetensors", metadata)

    golden = Golden()
    for size in (5, 50):
        pool, given = image_pool.ImagePool(size), []
        for i in range(200):
            draws = stream(0, "pool", i)
            random.uniform = lambda low, high: draws.uniform()
            random.randint = lambda low, high: draws.below(high - low + 1)
            given.append(float(pool.query(torch.full((1, 1, 2, 2), float(i)))[0, 0, 0, 0]))
        golden.add(f"given.{size}", torch.tensor(given))
    for constant, falling in ((100, 100), (3, 4), (150, 50)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = Namespace(lr_policy="linear", epoch_count=1, n_epochs=constant, n_epochs_decay=falling)
        scheduler, factors = networks.get_scheduler(optimizer, schedule), []
        for _ in range(constant + falling):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        golden.add(f"rate.{constant}.{falling}", torch.tensor(factors))
    golden.write(f"{out}/pool.safetensors", metadata)


if __name__ == "__main__":
    main(*sys.argv[1:4])
