#!/bin/sh
# Which loss with which network: trains all pairs and prints a table of KIDs. A cell that is done is not repeated, one that was
# interrupted goes on.
#
# usage: ablation.sh DATASET OUT WEIGHTS.pth [flags for every run, such as --epochs 60 --set schedule.batch=64]
#
# The pairs are those of A. Béres' "GAN flavours" (2022): losses non-saturating, least squares, hinge and, always with spectral
# norm, Wasserstein; networks plain, with spectral norm in D, with residual blocks in both.
set -eu
TRAIN=${TRAIN:-target/release/train}
dataset=$1 out=$2 weights=$3
shift 3

network() {
    case $1 in
    plain) ;;
    spectral) echo "--set discriminator.spectral_norm=true" ;;
    residual) echo "--set generator.block=residual --set discriminator.block=residual" ;;
    esac
}

# The last KID of a run.
kid() {
    sed -n 's/.*"kid":\([-0-9.e]*\).*/\1/p' "$1/stats.jsonl" | tail -n 1 | cut -c 1-6
}

echo "| loss | plain | spectral norm | residual |"
echo "|---|---|---|---|"
for loss in non-saturating lsgan hinge wasserstein; do
    row="| $loss"
    for kind in plain spectral residual; do
        norm=
        if [ $loss = wasserstein ]; then
            # Without it nothing bounds the critic; the plain network then is the one with spectral norm.
            norm="--set discriminator.spectral_norm=true"
            [ $kind = plain ] && kind=spectral
        fi
        run=$out/$loss-$kind
        # shellcheck disable=SC2046 # words are meant to split
        "$TRAIN" --data "$dataset" --out "$run" --weights "$weights" --set loss.name=$loss --set augment.pipeline=none \
            $norm $(network $kind) "$@" > /dev/null
        row="$row | $(kid "$run")"
    done
    echo "$row |"
done
