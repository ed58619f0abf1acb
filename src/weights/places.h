// Where a layer stands in its network, as a number: the same for the same layer of the same network whatever
// the names are.
//
// A place is a hash of the layer's shape, of the places that its input comes from, and of the kinds of layers
// that its output goes to, and theirs (a dense layer does not count there: the top may be missing). Only what
// both a graph of ours and one of ONNX show alike counts: layers with weights, poolings, joins,
// concatenations, of which several in turn are as one of all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/graph.h"

namespace headstart {

struct PlaceNode {
  enum class Kind {
    source,  // the input of the network
    layer,   // `what` is its kind and shape
    norm,    // as a layer, but what follows does not see it: it may have been folded away
    join,    // any order of inputs: a sum, a product
    concat,  // inputs in order
    whole,   // a pooling over the whole image, behind which the top may begin: nothing before it sees past it
    pass,    // everything else
  };
  Kind kind = Kind::pass;
  std::string what{};
  std::vector<std::size_t> inputs{};  // earlier nodes
};

// 0 for a node that the network's input does not reach.
std::vector<std::uint64_t> places_of(const std::vector<PlaceNode>& nodes);

// "Conv (64, 3, 7, 7)": `shape` as PyTorch keeps the weight.
std::string place_of_weight(const char* kind, const Shape& shape);

// The places of all nodes of a graph.
std::vector<std::uint64_t> places_of(const Graph& graph);

}  // namespace headstart
