// The IDX files of MNIST and its relatives: small images and labels in one file each, plain or gzip.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headstart {

struct IdxImages {
  int count = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // count * height * width
};

// Throws Error for a file that is none, of another rank or type, or shorter or longer than it says.
IdxImages read_idx_images(const std::string& path);
std::vector<int> read_idx_labels(const std::string& path);

}  // namespace headstart
