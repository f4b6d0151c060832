"""Measures fledge and PyTorch in turns on one GPU, prints one table, and compares the GPU with the CPU (`train check`).

usage: bench_gpu.py [--fledge train] [--python python3] [--device cuda:0] [--minutes 8] [--check-minutes 2] [--rounds 1] [--seconds 4]
                    [--only TEXT] [--write PERFORMANCE.md] [--tiny]

It builds nothing: the program `train` lies beside it (`make bench-gpu-kit` packs both) or in target/release. Nothing but Python's own
library is needed here; PyTorch is asked for by its own processes, and where it is not installed its rows say so.

Every measurement is a process of its own. For each workload, the most important first, all sides run in turn:

    fledge f32, tf32, bf16    as far as the program can choose
    PyTorch eager             f32 as it comes: convolutions in tf32
    PyTorch tuned             channels last, cuDNN benchmark, autocast to bf16
    PyTorch compiled          the same networks through torch.compile

Pictures per second are the median over windows of several steps, each ended by waiting for the device; a ratio is to PyTorch's best in
the same workload. Busy is the driver's own share of time in which a kernel ran, memory the most that the device had in use beyond what it
had before. The first step holds the compilation of kernels, the warm-up all steps before the measurement. What fails is printed as such and
the rest goes on; what the time did not suffice for is named at the end. With --device cpu both sides run on the CPU: with --tiny, a test
of this script.
"""
import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- bench-gpu: begin -->", "<!-- bench-gpu: end -->"
# A measurement that takes longer hangs.
LONGEST = 240.0
# How long a side's first measurement is taken to last, before one is known.
GUESS = {"PyTorch compiled": 75.0}


def workload(what, preset, size, width, batch):
    flags = [what, preset, "--size", str(size), "--width", str(width), "--batch", str(batch)]
    name = {"train": f"{preset}, {size}×{size}, width {width}, batch {batch}", "generate": f"{preset} generation, {size}×{size}, {batch} at a time",
            "features": f"InceptionV3 features of {size}×{size} pictures, batch {batch}"}[what]
    return name, flags


def workloads(tiny):
    """In the order of importance."""
    if tiny:
        return [workload("train", "gan-ada", 32, 8, 4), workload("train", "wgan-gp", 32, 4, 4), workload("features", "gan-ada", 32, 8, 2)]
    rows = [workload("train", "gan-ada", 64, 128, 128), workload("train", "gan-ada", 128, 128, 128), workload("features", "gan-ada", 64, 128, 64),
            workload("train", "dcgan-tf", 64, 64, 128), workload("train", "wgan-gp", 64, 64, 128)]
    for batch in (512, 32):
        rows += [workload("train", "gan-ada", size, 128, batch) for size in (64, 128)]
    rows += [workload("generate", "gan-ada", 64, 128, 64), workload("train", "dcgan-anime", 96, 64, 128)]
    for size in (64, 128):
        for preset in ("dcgan-tf", "wgan-gp"):
            rows += [workload("train", preset, size, 64, batch) for batch in (128, 512, 32)]
    return list(dict(rows).items())


class Gpu:
    """What the driver says of one GPU, by NVML, or by `nvidia-smi` where that library is not found; nothing without a GPU."""

    class Rates(ctypes.Structure):
        _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]

    class Memory(ctypes.Structure):
        _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]

    def __init__(self, device):
        self.index = int(device.split(":")[1]) if ":" in device else 0
        self.nvml, self.handle = None, ctypes.c_void_p()
        self.present = device.startswith("cuda")
        if not self.present:
            return
        try:
            nvml = ctypes.CDLL("libnvidia-ml.so.1")
            if nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByIndex_v2(self.index, ctypes.byref(self.handle)) == 0:
                self.nvml = nvml
        except (OSError, AttributeError):
            pass

    def ask(self, *what):
        command = ["nvidia-smi", f"--id={self.index}", f"--query-gpu={','.join(what)}", "--format=csv,noheader,nounits"]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip().split(", ")
        except (OSError, subprocess.SubprocessError):
            return None

    def name(self):
        return ", driver ".join(self.ask("name", "driver_version") or ["a GPU that nvidia-smi does not name"]) if self.present else None

    def sample(self):
        """Share of time a kernel ran, and memory in use in MB; None where nobody says."""
        if self.nvml:
            rates, memory = self.Rates(), self.Memory()
            if (self.nvml.nvmlDeviceGetUtilizationRates(self.handle, ctypes.byref(rates)) == 0
                    and self.nvml.nvmlDeviceGetMemoryInfo(self.handle, ctypes.byref(memory)) == 0):
                return rates.gpu / 100, memory.used / 2**20
        found = self.ask("utilization.gpu", "memory.used") if self.present else None
        try:
            return (float(found[0]) / 100, float(found[1])) if found else None
        except ValueError:
            return None


