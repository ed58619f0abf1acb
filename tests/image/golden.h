// Golden pictures made by tools/make_image_golden.py and the pattern that it draws too.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "core/files.h"
#include "headstart/image.h"
#include "support/paths.h"

namespace headstart::test {

inline Image pattern(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixels.push_back(
            static_cast<std::uint8_t>(((x * x * 3 + y * 7 + c * 50 + x * y) ^ (x * 13 + c)) & 255));
      }
    }
  }
  return image;
}

inline std::string golden_path(const std::string& name) { return data_path("image/" + name); }

// A .rgb file: width and height as little-endian uint16, then RGB bytes.
inline Image read_golden(const std::string& name) {
  const auto bytes = read_file(golden_path(name));
  return {bytes.at(0) | bytes.at(1) << 8, bytes.at(2) | bytes.at(3) << 8, {bytes.begin() + 4, bytes.end()}};
}

// The largest difference of two pictures of one size; 256 when the sizes differ.
inline int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) {
    return 256;
  }
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  }
  return largest;
}

}  // namespace headstart::test
