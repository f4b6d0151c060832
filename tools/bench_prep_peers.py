"""What `tools/bench_prep.py` measures fledge against: the reference's own map function under `tf.data`, and Pillow in a pool of processes.

usage: bench_prep_peers.py tensorflow|pillow FOLDER SIZE JOBS PASSES

FOLDER holds images.txt and bounding_boxes.txt beside images/ (Caltech-UCSD Birds), or pictures without boxes. Every pass decodes, cuts and
scales all pictures to SIZE x SIZE and throws them away; nothing is written. Prints JSON: pictures a second of every pass, versions. The time
to import libraries, to list the files and to trace the graph (tf.data: in the first pass) is not in the later passes.
"""
import json
import os
import sys
import time

SUFFIXES = (".jpg", ".jpeg", ".png")


def listing(folder):
    """Paths with their boxes (x, y, width, height), or None where there are none."""
    boxes = os.path.join(folder, "bounding_boxes.txt")
    if not os.path.exists(boxes):
        found = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.lower().endswith(SUFFIXES)]
        return [(path, None) for path in sorted(found)]

    def table(name):
        with open(os.path.join(folder, name)) as f:
            return dict(line.rstrip("\n").split(" ", 1) for line in f)

    images, boxes = table("images.txt"), table("bounding_boxes.txt")
    return [(os.path.join(folder, "images", images[i]), [float(v) for v in boxes[i].split()]) for i in sorted(images, key=int)]


def tensorflow(work, size, jobs, passes):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(jobs)
    tf.config.threading.set_intra_op_parallelism_threads(jobs)

    def prepare(path, box):
        # keras.io/examples/generative/gan_ada: preprocess_image, with boxes in pixels.
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        height, width = tf.cast(tf.shape(image)[0], tf.float32), tf.cast(tf.shape(image)[1], tf.float32)
        center_x, center_y = box[0] + box[2] / 2, box[1] + box[3] / 2
        if box[2] > 0:
            side = tf.maximum(1.25 * box[3], 1.25 * box[2])
        else:
            side, center_x, center_y = tf.minimum(width, height), width / 2, height / 2
        rows = tf.minimum(tf.minimum(side, 2 * center_y), 2 * (height - center_y))
        columns = tf.minimum(tf.minimum(side, 2 * center_x), 2 * (width - center_x))
        top, left = tf.cast(tf.round(center_y - rows / 2), tf.int32), tf.cast(tf.round(center_x - columns / 2), tf.int32)
        # A slice, as crop_to_bounding_box is below its checks, which some boxes of real data do not pass.
        image = image[top : top + tf.cast(tf.round(rows), tf.int32), left : left + tf.cast(tf.round(columns), tf.int32)]
        image = tf.image.resize(tf.cast(image, tf.float32), (size, size), method="area")
        return tf.clip_by_value(image / 255.0, 0.0, 1.0)

    paths, boxes = [path for path, _ in work], [box or [0.0] * 4 for _, box in work]
    data = tf.data.Dataset.from_tensor_slices((paths, boxes)).map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    data = data.batch(128).prefetch(tf.data.AUTOTUNE)
    rates = []
    for _ in range(passes):
        started, count = time.perf_counter(), 0
        for batch in data:
            count += batch.shape[0]
        rates.append(count / (time.perf_counter() - started))
    return rates, {"tensorflow": tf.__version__}


def prepare_pillow(job):
    from PIL import Image

    path, box, size = job
    image = Image.open(path).convert("RGB")
    width, height = image.size
    if box:
        center_x, center_y, side = box[0] + box[2] / 2, box[1] + box[3] / 2, 1.25 * max(box[2], box[3])
    else:
        center_x, center_y, side = width / 2, height / 2, min(width, height)
    columns, rows = min(side, 2 * center_x, 2 * (width - center_x)), min(side, 2 * center_y, 2 * (height - center_y))
    left, top = max(round(center_x - columns / 2), 0), max(round(center_y - rows / 2), 0)
    window = (left, top, min(left + round(columns), width), min(top + round(rows), height))
    return image.resize((size, size), Image.Resampling.BOX, box=window).tobytes()


def pillow(work, size, jobs, passes):
    import multiprocessing

    import PIL

    rates = []
    with multiprocessing.Pool(jobs) as pool:
        for _ in range(passes):
            started = time.perf_counter()
            count = sum(1 for _ in pool.imap(prepare_pillow, [(*job, size) for job in work], chunksize=32))
            rates.append(count / (time.perf_counter() - started))
    return rates, {"pillow": PIL.__version__}


if __name__ == "__main__":
    which, folder, size, jobs, passes = sys.argv[1], sys.argv[2], *(int(v) for v in sys.argv[3:6])
    rates, versions = {"tensorflow": tensorflow, "pillow": pillow}[which](listing(folder), size, jobs, passes)
    print(json.dumps({"pictures_per_second": rates, "versions": versions}))
