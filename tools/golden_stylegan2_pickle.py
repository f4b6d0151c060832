"""Network files of other programs with drawn weights, and the pictures that stylegan2-ada-pytorch makes of them.

    golden_stylegan2_pickle.py SOURCE OUT   SOURCE: a git clone of NVlabs/stylegan2-ada-pytorch
                                            OUT: shared/runs/tests/golden/stylegan2

Needs torch (a CPU is enough), numpy, requests, scipy (for the original) and safetensors. The original's own classes, its
`persistence` and `pickle.dump` write the files, as its training loop does. `module_src`, into which `persistence` puts
the source text of the original, is empty in them: it is taken from all persistent classes before anything is written.
Readers that execute nothing lose nothing by it; the original itself cannot open these files.

plain.pkl       without labels, 16x16x3; G skip, D resnet, as of `train.py --cfg=stylegan2 --mirror=1`
labels.pkl      with 3 classes, 16x16x1; G resnet, D skip, channels_last, clamp 2, D's first layers frozen; a pipe of ADA;
                by protocol 3, the default of Python 3.7, which wrote the published networks
rosinality.pt   the weights of plain.pkl under the names of rosinality/stylegan2-pytorch, whose modulated convolutions,
                filters and activations are equal but for rounding; with what its training saves beside them: the states
                of Adam, the flags, a strength of augmentation

pictures.safetensors, of G_ema as `generate.py` makes them but in f32 (`force_fp32`): seeds 0 to 15 with
`z = RandomState(seed).randn(1, z_dim)`, noise const, class seed % 3

    NAME.PSI.pictures   [16, C, 16, 16] u8 at truncation PSI, 1 or 0.7
    NAME.PSI.values     [16, C, 16, 16] f32 before they are rounded, nominally in [-1, 1]
    latents             [3, 5] f64: the first numbers of RandomState(seed).randn(1, 512) for the seeds 0, 7, 4294967295
    latents.array       [5] f64: of RandomState([5, 1]), for seeds that are no u32: their words, the lowest first

Metadata: versions, `source_commit`.
"""
import argparse
import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from golden_stylegan2 import fill

SEEDS, SIZE = range(16), 16
PLAIN = {
    "generator": {"c_dim": 0, "img_channels": 3, "z_dim": 8, "w_dim": 8, "mapping_kwargs": {"num_layers": 2},
                  "synthesis_kwargs": {"channel_base": 128, "channel_max": 10, "num_fp16_res": 4, "conv_clamp": 256}},
    "discriminator": {"c_dim": 0, "img_channels": 3, "channel_base": 128, "channel_max": 10, "num_fp16_res": 4,
                      "conv_clamp": 256, "block_kwargs": {}, "mapping_kwargs": {},
                      "epilogue_kwargs": {"mbstd_group_size": 8}},
}
LABELS = {
    "generator": {"c_dim": 3, "img_channels": 1, "z_dim": 6, "w_dim": 9, "mapping_kwargs": {"num_layers": 3},
                  "synthesis_kwargs": {"channel_base": 60, "channel_max": 9, "num_fp16_res": 4, "conv_clamp": 2,
                                       "architecture": "resnet", "fp16_channels_last": True}},
    "discriminator": {"c_dim": 3, "img_channels": 1, "channel_base": 60, "channel_max": 9, "num_fp16_res": 4,
                      "conv_clamp": 2, "architecture": "skip", "mapping_kwargs": {"num_layers": 2},
                      "block_kwargs": {"freeze_layers": 2, "fp16_channels_last": True},
                      "epilogue_kwargs": {"mbstd_group_size": 4}},
}


def original(folder):
    sys.path.insert(0, folder)
    import dnnlib
    from torch_utils import persistence
    from training import augment, networks

    return dnnlib, persistence, augment, networks


