"""Measures how far a linear classifier of the pixels gets: the task must need more than that."""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--train", required=True, help="pictures of scenes_export to learn from")
parser.add_argument("--test", required=True, help="pictures of another seed to measure with")
parser.add_argument("--limit", type=int, default=20000, help="pictures to learn from")
options = parser.parse_args()


def load(path, limit):
    records = np.memmap(path, np.uint8, "r").reshape(-1, 1 + 48 * 48 * 3)[:limit]
    return records[:, 1:].astype(np.float32) / 128 - 1, records[:, 0].astype(np.int32)


@jax.jit
def step(weights, x, y, rate):
    def loss(weights):
        chances = jax.nn.log_softmax(x @ weights[0] + weights[1])
        return -jnp.take_along_axis(chances, y[:, None], 1).mean() + 1e-3 * (weights[0] ** 2).sum()

    slopes = jax.grad(loss)(weights)
    return tuple(weight - rate * slope for weight, slope in zip(weights, slopes))


pictures, labels = load(options.train, options.limit)
test_pictures, test_labels = load(options.test, 10000)
weights = (jnp.zeros((pictures.shape[1], 12)), jnp.zeros(12))
random = np.random.default_rng(1)
for epoch in range(10):
    order = random.permutation(len(labels)).reshape(-1, 100)
    for chosen in order:
        weights = step(weights, pictures[chosen], labels[chosen], 3e-3 / (1 + epoch))
answer = np.asarray(test_pictures @ weights[0] + weights[1]).argmax(1)
print(f"linear classifier: top-1 {(answer == test_labels).mean():.2%} of {len(test_labels)}")
