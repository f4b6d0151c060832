"""Checks that an animation is what other programs read: Pillow, and headless Chromium where there is one.

    check_animation.py FILE FRAMES WIDTH HEIGHT MILLISECONDS PLAYS [RAW]

FILE is a GIF, APNG or WebP; MILLISECONDS is how long one round of it takes, PLAYS how often it is played (0: for ever). RAW is a file of
the frames' pixels (FRAMES x HEIGHT x WIDTH x 3 bytes): every frame of an APNG or WebP that Pillow decodes must equal them; of a GIF, which
has a palette, the largest difference is printed. Every frame that Chromium decodes must equal what Pillow does. Prints what each program
found, and ends with an error where one differs. Needs Pillow and numpy; CHROMIUM names the browser where it is not called
chromium-headless-shell or chromium, and must then be there.

Chromium decodes the file with ImageDecoder (the WebCodecs API, the decoder behind <img>), every frame of it.
"""
import hashlib
import http.server
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading

import numpy as np
from PIL import Image

PAGE = """<!doctype html><script>
const tell = found => fetch("/found", {method: "POST", body: JSON.stringify(found)});
(async () => {
  const data = await (await fetch("/file")).arrayBuffer();
  const decoder = new ImageDecoder({data, type: "%s"});
  await decoder.tracks.ready; await decoder.completed;
  const track = decoder.tracks.selectedTrack, hashes = [], times = [];
  let canvas;
  for (let i = 0; i < track.frameCount; i++) {
    const {image} = await decoder.decode({frameIndex: i});
    canvas ??= new OffscreenCanvas(image.displayWidth, image.displayHeight);
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    hashes.push(Array.from(digest, b => b.toString(16).padStart(2, "0")).join(""));
    times.push(image.duration / 1000);
    image.close();
  }
  await tell({frames: track.frameCount, size: [canvas.width, canvas.height],
    milliseconds: times, repeats: track.repetitionCount === Infinity ? -1 : track.repetitionCount, hashes});
})().catch(error => tell({error: String(error)}));
</script>"""


def pillow(path):
    frames, times = [], []
    with Image.open(path) as image:
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGBA")))
            times.append(image.info["duration"])
        # A GIF says how often it is repeated, the others how often it is played.
        plays = image.info.get("loop", None)
        if image.format == "GIF":
            plays = 1 if plays is None else plays + 1 if plays else 0
        return image.format, frames, times, plays


def chromium(path, kind):
    asked = os.environ.get("CHROMIUM")
    program = next(filter(None, map(shutil.which, [asked] if asked else ["chromium-headless-shell", "chromium"])), None)
    if program is None:
        if asked:
            sys.exit(f"CHROMIUM={asked}: there is no such program")
        return None
    with open(path, "rb") as file:
        data = file.read()
    page = (PAGE % {"GIF": "image/gif", "PNG": "image/png", "WEBP": "image/webp"}[kind]).encode()
    answers = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self, kind, body):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.reply(*(("application/octet-stream", data) if self.path == "/file" else ("text/html", page)))

        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.reply("text/plain", b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.TemporaryDirectory() as folder:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # Port 0 for what would debug it: without it a headless browser ends as soon as the page is loaded.
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                   "--force-color-profile=srgb", "--remote-debugging-port=0", f"http://127.0.0.1:{server.server_port}/"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            found = answers.get(timeout=240)
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
    assert "error" not in found, found["error"]
    return found


path, (count, width, height, milliseconds, plays) = sys.argv[1], map(int, sys.argv[2:7])
kind, frames, times, found_plays = pillow(path)
print(f"Pillow: {kind}, {len(frames)} frames of {frames[0].shape[1]}x{frames[0].shape[0]}, {sum(times):.0f} ms, plays {found_plays}")
assert (len(frames), frames[0].shape[:2], found_plays) == (count, (height, width), plays)
assert abs(sum(times) - milliseconds) < 1, sum(times)
if len(sys.argv) > 7:
    raw = np.fromfile(sys.argv[7], np.uint8).reshape(count, height, width, 3)
    apart = np.abs(np.stack(frames)[..., :3].astype(np.int16) - raw)
    largest = np.unravel_index(apart.argmax(), apart.shape)
    if apart.max() == 0:
        print("pixels: equal")
    else:
        error = np.mean(apart.astype(float) ** 2)
        print(f"pixels: at most {apart.max()} levels apart (frame {largest[0]}), {10 * np.log10(255**2 / error):.2f} dB")
    assert kind == "GIF" or apart.max() == 0, "pixels"

seen = chromium(path, kind)
if seen is None:
    print("Chromium: not here")
else:
    alike = sum(hashlib.sha256(frame.tobytes()).hexdigest() == seen["hashes"][i] for i, frame in enumerate(frames[:seen["frames"]]))
    total = sum(seen["milliseconds"])
    print(f"Chromium: {seen['frames']} frames of {seen['size'][0]}x{seen['size'][1]}, {total:.0f} ms, repeats {seen['repeats']}, "
          f"{alike} frames equal Pillow's")
    assert (seen["frames"], seen["size"], alike) == (count, [width, height], count)
    assert seen["repeats"] == (plays - 1 if plays else -1), seen["repeats"]
    # It cuts an APNG's fractions to whole milliseconds, so a thirtieth of a second becomes 33.
    assert abs(total - milliseconds) < (count if kind == "PNG" else 1), total
    assert max(abs(a - b) for a, b in zip(times, seen["milliseconds"])) < 1, "delays"
