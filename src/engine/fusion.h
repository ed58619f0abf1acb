// Which nodes an inference program computes in one primitive.
#pragma once

#include <optional>
#include <vector>

#include "engine/onednn.h"
#include "headstart/graph.h"

namespace headstart {

// What follows a convolution or dense layer inside its own primitive, in order.
struct FollowUp {
  NodeId node = -1;   // an ActivationLayer or an Add
  NodeId other = -1;  // Add: the value that is added
};

// A convolution or dense layer with all that it does besides; runs where `tail`
// stands.
struct FusedLayer {
  NodeId base = -1;
  std::optional<NodeId> affine;  // a batch norm or the like, folded into the weights
  std::vector<FollowUp> follow_ups;
  NodeId tail = -1;
};

struct Fusion {
  std::vector<std::optional<FusedLayer>> layer_at;  // by tail
  std::vector<bool> absorbed;                       // nodes computed inside the layer of another's tail
};

// The elementwise operations of a layer's activations, in order. oneDNN 2 gives all uses of one algorithm in
// a kernel the same alpha and beta, so none stands there twice with different ones.
std::vector<onednn::Eltwise> eltwise_of(const std::vector<Node>& nodes, const FusedLayer& layer);

// `must_exist`: values that are asked for (outputs), so nothing may be fused past them.
Fusion fuse(const std::vector<Node>& nodes, const std::vector<std::vector<NodeId>>& consumers,
            const std::vector<bool>& needed, const std::vector<bool>& must_exist);

}  // namespace headstart
