// From a decoded picture to the size that a network takes: squash, crop or pad.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/decoders.h"

namespace headstart {
namespace {

struct Size {
  int width = 0, height = 0;
};

int at_least_one(double value) { return std::max(static_cast<int>(value), 1); }

// The shorter side to `resize_to` (torchvision's Resize, which rounds the longer side down); without it the
// smallest size that covers the target.
Size covering_size(const Size& image, const Preprocessing& to) {
  const double width = image.width;
  const double height = image.height;
  if (to.resize_to > 0) {
    return image.width <= image.height ? Size{to.resize_to, at_least_one(to.resize_to * height / width)}
                                       : Size{at_least_one(to.resize_to * width / height), to.resize_to};
  }
  return to.width * height >= to.height * width
             ? Size{to.width, std::max(to.height, at_least_one(to.width * height / width))}
             : Size{std::max(to.width, at_least_one(to.height * width / height)), to.height};
}

// The largest size inside the target.
Size inscribed_size(const Size& image, const Preprocessing& to) {
  const double scale =
      std::min(static_cast<double>(to.width) / image.width, static_cast<double>(to.height) / image.height);
  return {std::min(at_least_one(std::round(image.width * scale)), to.width),
          std::min(at_least_one(std::round(image.height * scale)), to.height)};
}

// Where the smaller of two extents begins in the larger; halves round to even, as Python's round does in
// torchvision.
int margin(int larger, int smaller) { return static_cast<int>(std::nearbyint((larger - smaller) / 2.0)); }

// The centre of `image` on a black picture of the given size; either side may be larger or smaller than the
// image's.
Image centered(const Image& image, int width, int height) {
  if (image.width == width && image.height == height) {
    return image;
  }
  Image result = make_image(width, height);
  const int source_x = image.width > width ? margin(image.width, width) : 0;
  const int source_y = image.height > height ? margin(image.height, height) : 0;
  const int target_x = width > image.width ? margin(width, image.width) : 0;
  const int target_y = height > image.height ? margin(height, image.height) : 0;
  const auto bytes = std::size_t{3} * static_cast<std::size_t>(std::min(width, image.width));
  for (int y = 0; y < std::min(height, image.height); ++y) {
    const auto source = (static_cast<std::ptrdiff_t>(source_y + y) * image.width + source_x) * 3;
    const auto target = (static_cast<std::ptrdiff_t>(target_y + y) * width + target_x) * 3;
    std::memcpy(result.pixels.data() + target, image.pixels.data() + source, bytes);
  }
  return result;
}

}  // namespace

Image fit_image(const Image& image, const Preprocessing& preprocessing) {
  const int width = preprocessing.width;
  const int height = preprocessing.height;
  check_pixels(image);
  switch (preprocessing.fit) {
    case ResizeFit::squash:
      return resize(image, width, height, preprocessing.kernel);
    case ResizeFit::crop: {
      const Size size = covering_size({image.width, image.height}, preprocessing);
      return centered(resize(image, size.width, size.height, preprocessing.kernel), width, height);
    }
    case ResizeFit::pad: {
      const Size size = inscribed_size({image.width, image.height}, preprocessing);
      return centered(resize(image, size.width, size.height, preprocessing.kernel), width, height);
    }
  }
  throw Error("[preprocessing] a known fit was expected; received another value");
}

PictureWindow fitted_window(int width, int height, const Preprocessing& preprocessing) {
  if (width < 1 || height < 1) {
    throw Error("[preprocessing] a picture with pixels was expected; received an empty one");
  }
  const Size picture{width, height};
  const Size target{preprocessing.width, preprocessing.height};
  const Size resized = preprocessing.fit == ResizeFit::squash ? target
                       : preprocessing.fit == ResizeFit::crop ? covering_size(picture, preprocessing)
                                                              : inscribed_size(picture, preprocessing);
  // Along one axis: pixels of the picture for one of the resized picture, and the cut in front.
  const auto axis = [](int whole, int size, int shown) {
    const double scale = static_cast<double>(whole) / size;
    const int cut = size > shown ? margin(size, shown) : -margin(shown, size);
    return std::pair(cut * scale, shown * scale);
  };
  const auto [left, shown_width] = axis(width, resized.width, target.width);
  const auto [top, shown_height] = axis(height, resized.height, target.height);
  return {.left = left, .top = top, .width = shown_width, .height = shown_height};
}

DecodeOptions decode_options_for(const Preprocessing& preprocessing) {
  // Kernels that look at single pixels see another picture when it was averaged before.
  if (preprocessing.kernel == ResizeKernel::nearest || preprocessing.kernel == ResizeKernel::bilinear) {
    return {};
  }
  // Twice the size: the antialiasing filter then still does most of the work, and the result changes by less
  // than one level in the mean; at once the size it would be two and more.
  constexpr int kMargin = 2;
  const bool shorter_side = preprocessing.fit == ResizeFit::crop && preprocessing.resize_to > 0;
  return {.minimum_width = kMargin * (shorter_side ? preprocessing.resize_to : preprocessing.width),
          .minimum_height = kMargin * (shorter_side ? preprocessing.resize_to : preprocessing.height)};
}

}  // namespace headstart