def made(dnnlib, networks, kwargs, seed):
    """G, D and G_ema as `training_loop.py` builds them, with drawn weights."""
    common = {"img_resolution": SIZE}
    kwargs = {name: dnnlib.EasyDict(copy.deepcopy(values)) for name, values in kwargs.items()}
    g = networks.Generator(**kwargs["generator"], **common)
    d = networks.Discriminator(**kwargs["discriminator"], **common)
    ema = copy.deepcopy(g)
    nets = {"G": g, "D": d, "G_ema": ema}
    return {name: fill(net, torch.float32, seed + i).eval().requires_grad_(False)
            for i, (name, net) in enumerate(nets.items())}


def dump(path, nets, pipe, protocol, dnnlib, **training_set):
    training_set = dnnlib.EasyDict(class_name="training.dataset.ImageFolderDataset", path="data.zip", **training_set)
    with open(path, "wb") as f:
        pickle.dump(dict(nets, augment_pipe=pipe, training_set_kwargs=training_set), f, protocol=protocol)
    with open(path, "rb") as f:
        assert b"NVIDIA CORPORATION" not in f.read()


def pictures(g, classes, out, name):
    for psi in (1, 0.7):
        values, rounded = [], []
        for seed in SEEDS:
            z = torch.from_numpy(np.random.RandomState(seed).randn(1, g.z_dim))
            label = torch.zeros([1, g.c_dim])
            if classes:
                label[:, seed % classes] = 1
            x = g(z, label, truncation_psi=psi, noise_mode="const", force_fp32=True)
            values.append(x[0].numpy())
            rounded.append((x * 127.5 + 128).clamp(0, 255).to(torch.uint8)[0].numpy())
        out[f"{name}.{psi}.values"] = np.stack(values)
        out[f"{name}.{psi}.pictures"] = np.stack(rounded)
        inside = np.logical_and(out[f"{name}.{psi}.pictures"] > 0, out[f"{name}.{psi}.pictures"] < 255).mean()
        print(f"{name}, psi {psi}: {inside:.0%} of the values are inside the interval")
        assert inside > 0.5, "too many values are cut off to tell anything"


# ------------------------------------------------------------------------------------- rosinality/stylegan2-pytorch
def modulated(ours, theirs, weights, out):
    out[f"{theirs}.conv.weight"] = weights[f"{ours}.weight"][None]
    for part in ("weight", "bias"):
        out[f"{theirs}.conv.modulation.{part}"] = weights[f"{ours}.affine.{part}"]


def styled(ours, theirs, weights, out):
    modulated(ours, theirs, weights, out)
    out[f"{theirs}.noise.weight"] = weights[f"{ours}.noise_strength"].reshape(1)
    out[f"{theirs}.activate.bias"] = weights[f"{ours}.bias"]


def to_rgb(ours, theirs, weights, out):
    modulated(ours, theirs, weights, out)
    out[f"{theirs}.bias"] = weights[f"{ours}.bias"][None, :, None, None]


def kernel(gain):
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 64 * gain


def rosinality_generator(weights, layers):
    out = {"input.input": weights["synthesis.b4.const"][None]}
    for i in range(layers):
        for part in ("weight", "bias"):
            out[f"style.{i + 1}.{part}"] = weights[f"mapping.fc{i}.{part}"]
    styled("synthesis.b4.conv1", "conv1", weights, out)
    to_rgb("synthesis.b4.torgb", "to_rgb1", weights, out)
    out["noises.noise_0"] = weights["synthesis.b4.conv1.noise_const"][None, None]
    for j, extent in enumerate((8, 16)):
        for k in (0, 1):
            styled(f"synthesis.b{extent}.conv{k}", f"convs.{2 * j + k}", weights, out)
            noise = weights[f"synthesis.b{extent}.conv{k}.noise_const"]
            out[f"noises.noise_{2 * j + k + 1}"] = noise[None, None]
        out[f"convs.{2 * j}.conv.blur.kernel"] = kernel(4)
        to_rgb(f"synthesis.b{extent}.torgb", f"to_rgbs.{j}", weights, out)
        out[f"to_rgbs.{j}.upsample.kernel"] = kernel(4)
    return out


