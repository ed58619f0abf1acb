// New heads on a base: the `--head` grammar, and what `--freeze` does.
#pragma once

#include <optional>
#include <string>

#include "headstart/graph.h"

namespace headstart {

// Layers separated by commas, each NAME[:ARGUMENT]...:
//   flatten | gap | gmp | dense[:UNITS[:ACTIVATION]] | conv:FILTERS[:KERNEL[:ACTIVATION]] | sepconv (the
//   same) | depthwise[:KERNEL[:ACTIVATION]] | maxpool[:POOL] | avgpool[:POOL] | dropout:RATE | batchnorm |
//   layernorm | groupnorm[:GROUPS] | instancenorm | activation:NAME
// KERNEL and POOL are N or HxW. Words at the end of a layer: `same`, `strideN` (convolutions, pooling);
// `nobias` (what has a kernel); `weightnorm` (dense, conv); `renorm` (batchnorm).
// A last `dense` without units gets one unit with sigmoid for two classes (Keras's courses), else `classes`
// units with softmax; "dense:softmax" asks for softmax in any case. For multi-label data it gets a sigmoid
// for each class. Convolutions are 3x3, `valid` and relu unless said otherwise. Layers are named as Keras
// names them (dense, dense_1, ...). Throws Error that names the layer and offers the nearest words.
//
// `base` becomes a nested model (scope) of the result called `model_name`, or with an Input only its layers
// are the whole network; an empty one is an Error.
struct HeadOptions {
  std::string head = "gap,dropout:0.3,dense";
  int classes = 2;
  bool multi_label = false;
  std::string model_name = "model";
};
Graph attach_head(const Graph& base, const HeadOptions& options);

// How many classes a head is for, where its last layer says it ("dense:10:softmax"; of one unit: two).
std::optional<int> classes_of_head(const std::string& head);

// "all": the whole base; "none": nothing; NAME: the base up to the node, scope or prefix NAME, which is
// trainable with all after it. The head is always trainable.
void freeze_base(Graph& graph, const std::string& base_scope, const std::string& freeze);

}  // namespace headstart
