"""What does a one-line change in each crate cost to rebuild?

usage: rebuild_cost.py [CHECKOUT] [--release]

Adds a public function to the `lib.rs` of one crate of the workspace after the other, times `cargo build --workspace` after each, and takes them all
out again at the end. Prints seconds of wall clock and of processor time; a first build, of what is not built yet, is printed apart.
CARGO_TARGET_DIR applies.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import time

PROBE = "\n/// Measures a rebuild.\npub fn rebuild_probe() -> u64 {\n    42\n}\n"


def build(checkout, flags):
    """Seconds of wall clock and of processor time of a build."""
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    begun, before = time.perf_counter(), used()
    subprocess.run(["cargo", "build", "--workspace", "--quiet", *flags], cwd=checkout, check=True)
    return time.perf_counter() - begun, used() - before


def libraries(checkout):
    """Names and `lib.rs` of the workspace's crates."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout)["packages"]
    for package in packages:
        for target in package["targets"]:
            if "lib" in target["kind"]:
                yield package["name"], pathlib.Path(target["src_path"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=pathlib.Path, nargs="?", default=pathlib.Path("."))
    parser.add_argument("--release", action="store_true")
    options = parser.parse_args()
    flags = ["--release"] if options.release else []
    print("first build: {:.0f} s, {:.0f} s of processor time".format(*build(options.checkout, flags)))
    print("| crate | wall s | processor s |\n|---|---|---|", flush=True)
    before = {}
    try:
        for name, path in libraries(options.checkout):
            before[path] = path.read_text()
            path.write_text(before[path] + PROBE)
            wall, processor = build(options.checkout, flags)
            print(f"| {name} | {wall:.0f} | {processor:.0f} |", flush=True)
    finally:
        for path, text in before.items():
            path.write_text(text)


if __name__ == "__main__":
    main()
