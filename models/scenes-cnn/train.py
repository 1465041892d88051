"""Trains scenes-cnn and writes scenes-cnn.onnx; README.md says how, and what it printed."""

import argparse
import os
import platform
import time

import numpy as np

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--train", required=True, help="pictures of scenes_export to learn from")
parser.add_argument("--test", required=True, help="pictures of another seed to measure with")
parser.add_argument("--epochs", type=float, default=4.0)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--rate", type=float, default=0.2, help="highest learning rate")
parser.add_argument("--decay", type=float, default=3e-4, help="weight decay")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--output", default="scenes-cnn.onnx")
options = parser.parse_args()
if options.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax  # noqa: E402  (reads XLA_FLAGS when imported)
import jax.numpy as jnp  # noqa: E402
import network  # noqa: E402
import onnx_file  # noqa: E402

RECORD = 1 + network.SIDE * network.SIDE * 3


def load(path):
    """Returns labels and pictures of a raw file without reading it into memory."""
    records = np.memmap(path, np.uint8, "r").reshape(-1, RECORD)
    return records[:, 0], records[:, 1:].reshape(-1, network.SIDE, network.SIDE, 3)


def batches(labels, pictures, steps, random):
    """Yields shuffled batches; each is turned or mirrored, which no class minds."""
    order = np.empty(0, np.int64)
    for _ in range(steps):
        if len(order) < options.batch:
            order = random.permutation(len(labels))
        chosen, order = np.sort(order[: options.batch]), order[options.batch :]
        batch = np.rot90(pictures[chosen], random.integers(4), (1, 2))
        if random.integers(2):
            batch = batch[:, :, ::-1]
        yield np.ascontiguousarray(batch), labels[chosen].astype(np.int32)


def loss(params, stats, pixels, labels):
    logits, stats = network.train_logits(params, stats, pixels)
    chances = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(chances, labels[:, None], 1).mean(), stats


@jax.jit
def step(params, stats, speed, pixels, labels, rate):
    """One step of gradient descent with Nesterov momentum; only weights decay."""
    (value, stats), slope = jax.value_and_grad(loss, has_aux=True)(params, stats, pixels, labels)
    for key in params:
        pull = slope[key] + (options.decay * params[key] if key.endswith(".w") else 0)
        speed[key] = 0.9 * speed[key] + pull
        params[key] = params[key] - rate * (pull + 0.9 * speed[key])
    return params, stats, speed, value


def evaluate(params, stats, labels, pictures):
    """Returns top-1 accuracy and the logits."""
    run = jax.jit(network.test_logits)
    chunks = [np.asarray(pictures[at : at + 500]) for at in range(0, len(labels), 500)]
    logits = np.concatenate([run(params, stats, chunk) for chunk in chunks])
    return (logits.argmax(1) == labels).mean(), logits


def main():
    start = time.time()
    labels, pictures = load(options.train)
    test_labels, test_pictures = load(options.test)
    params, stats = network.initial(options.seed)
    speed = {key: jnp.zeros_like(value) for key, value in params.items()}
    steps = int(options.epochs * len(labels) / options.batch)
    random = np.random.default_rng(options.seed)
    print(f"python {platform.python_version()}, jax {jax.__version__}, numpy {np.__version__}")
    print(f"{len(labels)} pictures, {steps} steps of {options.batch}", flush=True)
    recent = []
    for number, (pixels, wanted) in enumerate(batches(labels, pictures, steps, random)):
        done = number / steps
        rate = options.rate * min(done / 0.05, (1 + np.cos(np.pi * done)) / 2)
        params, stats, speed, value = step(params, stats, speed, pixels, wanted, jnp.float32(rate))
        recent = recent[-199:] + [float(value)]
        if (number + 1) % 500 == 0:
            passed = time.time() - start
            print(f"step {number + 1}: loss {np.mean(recent):.4f}, {passed:.0f} s", flush=True)
    accuracy, logits = evaluate(params, stats, test_labels, test_pictures)
    print(f"trained in {time.time() - start:.0f} s; top-1 {accuracy:.2%} of {len(test_labels)}")
    onnx_file.write(options.output, network.folded(params, stats))
    onnx_file.compare(options.output, test_labels, test_pictures, logits)


if __name__ == "__main__":
    main()
