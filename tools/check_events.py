"""Reads a run's event files with TensorBoard's own reader and compares them with stats.jsonl.

    check_events.py RUN

Every value of stats.jsonl that has a tag must be there once, at its step, as the nearest 32-bit number, and no other; every picture
must be a PNG file of the extent that its event gives. Needs tensorboard and pillow.
"""
import io
import json
import os
import re
import sys

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = sys.argv[1]
# The table of tags in the program, so that a scalar without a tag here is found.
source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../shared/src/events/mod.rs")
with open(source, encoding="utf-8") as file:
    keys = dict(re.findall(r'^    \("([a-z_/]+)", "([a-z_]+)"\),$', file.read(), re.MULTILINE))
assert "loss/g" in keys, "the table SCALARS of events/mod.rs is not found"

with open(os.path.join(run, "stats.jsonl"), encoding="utf-8") as file:
    lines = [json.loads(line) for line in file if line.endswith("\n")]

# 0 keeps everything; the usual sizes are samples.
events = EventAccumulator(run, size_guidance={"scalars": 0, "images": 0})
events.Reload()
tags = events.Tags()

expected = {}
for tag, key in keys.items():
    values = [(line["step"], float(np.float32(line[key]))) for line in lines if line.get(key) is not None]
    if values:
        expected[tag] = values
assert sorted(tags["scalars"]) == sorted(expected), f"tags {sorted(tags['scalars'])}, expected {sorted(expected)}"
for tag, values in expected.items():
    found = [(event.step, event.value) for event in events.Scalars(tag)]
    assert found == values, f"{tag}: {found}, expected {values}"
    times = [event.wall_time for event in events.Scalars(tag)]
    assert all(time > 1e9 for time in times), f"{tag}: times {times}"

last = lines[-1]["step"] if lines else 0
pictures = 0
for tag in tags["images"]:
    steps = []
    for event in events.Images(tag):
        image = Image.open(io.BytesIO(event.encoded_image_string))
        image.load()
        assert image.format == "PNG" and image.size == (event.width, event.height), f"{tag}, step {event.step}"
        steps.append(event.step)
        pictures += 1
    assert steps == sorted(set(steps)), f"{tag}: steps {steps}"
    assert all(step <= last for step in steps), f"{tag}: steps {steps}, the run has {last}"

print(f"equal: {sum(map(len, expected.values()))} scalars under {len(expected)} tags, {pictures} pictures")
