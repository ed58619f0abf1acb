#include "evaluate/views.h"

#include <algorithm>

namespace headstart {
namespace {

Image mirrored(Image image) {
  const auto stride = static_cast<std::size_t>(image.width) * 3;
  for (std::size_t start = 0; start < image.pixels.size(); start += stride) {
    for (std::size_t left = 0, right = stride - 3; left < right; left += 3, right -= 3) {
      std::swap_ranges(image.pixels.begin() + static_cast<std::ptrdiff_t>(start + left),
                       image.pixels.begin() + static_cast<std::ptrdiff_t>(start + left + 3),
                       image.pixels.begin() + static_cast<std::ptrdiff_t>(start + right));
    }
  }
  return image;
}

struct Corner {
  bool right = false, lower = false;
};

Image corner_crop(const Image& image, const Corner& corner) {
  Image crop{
      .width = std::max(1, image.width * 7 / 8), .height = std::max(1, image.height * 7 / 8), .pixels = {}};
  const int left = corner.right ? image.width - crop.width : 0;
  const int top = corner.lower ? image.height - crop.height : 0;
  for (int y = top; y < top + crop.height; ++y) {
    const auto row = image.pixels.begin() + 3 * (static_cast<std::ptrdiff_t>(y) * image.width + left);
    crop.pixels.insert(crop.pixels.end(), row, row + std::ptrdiff_t{3} * crop.width);
  }
  return crop;
}

}  // namespace

Image test_view(const Image& image, int view, ResizeKernel kernel) {
  if (view == 0) {
    return image;
  }
  if (view == 1) {
    return mirrored(image);
  }
  const Corner corner{.right = view % 2 == 1, .lower = view >= 4};
  Image crop = resize(corner_crop(image, corner), image.width, image.height, kernel);
  return corner.right != corner.lower ? mirrored(std::move(crop)) : crop;
}

}  // namespace headstart
