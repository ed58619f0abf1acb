// The safetensors format: 8 bytes header length, a JSON header, then the tensors' bytes.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "headstart/parameters.h"
#include "weights/bytes.h"

namespace headstart {

struct Safetensors {
  Parameters tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

bool is_safetensors(const SharedBytes& file);

// f32 tensors alias the file. The header is capped, offsets must tile the data without holes or overlaps.
Safetensors read_safetensors(const SharedBytes& file);

// What a file is to hold, of several owners, without copies: names, each once, and where the values lie.
using TensorList = std::vector<std::pair<std::string, const Tensor*>>;
void append(TensorList& list, const std::string& prefix, const Parameters& parameters);

// Writes atomically; tensors as F32 with the data 64-byte aligned.
void write_safetensors(const std::string& path, const TensorList& tensors,
                       const std::map<std::string, std::string>& metadata);
void write_safetensors(const std::string& path, const Parameters& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace headstart
