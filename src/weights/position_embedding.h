// Position embeddings of a vision transformer that was trained at another input size.
#pragma once

#include "headstart/graph.h"
#include "headstart/tensor.h"

namespace headstart {

// Whether `node` is a PositionEmbedding over an image's patches (with a class token in front or not) and
// `embedding` one for a square image of another size.
bool can_resample_positions(const Graph& graph, NodeId node, const Shape& embedding);

// The embedding for this node: the class token's row as it is, the rest as an image resized bicubically with
// aligned corners, as torchvision's interpolate_embeddings does.
Tensor resample_positions(const Graph& graph, NodeId node, const Tensor& embedding);

}  // namespace headstart