class Watch(threading.Thread):
    """Samples a GPU in the background: its memory from the beginning on, how busy it is while `measuring`."""

    def __init__(self, gpu):
        super().__init__(daemon=True)
        self.gpu, self.stopped, self.measuring = gpu, threading.Event(), False
        self.busy, self.peak = [], 0.0
        self.before = (gpu.sample() or (0, 0.0))[1]

    def run(self):
        while not self.stopped.wait(0.1):
            found = self.gpu.sample()
            if found is None:
                return
            self.peak = max(self.peak, found[1])
            if self.measuring:
                self.busy.append(found[0])


def measure(command, gpu, limit):
    """One measurement as a dictionary; `error` in it where there is none."""
    watch = Watch(gpu)
    watch.start()
    start = time.monotonic()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        watch.stopped.set()
        return {"error": str(error), "wall": 0.0}
    errors = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    reader.start()
    killer = threading.Timer(limit, process.kill)
    killer.start()
    last = ""
    for line in process.stdout:
        last = line if line.strip() else last
        watch.measuring = watch.measuring or '"measuring"' in line
    code = process.wait()
    late = not killer.is_alive()
    killer.cancel()
    reader.join(2)
    watch.stopped.set()
    watch.join(1)
    wall = time.monotonic() - start
    if code != 0:
        said = [line.strip() for line in errors if line.strip()]
        return {"error": f"longer than {limit:.0f} s" if late else reason(said, code), "wall": wall}
    try:
        found = json.loads(last)
        found["rate"] = statistics.median(found["pictures_per_second"])
    except (ValueError, KeyError) as error:
        return {"error": f"no result in {last.strip()[:80]!r} ({error})", "wall": wall}
    found["busy"] = statistics.mean(watch.busy) if watch.busy else None
    found["memory"] = watch.peak - watch.before if watch.peak else None
    return found | {"wall": wall}


def reason(lines, code):
    """The line that says most of why a process failed."""
    for words in (("out of memory", "OutOfMemory"), ("No module named",), ("Error", "error", "panicked")):
        for line in reversed(lines):
            if any(word in line for word in words):
                return line[:160]
    return (lines[-1] if lines else f"exit {code}")[:160]


def sides(args):
    """What runs in turn: name → command before the workload's flags, and flags after them."""
    helped = subprocess.run([args.fledge, "throughput", "--help"], capture_output=True, text=True, check=False)
    if helped.returncode != 0:
        sys.exit(f"--fledge {args.fledge}: it knows no `throughput` ({reason(helped.stderr.splitlines(), helped.returncode)})")
    ours = [args.fledge, "throughput"]
    device = ["--device", args.device]
    found = {"fledge": (ours, device)}
    if "--precision" in helped.stdout and args.device != "cpu":
        found = {f"fledge {p}": (ours, [*device, "--precision", p]) for p in ("f32", "tf32", "bf16")}
    torch = [args.python, os.path.join(HERE, "bench_torch.py")]
    tuned = ["--channels-last", "--benchmark", "--bf16"]
    return found | {"PyTorch eager": (torch, device), "PyTorch tuned": (torch, [*device, *tuned]),
                    "PyTorch compiled": (torch, [*device, *tuned, "--compile"])}


def table(found, left_out):
    lines = ["| workload | side | pictures/s | ratio | ms a step | busy | memory, MB | first step, s | warm-up, s |", "|---|---|---|---|---|---|---|---|---|"]

    def number(value, form, factor=1.0):
        return "–" if value is None else form.format(value * factor)

    for name, runs in found.items():
        rates = {side: statistics.median([r["rate"] for r in results if "rate" in r]) for side, results in runs.items() if any("rate" in r for r in results)}
        best = max((rate for side, rate in rates.items() if side.startswith("PyTorch")), default=None)
        for side, results in runs.items():
            if side not in rates:
                text = results[-1]["error"].replace("|", "/")
                lines.append(f"| {name} | {side} | failed: {text} | | | | | | |")
                continue
            good = [r for r in results if "rate" in r]
            last, memory = good[-1], [r["memory"] for r in good if r["memory"] is not None]
            cells = [f"{rates[side]:.1f}", f"**{rates[side] / best:.2f}**" if best and side.startswith("fledge") else number(best and rates[side] / best, "{:.2f}"),
                     f"{1000 * last['pictures_a_step'] / rates[side]:.2f}", number(last["busy"], "{:.0f}%", 100), number(max(memory, default=None), "{:.0f}"),
                     f"{good[0]['first_step_seconds']:.1f}", f"{good[0]['warm_up_seconds']:.1f}"]
            lines.append(f"| {name} | {side} | {' | '.join(cells)} |")
    if left_out:
        lines += ["", "Left out for want of time: " + "; ".join(left_out) + "."]
    return "\n".join(lines)


