#!/usr/bin/env python3
"""Runs the CUDA build of `train` where there is no GPU, on a driver that computes nothing (tools/fake_driver), and has NVIDIA's own
assembler check every kernel that it loads; says how often a step launches kernels and waits for the device.

usage: check_ptx.py --train target/release/train --prep target/release/prep --cuda VENV [--arch 80 90] [--presets gan-ada …]

VENV is a virtual environment with the packages `nvidia-cuda-nvcc` (ptxas) and `nvidia-nvvm` (libdevice); `make ptx-check` sets it up. The numbers
that such a run computes are without meaning: the arithmetic is checked by `train check` on a device that computes.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
STEPS = 16  # between the two runs that are compared


def library(folder: Path) -> Path:
    """The fake driver: driver.c and a function that counts for everything else in cudarc's list of the driver's functions."""
    root = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    lists = sorted(root.glob("registry/src/*/cudarc-*/src/driver/sys/mod.rs"))
    if not lists:
        sys.exit("check_ptx.py: the sources of cudarc are not there; build with --features cuda first")
    names = sorted(set(re.findall(r"fn (cu[A-Z]\w*)\(", lists[-1].read_text())))
    own = (HERE / "fake_driver/driver.c").read_text()
    defined = set(re.findall(r"^int (cu\w+)\(", own, re.M))
    rest = "".join(f'int {name}() {{ count("{name}"); return 0; }}\n' for name in names if name not in defined)
    source, target = folder / "driver.c", folder / "libcuda.so.1"
    source.write_text(own + rest)
    subprocess.run(["cc", "-O1", "-w", "-shared", "-fPIC", source, "-o", target, "-lpthread"], check=True)
    return target


def toolkit(venv: Path) -> tuple[Path, Path]:
    """ptxas, and the folder that CUDA_PATH names."""
    assemblers, libraries = sorted(venv.glob("**/bin/ptxas")), sorted(venv.glob("**/nvvm/libdevice/libdevice.10.bc"))
    if not assemblers or not libraries:
        sys.exit(f"check_ptx.py: {venv} holds no ptxas or no libdevice: pip install nvidia-cuda-nvcc nvidia-nvvm")
    return assemblers[-1], libraries[-1].parents[2]


def run(args, folder: Path, data: Path, preset: str, arch: int, cuda: Path, steps: int, precision: str, ptx: Path | None) -> dict[str, int]:
    """How often each function of the driver was called in a run of so many steps."""
    counts, out = folder / "counts", folder / "run"
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(folder),
        "CUDA_PATH": str(cuda),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "FAKE_CUDA_ARCH": str(arch),
        "FAKE_CUDA_COUNTS": str(counts),
    }
    if ptx is not None:
        environment["FAKE_CUDA_PTX"] = str(ptx)
    # Saving reads everything; it happens at the end of either run alone.
    small = ["generator.width=16", "discriminator.width=16", "schedule.batch=16"]
    small += ["evaluation.every=0", "samples.every=0", "checkpoints.every=1000000"]
    sets = [word for setting in [*small, f"schedule.precision={precision}"] for word in ("--set", setting)]
    command = [args.train, "--preset", preset, "--data", data, "--out", out, "--steps", str(steps), "--device", "cuda", "--restart"]
    done = subprocess.run([*command, *sets], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"check_ptx.py: {preset} on sm_{arch} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return {name: int(calls) for name, calls in (line.split("\t") for line in counts.read_text().splitlines())}


def assemble(ptxas: Path, folder: Path) -> tuple[int, list[str]]:
    """How many modules there are, and what the assembler has against some."""
    modules = sorted(folder.glob("*.ptx"))
    refused = []
    for module in modules:
        target = re.search(r"^\.target (\w+)", module.read_text(), re.M)[1]
        done = subprocess.run([ptxas, f"-arch={target}", module, "-o", "/dev/null"], capture_output=True, text=True)
        if done.returncode != 0:
            name = re.search(r"\.entry (\w+)", module.read_text())[1]
            refused.append(f"{name}: {done.stderr.strip().splitlines()[0]}")
    return len(modules), refused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, type=Path)
    parser.add_argument("--prep", required=True, type=Path)
    parser.add_argument("--cuda", required=True, type=Path)
    parser.add_argument("--arch", nargs="+", type=int, default=[90])
    parser.add_argument("--presets", nargs="+", default=["gan-ada"])
    parser.add_argument("--precisions", nargs="+", default=["f32", "tf32", "bf16"])
    parser.add_argument("--kernels", action="store_true", help="list the kernels of a step on stderr")
    args = parser.parse_args()
    ptxas, cuda = toolkit(args.cuda)
    failed = False
    print("| preset | sm | precision | modules | refused | launches a step | uploads | reads | waits |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        library(folder)
        drawn, data = folder / "drawn", folder / "data"
        quiet = {"check": True, "capture_output": True}
        subprocess.run([args.prep, "synth", "--out", drawn, "-n", "200"], **quiet)
        subprocess.run([args.prep, "build", drawn, "--out", data, "--size", "64"], **quiet)
        for preset in args.presets:
            for arch in args.arch:
                for precision in args.precisions:
                    ptx = folder / f"{preset}-{arch}-{precision}"
                    ptx.mkdir()
                    run(args, folder, data, preset, arch, cuda, 2, precision, ptx)
                    modules, refused = assemble(ptxas, ptx)
                    few = run(args, folder, data, preset, arch, cuda, STEPS, precision, None)
                    more = run(args, folder, data, preset, arch, cuda, 2 * STEPS, precision, None)
                    step = lambda *names: sum(more.get(n, 0) - few.get(n, 0) for n in names) / STEPS
                    launches = step("cuLaunchKernel", "cuLaunchKernelEx")
                    waits = step("cuEventSynchronize", "cuStreamSynchronize", "cuCtxSynchronize")
                    print(
                        f"| {preset} | {arch} | {precision} | {modules} | {len(refused)} | {launches:.1f} | {step('HtoD'):.1f} | "
                        f"{step('DtoH'):.1f} | {waits:.1f} |",
                        flush=True,
                    )
                    if args.kernels:
                        names = {re.sub(r"_[0-9a-f]{8}$", "", n) for n in more if n.startswith("kernel ")}
                        each = {n: step(*(full for full in more if re.sub(r"_[0-9a-f]{8}$", "", full) == n)) for n in names}
                        for name, launched in sorted(each.items(), key=lambda item: -item[1]):
                            print(f"{launched:8.2f} {name.removeprefix('kernel ')}", file=sys.stderr)
                    for line in refused:
                        print(line, file=sys.stderr)
                    failed = failed or bool(refused) or modules == 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
