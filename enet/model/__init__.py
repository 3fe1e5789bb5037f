"""One network from checkpoint to ONNX: architectures, checkpoints, export, graph rewriting."""
