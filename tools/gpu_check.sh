#!/usr/bin/env bash
# `train check` in every way that a device can compute: operations joined into kernels and not, and in every precision.
# Goes through all of them; the exit code is 1 if one fails.
#
# usage: gpu_check.sh target/release/train [--device cuda] [more flags of `train check`]
set -u
train=$1
shift

status=0
check() {
    echo "train check $*"
    "$train" check "$@" || status=1
}

check "$@" --precision f32 --fusion on
check "$@" --precision f32 --fusion off
check "$@" --precision tf32
check "$@" --precision bf16
exit "$status"