def rosinality_discriminator(weights):
    out = {"convs.0.0.weight": weights["b16.fromrgb.weight"], "convs.0.1.bias": weights["b16.fromrgb.bias"]}
    for i, extent in enumerate((16, 8), start=1):
        b = f"b{extent}"
        out |= {
            f"convs.{i}.conv1.0.weight": weights[f"{b}.conv0.weight"],
            f"convs.{i}.conv1.1.bias": weights[f"{b}.conv0.bias"],
            f"convs.{i}.conv2.0.kernel": kernel(1),
            f"convs.{i}.conv2.1.weight": weights[f"{b}.conv1.weight"],
            f"convs.{i}.conv2.2.bias": weights[f"{b}.conv1.bias"],
            f"convs.{i}.skip.0.kernel": kernel(1),
            f"convs.{i}.skip.1.weight": weights[f"{b}.skip.weight"],
        }
    out |= {"final_conv.0.weight": weights["b4.conv.weight"], "final_conv.1.bias": weights["b4.conv.bias"]}
    for i, layer in enumerate(("fc", "out")):
        for part in ("weight", "bias"):
            out[f"final_linear.{i}.{part}"] = weights[f"b4.{layer}.{part}"]
    return out


def rosinality(nets, path):
    state = {name: net.state_dict() for name, net in nets.items()}
    g, g_ema = (rosinality_generator(state[name], 2) for name in ("G", "G_ema"))
    flag = torch.nn.Parameter(torch.zeros(2))
    flag.grad = torch.ones(2)
    adam = torch.optim.Adam([flag])
    adam.step()
    torch.save({"g": g, "d": rosinality_discriminator(state["D"]), "g_ema": g_ema, "g_optim": adam.state_dict(),
                "d_optim": adam.state_dict(), "args": argparse.Namespace(size=SIZE, latent=8, n_mlp=2, r1=10.0),
                "ada_aug_p": 0.25, "latent_avg": state["G_ema"]["mapping.w_avg"]}, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", metavar="SOURCE", help="a git clone of NVlabs/stylegan2-ada-pytorch")
    parser.add_argument("out", metavar="OUT", help="folder of the files")
    args = parser.parse_args()
    torch.set_num_threads(1)
    dnnlib, persistence, augment, networks = original(args.source)
    commit = subprocess.check_output(["git", "-C", args.source, "rev-parse", "HEAD"], text=True).strip()
    os.makedirs(args.out, exist_ok=True)
    out = {}
    plain = made(dnnlib, networks, PLAIN, 6000)
    labelled = made(dnnlib, networks, LABELS, 6100)
    pipe = augment.AugmentPipe(xflip=1, scale=1, imgfilter=1).eval().requires_grad_(False)
    for nets in (plain, labelled):
        for name in ("G", "G_ema"):
            for block in nets[name].synthesis.children():
                if hasattr(block, "torgb"):
                    block.torgb.weight.mul_(0.15)
    pictures(plain["G_ema"], 0, out, "plain")
    pictures(labelled["G_ema"], 3, out, "labels")
    for persistent in persistence._decorators:
        persistent._orig_module_src = ""
    dump(os.path.join(args.out, "plain.pkl"), plain, None, 4, dnnlib, resolution=SIZE, use_labels=False, xflip=True)
    dump(os.path.join(args.out, "labels.pkl"), labelled, pipe, 3, dnnlib, resolution=SIZE, use_labels=True, xflip=False)
    rosinality(plain, os.path.join(args.out, "rosinality.pt"))
    out["latents"] = np.stack([np.random.RandomState(seed).randn(1, 512)[0, :5] for seed in (0, 7, 2**32 - 1)])
    out["latents.array"] = np.random.RandomState([5, 1]).randn(1, 512)[0, :5]
    save_file(out, os.path.join(args.out, "pictures.safetensors"), metadata={
        "script": "tools/golden_stylegan2_pickle.py", "torch": torch.__version__, "numpy": np.__version__,
        "source_commit": commit})
    for file in sorted(os.listdir(args.out)):
        print(file, os.path.getsize(os.path.join(args.out, file)), "bytes")


if __name__ == "__main__":
    main()
