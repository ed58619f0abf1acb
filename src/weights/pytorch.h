// PyTorch state dicts: the zip form (torch 1.6 and later) and the legacy form (five pickles, then raw
// storages).
#pragma once

#include <string>

#include "headstart/graph.h"
#include "headstart/parameters.h"
#include "weights/bytes.h"

namespace headstart {

bool is_pytorch(const SharedBytes& file);

// The tensors of the state dict, under the file's names (without `module.`). Of a checkpoint that keeps
// several things the state dict is taken: `state_dict`, `model`, `model_state_dict`, `net` or `model_ema`.
Parameters read_pytorch(const SharedBytes& file);

// Under torchvision's names where the network is one of torchvision's, else under the graph's with dots; in
// PyTorch's layouts.
Parameters torch_state_dict(const Graph& graph, const Parameters& parameters);

// A state dict that torch.load and load_state_dict take, atomically written in the zip form.
void write_pytorch(const Graph& graph, const Parameters& parameters, const std::string& path);

}  // namespace headstart
