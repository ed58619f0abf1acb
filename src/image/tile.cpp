// tile: pictures side by side.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/decoders.h"

namespace headstart {

Image tile(std::span<const Image> images, int columns, int gap) {
  if (images.empty() || columns < 1 || gap < 0) {
    throw Error(fmt::format(
        "[tile] pictures, columns and a gap were expected; received {} pictures, {} columns, gap {}",
        images.size(), columns, gap));
  }
  const int width = images.front().width;
  const int height = images.front().height;
  const auto used = std::min(columns, static_cast<int>(images.size()));
  const auto rows = (static_cast<int>(images.size()) + used - 1) / used;
  const std::int64_t sheet_width = std::int64_t{used} * (width + gap) - gap;
  const std::int64_t sheet_height = std::int64_t{rows} * (height + gap) - gap;
  check_size(sheet_width, sheet_height, {});
  Image sheet = make_image(static_cast<int>(sheet_width), static_cast<int>(sheet_height));
  std::fill(sheet.pixels.begin(), sheet.pixels.end(), std::uint8_t{255});
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (images[i].width != width || images[i].height != height) {
      throw Error(fmt::format("[tile] pictures of {}x{} were expected; received {}x{}", width, height,
                              images[i].width, images[i].height));
    }
    check_pixels(images[i]);
    const auto left = static_cast<std::ptrdiff_t>(i % static_cast<std::size_t>(used)) * (width + gap);
    const auto top = static_cast<std::ptrdiff_t>(i / static_cast<std::size_t>(used)) * (height + gap);
    for (std::ptrdiff_t y = 0; y < height; ++y) {
      std::memcpy(sheet.pixels.data() + ((top + y) * sheet.width + left) * 3,
                  images[i].pixels.data() + y * width * 3, static_cast<std::size_t>(width) * 3);
    }
  }
  return sheet;
}

}  // namespace headstart
