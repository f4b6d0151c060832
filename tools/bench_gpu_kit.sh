#!/usr/bin/env bash
# Packs what `tools/bench_gpu.py` needs on a machine with a GPU: the program without its symbols, and the scripts.
#
# usage: bench_gpu_kit.sh target/release/train OUT.tar.xz
set -euo pipefail
train=$1 out=$2
tools=$(dirname "$0")
# What can be sent along easily.
limit_mib=64

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
strip -o "$folder/train" "$train"
cp "$tools"/bench_gpu.py "$tools"/bench_torch.py "$tools"/bench_models.py "$tools"/bench_inception.py "$tools"/gpu_check.sh "$folder"
mkdir -p "$(dirname "$out")"
tar -c -C "$folder" . | xz -T0 -6 > "$out.new"
mv "$out.new" "$out"

mib=$((($(stat -c %s "$out") + 1048575) / 1048576))
echo "$out: $mib MiB. There: tar xf $(basename "$out") && python3 bench_gpu.py --write PERFORMANCE.md"
if [ "$mib" -gt "$limit_mib" ]; then
    echo "bench_gpu_kit.sh: $out is larger than $limit_mib MiB" >&2
    exit 1
fi
