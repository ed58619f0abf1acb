// Where the entries of a zip archive begin, which libzip does not tell: so that they can be used in place.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace headstart {

// Name to the offset of the entry's bytes, from the archive's central directory (also of zip64). Throws Error
// for a damaged one.
std::map<std::string, std::uint64_t> zip_data_offsets(std::span<const std::uint8_t> archive);

}  // namespace headstart
