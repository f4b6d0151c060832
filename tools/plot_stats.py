"""Draws a run's curves: losses, accuracies, p of the augmentation (or the gradient penalty, where there is one), KID.

    plot_stats.py RUN/stats.jsonl OUT.png [TITLE]

Needs matplotlib.
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
steps = [r["step"] for r in rows]
penalised = any(r.get("penalty") for r in rows)
figure, axes = plt.subplots(1, 4, figsize=(13, 2.8), constrained_layout=True)
for axis, keys, title in (
    (axes[0], ("g_loss", "d_loss"), "losses"),
    (axes[1], ("real_acc", "gen_acc"), "accuracies of D"),
    (axes[2], ("penalty",), "gradient penalty") if penalised else (axes[2], ("aug_p",), "p of the augmentation"),
):
    for key in keys:
        axis.plot(steps, [r[key] for r in rows], label=key, linewidth=1)
    axis.set_title(title, fontsize=10)
    axis.legend(fontsize=8)
measured = [(r["step"], r["kid"]) for r in rows if r["kid"] is not None]
axes[3].plot(*zip(*measured), "o-", markersize=3, linewidth=1)
axes[3].set_title("KID (300 against 300)", fontsize=10)
axes[3].set_ylim(bottom=0)
for axis in axes:
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=8)
if len(sys.argv) > 3:
    figure.suptitle(sys.argv[3], fontsize=10)
figure.savefig(sys.argv[2], dpi=80)