def check(args, deadline):
    """`train check` with fusion off and on, as far as time allows; lines for the report."""
    helped = subprocess.run([args.fledge, "check", "--help"], capture_output=True, text=True, check=False).stdout
    runs = [["--fusion", "off"], ["--fusion", "on"]]
    if "--precision" in helped and args.device != "cpu":
        runs = [[*flags, "--precision", "f32"] for flags in runs] + [["--precision", p] for p in ("tf32", "bf16")]
    lines = []
    for i, flags in enumerate(runs):
        limit = (deadline - time.monotonic()) / (len(runs) - i)
        command = [args.fledge, "check", "--device", args.device, "--json", *flags, *(["--small"] if args.tiny else [])]
        what = " ".join(flags)
        if limit < 2:
            lines.append(f"- `{what}`: left out for want of time.")
            continue
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        killer = threading.Timer(limit, process.kill)
        killer.start()
        rows = [json.loads(line) for line in process.stdout if line.startswith("{") and line.endswith("}\n")]
        process.wait()
        killer.cancel()
        compared = [row for row in rows if "name" in row]
        whole = "" if any("rows" in row for row in rows) else ", then it was stopped or ended"
        failed = [row for row in compared if not row["ok"]]
        worst = max((row["deviation"] / row["tolerance"] for row in compared if row["deviation"] is not None), default=0.0)
        lines.append(f"- `{what}`: {len(compared)} rows, {len(failed)} fail{whole}; the largest deviation is {worst:.2f} of its tolerance.")
        lines += [f"  - FAIL {row['name']}: " + (row["failure"] or f"{row['deviation']:.1e} of {row['tolerance']:.0e} in {row['part']}") for row in failed]
    return lines


def write(path, text):
    """Between the marks of a file that has them, else at its end."""
    try:
        with open(path, encoding="utf-8") as f:
            old = f.read()
    except FileNotFoundError:
        old = ""
    if BEGIN not in old:
        old += f"{chr(10) if old else ''}{BEGIN}\n{END}\n"
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(f"{before}{BEGIN}\n{text}\n{END}{after}")
    os.replace(path + ".new", path)


def beside():
    """The program, as the kit or the build has it."""
    for path in (os.path.join(HERE, "train"), os.path.join(HERE, "..", "target", "release", "train")):
        if os.path.isfile(path):
            return path
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fledge", default=beside())
    parser.add_argument("--python", default=sys.executable, help="the one that has PyTorch")
    parser.add_argument("--device", default="cuda:0", help="cuda:INDEX, or cpu")
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything")
    parser.add_argument("--check-minutes", type=float, default=2.0, help="of these for `train check`; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", default="", help="workloads whose names hold this")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--tiny", action="store_true", help="small workloads: a test of this script")
    args = parser.parse_args()
    if not args.fledge:
        parser.error("--fledge: there is no program `train` beside this script or in target/release")
    end = time.monotonic() + 60 * args.minutes
    stop = end - 60 * args.check_minutes
    gpu, all_sides = Gpu(args.device), sides(args)
    found, left_out, lasted, version = {}, [], {}, None
    for name, flags in workloads(args.tiny):
        if args.only not in name:
            continue
        for number in range(args.rounds):
            for side, (before, after) in all_sides.items():
                remaining = stop - time.monotonic()
                if remaining < lasted.get(side, GUESS.get(side, 20.0)):
                    left_out.append(f"{name}: {side}" + (f", round {number + 1}" if number else ""))
                    continue
                command = [*before, *flags, "--seconds", str(args.seconds), *after]
                result = measure(command, gpu, min(remaining, LONGEST))
                lasted[side] = result["wall"]
                version = result.get("version", version)
                found.setdefault(name, {}).setdefault(side, []).append(result)
                said = f"{result['rate']:.1f} pictures/s" if "rate" in result else result["error"]
                print(f"{name}: {side}: {said} ({result['wall']:.0f} s)", file=sys.stderr, flush=True)
    where = gpu.name() or f"the CPU ({platform.machine()}, {os.cpu_count()} threads)"
    lines = [f"{where}; PyTorch {version or 'is not installed'}; windows of steps over {args.seconds:g} s, rounds: {args.rounds}.", "", table(found, left_out)]
    if args.check_minutes > 0:
        lines += ["", f"`train check --device {args.device}`:", "", *check(args, end)]
    text = "\n".join(lines)
    print(text)
    if args.write:
        write(args.write, text)


if __name__ == "__main__":
    main()
