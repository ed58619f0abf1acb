// PyTorch state dicts: the zip form (torch 1.6 and later) and the legacy form (five pickles, then raw
// storages).
#pragma once

#include "headstart/parameters.h"
#include "weights/bytes.h"

namespace headstart {

bool is_pytorch(const SharedBytes& file);

// The tensors of the state dict, under the file's names (without `module.`). Of a checkpoint that keeps
// several things the state dict is taken: `state_dict`, `model`, `model_state_dict`, `net` or `model_ema`.
Parameters read_pytorch(const SharedBytes& file);

}  // namespace headstart
