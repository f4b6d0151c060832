"""One measurement of a translator's training step in PyTorch by its original code, the counterpart of `train throughput
train pix2pix|cyclegan|cut|fastcut`: pictures of A per second.

usage: bench_translate.py train pix2pix|cyclegan|cut|fastcut --original CLONE --pix2pix pix2pix_model.py
                          [--size 64] [--width 64] [--batch 1] [--seconds 20] [--channels-last]

CLONE and pix2pix_model.py: see `original_translate.py`. Networks, losses and optimizers are the original's; pictures are
drawn once. Prints its result as the last line, as bench_torch.py does.
"""
import argparse
import json
import time

import torch

from original_translate import load, options, pix2pix_model


def model_of(args):
    networks, cut_model, cycle_model, _ = load(args.original)
    batch, instance = networks.get_norm_layer("batch"), networks.get_norm_layer("instance")
    width, blocks = args.width, 6 if args.size <= 128 else 9
    sizes = dict(ngf=width, ndf=width)
    if args.preset == "pix2pix":
        levels = args.size.bit_length() - 1
        unet = lambda: networks.UnetGenerator(3, 3, levels, width, norm_layer=batch, use_dropout=True)
        patches = lambda inputs: networks.NLayerDiscriminator(inputs, width, 3, norm_layer=batch, no_antialias=True)
        kind = pix2pix_model(args.pix2pix, networks, unet, patches)
        return kind(options(norm="batch", gan_mode="vanilla", pool_size=0, lambda_L1=100.0, **sizes))
    cycle = args.preset == "cyclegan"
    antialias = dict(no_antialias=cycle, no_antialias_up=cycle)
    networks.define_G = lambda *a, **k: networks.ResnetGenerator(3, 3, width, instance, n_blocks=blocks, **antialias)
    if cycle:
        return cycle_model.CycleGANModel(options(lambda_A=10.0, lambda_B=10.0, lambda_identity=0.5, **sizes))
    fast = args.preset == "fastcut"
    return cut_model.CUTModel(options(
        nce_layers="0,4,8,12,16", nce_idt=not fast, netF="mlp_sample", netF_nc=256, lambda_GAN=1.0,
        lambda_NCE=10.0 if fast else 1.0, nce_T=0.07, num_patches=256, flip_equivariance=fast, batch_size=args.batch,
        nce_includes_all_negatives_from_minibatch=False, **antialias, **sizes))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["train"])
    parser.add_argument("preset")
    parser.add_argument("--original", required=True)
    parser.add_argument("--pix2pix", required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    model = model_of(args)
    memory = torch.channels_last if args.channels_last else torch.contiguous_format
    a, b = (torch.rand(args.batch, 3, args.size, args.size).mul(2).sub(1).to(memory_format=memory) for _ in range(2))
    given = {"A": a, "B": b, "A_paths": "", "B_paths": ""}
    if args.preset in ("cut", "fastcut"):
        model.data_dependent_initialize(given)
    for name in model.model_names:
        getattr(model, "net" + name).to(memory_format=memory)
    rates, begun = [], time.perf_counter()
    warm = 2
    while len(rates) < 3 or time.perf_counter() - begun < args.seconds:
        start = time.perf_counter()
        model.set_input(given)
        model.optimize_parameters()
        if warm:
            warm, begun = warm - 1, time.perf_counter()
            continue
        rates.append(args.batch / (time.perf_counter() - start))
    print(json.dumps({"pictures_per_second": rates, "threads": torch.get_num_threads(), "version": torch.__version__}))


if __name__ == "__main__":
    main()
