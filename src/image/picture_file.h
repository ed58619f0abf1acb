// Pictures from files, for those who name the file themselves in what they say about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headstart/image.h"

namespace headstart {

// What is said of a picture for which there is too little memory. No property of the file: it may be read
// another time.
inline constexpr const char* kTooLittleMemory =
    "a picture that fits into the memory was expected; received a larger one; make it smaller";

// Throws Error for a file beyond 1 GB.
std::vector<std::uint8_t> read_picture_file(const std::string& path);

// Read, decoded and fitted.
Image read_fitted(const std::string& path, const Preprocessing& preprocessing);

}  // namespace headstart
