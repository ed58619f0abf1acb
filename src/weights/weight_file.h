// A weight file's bytes to its tensors, whatever the format.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "headstart/weights.h"
#include "weights/bytes.h"

namespace headstart {

// Another file of the same folder (a shard), by its relative path.
using Sibling = std::function<SharedBytes(const std::string& relative_path)>;

// Throws Error "[tag] ..." unless the path leads to a file in or under the folder of the file that names it.
void check_sibling_path(const std::string& path, std::string_view tag);

// `read_weight_file` over bytes in memory. `file_name` gives hints only.
WeightFile read_weight_bytes(const SharedBytes& file, const std::string& file_name, const Sibling& sibling);

}  // namespace headstart
