#include "image/picture_file.h"

#include "core/files.h"

namespace headstart {

std::vector<std::uint8_t> read_picture_file(const std::string& path) {
  constexpr std::uint64_t kMaximumBytes = std::uint64_t{1} << 30;
  return read_file(path, kMaximumBytes);
}

Image read_fitted(const std::string& path, const Preprocessing& preprocessing) {
  return fit_image(decode_image(read_picture_file(path), decode_options_for(preprocessing)), preprocessing);
}

}  // namespace headstart
