"""The network, a narrow residual CNN in three stages: functions on dictionaries of arrays."""

import jax
import jax.numpy as jnp
import numpy as np

SIDE, CLASSES = 48, 12
WIDTHS, BLOCKS = (16, 32, 64), 2
MEAN, STD = 0.5, 0.25
BN_EPSILON, BN_MOMENTUM = 1e-5, 0.98


def layers():
    """Yields (name, kernel side, inputs, outputs, stride) of every convolution, in order."""
    yield "stem", 3, 3, WIDTHS[0], 2
    inputs = WIDTHS[0]
    for stage, width in enumerate(WIDTHS, 1):
        for block in range(1, BLOCKS + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}.block{block}"
            yield f"{name}.conv1", 3, inputs, width, stride
            yield f"{name}.conv2", 3, width, width, 1
            if stride == 2:
                yield f"{name}.shortcut", 1, inputs, width, stride
            inputs = width


def initial(seed):
    """Returns (trained parameters, running statistics)."""
    random = np.random.default_rng(seed)
    params, stats = {}, {}
    for name, side, inputs, outputs, _ in layers():
        spread = np.sqrt(2 / (side * side * inputs))
        params[f"{name}.w"] = random.normal(0, spread, (side, side, inputs, outputs))
        # The second convolution of a block starts silent: every block starts as the identity.
        params[f"{name}.gain"] = np.full(outputs, 0.0 if name.endswith("conv2") else 1.0)
        params[f"{name}.shift"] = np.zeros(outputs)
        stats[f"{name}.mean"], stats[f"{name}.var"] = np.zeros(outputs), np.ones(outputs)
    params["head.w"] = random.normal(0, 0.05, (WIDTHS[-1], CLASSES))
    params["head.b"] = np.zeros(CLASSES)
    single = lambda tree: {key: jnp.asarray(value, jnp.float32) for key, value in tree.items()}
    return single(params), single(stats)


def convolve(x, weight, stride):
    """A convolution padded as ONNX `pads = [side // 2] * 4` does."""
    pad = weight.shape[0] // 2
    return jax.lax.conv_general_dilated(
        x, weight, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def wiring(unit, x):
    """Runs the convolutions in order; `unit(name, x, stride)` is one and its normalisation."""
    x = jax.nn.relu(unit("stem", x, 2))
    for stage in range(1, len(WIDTHS) + 1):
        for block in range(1, BLOCKS + 1):
            name, stride = f"stage{stage}.block{block}", 2 if stage > 1 and block == 1 else 1
            y = jax.nn.relu(unit(f"{name}.conv1", x, stride))
            y = unit(f"{name}.conv2", y, 1)
            x = jax.nn.relu(y + (unit(f"{name}.shortcut", x, stride) if stride == 2 else x))
    return x.mean((1, 2))


def normalise(pixels):
    """Turns bytes (N, 48, 48, 3) into the input of the network."""
    return (pixels.astype(jnp.float32) / 255 - MEAN) / STD


def train_logits(params, stats, pixels):
    """Returns logits and new running statistics; normalises with the statistics of the batch."""
    new_stats = {}

    def unit(name, x, stride):
        y = convolve(x, params[f"{name}.w"], stride)
        mean, var = y.mean((0, 1, 2)), y.var((0, 1, 2))
        for key, value in (("mean", mean), ("var", var)):
            old = stats[f"{name}.{key}"]
            new_stats[f"{name}.{key}"] = BN_MOMENTUM * old + (1 - BN_MOMENTUM) * value
        scale = params[f"{name}.gain"] * jax.lax.rsqrt(var + BN_EPSILON)
        return (y - mean) * scale + params[f"{name}.shift"]

    return wiring(unit, normalise(pixels)) @ params["head.w"] + params["head.b"], new_stats


def test_logits(params, stats, pixels):
    """Returns logits; normalises with the running statistics."""

    def unit(name, x, stride):
        y = convolve(x, params[f"{name}.w"], stride)
        scale = params[f"{name}.gain"] * jax.lax.rsqrt(stats[f"{name}.var"] + BN_EPSILON)
        return (y - stats[f"{name}.mean"]) * scale + params[f"{name}.shift"]

    return wiring(unit, normalise(pixels)) @ params["head.w"] + params["head.b"]


def folded(params, stats):
    """Returns {name: (weight, bias)} with the normalisation multiplied into the convolutions."""
    result = {}
    for name, *_ in layers():
        read = lambda key, tree: np.asarray(tree[f"{name}.{key}"], np.float64)
        scale = read("gain", params) / np.sqrt(read("var", stats) + BN_EPSILON)
        bias = read("shift", params) - read("mean", stats) * scale
        result[name] = ((read("w", params) * scale).astype(np.float32), bias.astype(np.float32))
    result["head"] = (np.asarray(params["head.w"]), np.asarray(params["head.b"]))
    return result
