from . import (
    architectures as architectures,
    checkpoint as checkpoint,
    export as export,
    golden as golden,
    network as network,
    onnx_cache as onnx_cache,
    onnx_file as onnx_file,
    onnx_graph as onnx_graph,
    own_code as own_code,
)
