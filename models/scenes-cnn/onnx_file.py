"""Writes the folded network as ONNX and compares it with the one that was trained."""

import os

import network
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13


def write(path, weights):
    """Writes `weights`, {name: (weight, bias)} of network.folded, with a free batch dimension."""
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(operator, name, inputs, **attributes):
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def conv(name, source, stride):
        weight, bias = weights[name]
        pad = weight.shape[0] // 2
        weight = constant(f"{name}.weight", weight.transpose(3, 2, 0, 1))
        inputs = [source, weight, constant(f"{name}.bias", bias)]
        shape = dict(strides=[stride] * 2, pads=[pad] * 4, kernel_shape=[2 * pad + 1] * 2)
        return node("Conv", name, inputs, **shape)

    x = node("Relu", "stem.relu", [conv("stem", "input", 2)])
    for stage in range(1, len(network.WIDTHS) + 1):
        for block in range(1, network.BLOCKS + 1):
            name, stride = f"stage{stage}.block{block}", 2 if stage > 1 and block == 1 else 1
            y = node("Relu", f"{name}.relu1", [conv(f"{name}.conv1", x, stride)])
            y = conv(f"{name}.conv2", y, 1)
            shortcut = conv(f"{name}.shortcut", x, stride) if stride == 2 else x
            x = node("Relu", f"{name}.out", [node("Add", f"{name}.add", [y, shortcut])])
    pooled = node("Flatten", "pooled", [node("GlobalAveragePool", "pool", [x])], axis=1)
    weight, bias = weights["head"]
    node("Gemm", "logits", [pooled, constant("head.weight", weight), constant("head.bias", bias)])

    side = network.SIDE
    value = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
    graph = helper.make_graph(nodes, "scenes-cnn", [value("input", ["N", 3, side, side])],
                              [value("logits", ["N", network.CLASSES])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                              producer_name="aiflow", ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    count = sum(array.size for pair in weights.values() for array in pair)
    print(f"{path}: {os.path.getsize(path)} bytes, {count} weights")


def compare(path, labels, pictures, logits):
    """Runs the file with ONNX Runtime and checks that folding changed nothing that matters."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parts = []
    for at in range(0, len(labels), 500):
        x = (pictures[at : at + 500].astype(np.float32) / 255 - network.MEAN) / network.STD
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        parts.append(session.run(["logits"], {"input": x})[0])
    folded = np.concatenate(parts)
    difference = np.abs(folded - logits).max()
    agreement = (folded.argmax(1) == logits.argmax(1)).mean()
    accuracy = (folded.argmax(1) == labels).mean()
    print(f"folded against trained: largest difference {difference:.2e}, agreement {agreement:.2%}")
    print(f"ONNX Runtime {onnxruntime.__version__}: top-1 {accuracy:.2%} of {len(labels)}")
    assert difference < 1e-3, "the folded network computes something else"
