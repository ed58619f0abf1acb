// ONNX models as a source of weights: their initializers by layer.
#pragma once

#include "headstart/weights.h"
#include "weights/bytes.h"
#include "weights/weight_file.h"

namespace headstart {

// Layers are Conv, Gemm, MatMul with its Add, BatchNormalization, LayerNormalization (also taken apart) and
// the constants that tokens are joined with, added to or scaled by, in the order of the graph. They have the
// module's name where the exporter left it, in the parameter ("layer1.0.conv1.weight") or in the node
// ("/layer1/layer1.0/conv1/Conv"). External data are read from beside the model.
WeightFile read_onnx(const SharedBytes& file, const Sibling& sibling);

}  // namespace headstart
