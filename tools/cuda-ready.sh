#!/bin/sh
# Says whether this machine can build fledge for NVIDIA GPUs and use it, and what to install where it cannot.
#
# usage: cuda-ready.sh        (LLVM=/usr/lib/llvm-22 takes this LLVM, and not a downloaded one)
#
# Building needs a C++ compiler and LLVM 23: a downloaded one, a network to download it from, or Debian's by offline-llvm.sh,
# which is called where nothing else serves. Exit code 1: the build would fail. What is only needed to run is noted.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
version=$(sed -n '/^name = "tracel-llvm-bundler"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$here/../Cargo.lock")
prefix=$data/tracel/tracel-llvm-$version
# What a build script downloads on x86-64; only whether it can be reached is asked here.
url=https://github.com/tracel-ai/tracel-llvm/releases/download/v$version/linux-x64.checksums.json
missing=0

line() { printf '%-10s %s\n' "$1" "$2"; }
need() { line "$1" "MISSING: $2"; missing=1; }

reachable() {
    if command -v curl > /dev/null 2>&1; then
        curl -fsIL --max-time 15 "$url" > /dev/null 2>&1
    elif command -v wget > /dev/null 2>&1; then
        wget -q --spider --timeout=15 --tries=1 "$url" > /dev/null 2>&1
    else
        return 1
    fi
}

if command -v "${CARGO:-cargo}" > /dev/null 2>&1; then
    line rust "$("${CARGO:-cargo}" --version)"
else
    need rust "cargo is not there: https://rustup.rs"
fi

compiler=
for candidate in "${CXX:-}" c++ g++ clang++; do
    [ -n "$candidate" ] && command -v "$candidate" > /dev/null 2>&1 && { compiler=$candidate; break; }
done
if [ -n "$compiler" ]; then line c++ "$compiler"; else need c++ "on Debian: apt-get install g++"; fi

if [ -z "${LLVM:-}" ] && [ -f "$prefix/.tracel-llvm-installed" ] && [ ! -f "$prefix/offline" ]; then
    line llvm "downloaded: $prefix"
elif [ -z "${LLVM:-}" ] && "$here/offline-llvm.sh" --check 2> /dev/null; then
    line llvm "Debian's, as $prefix (tools/offline-llvm.sh)"
elif [ -z "${LLVM:-}" ] && reachable; then
    line llvm "the build downloads it to $prefix"
elif text=$("$here/offline-llvm.sh" 2>&1); then
    line llvm "no network to download it from; $text"
else
    need llvm "github.com cannot be reached, and ${text#offline-llvm.sh: }"
fi

if nvidia-smi -L > /dev/null 2>&1; then
    line driver "$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | head -n 1)"
else
    line driver "none that answers nvidia-smi: it builds, and runs on the CPU until there is one (Debian: nvidia-driver)"
fi

toolkit=
for candidate in "${CUDA_PATH:-}" /usr/local/cuda /opt/cuda /usr/lib/cuda /usr; do
    [ -n "$candidate" ] && [ -f "$candidate/nvvm/libdevice/libdevice.10.bc" ] && { toolkit=$candidate; break; }
done
if [ -n "$toolkit" ]; then
    line libdevice "$toolkit/nvvm/libdevice/libdevice.10.bc"
else
    line libdevice "not found: needed to run on a GPU; docs/CUDA.md says how to get this one file without the toolkit"
fi
exit "$missing"
