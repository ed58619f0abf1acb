// From a decoded picture to the size that a network takes: squash, crop or pad.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/decoders.h"

namespace headstart {
namespace {

// As a picture may be on its way to the target: the longer side of a sliver is billions then.
struct Size {
  std::int64_t width = 0, height = 0;
};

std::int64_t at_least_one(double value) {
  return std::max<std::int64_t>(static_cast<std::int64_t>(value), 1);
}

// The shorter side to `resize_to` (torchvision's Resize, which rounds the longer side down); without it the
// smallest size that covers the target.
Size covering_size(const Size& image, const Preprocessing& to) {
  const auto width = static_cast<double>(image.width);
  const auto height = static_cast<double>(image.height);
  if (to.resize_to > 0) {
    return image.width <= image.height ? Size{to.resize_to, at_least_one(to.resize_to * height / width)}
                                       : Size{at_least_one(to.resize_to * width / height), to.resize_to};
  }
  return to.width * height >= to.height * width
             ? Size{to.width, std::max<std::int64_t>(to.height, at_least_one(to.width * height / width))}
             : Size{std::max<std::int64_t>(to.width, at_least_one(to.height * width / height)), to.height};
}

// The largest size inside the target.
Size inscribed_size(const Size& image, const Preprocessing& to) {
  const auto width = static_cast<double>(image.width);
  const auto height = static_cast<double>(image.height);
  const double scale = std::min(to.width / width, to.height / height);
  return {std::min<std::int64_t>(at_least_one(std::round(width * scale)), to.width),
          std::min<std::int64_t>(at_least_one(std::round(height * scale)), to.height)};
}

// Where the smaller of two extents begins in the larger; halves round to even, as Python's round does in
// torchvision.
std::int64_t margin(std::int64_t larger, std::int64_t smaller) {
  return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(larger - smaller) / 2.0));
}

// The centre of `image` on a black picture of the given size; either side may be larger or smaller than the
// image's.
Image centered(const Image& image, int width, int height) {
  if (image.width == width && image.height == height) {
    return image;
  }
  Image result = make_image(width, height);
  const std::int64_t source_x = image.width > width ? margin(image.width, width) : 0;
  const std::int64_t source_y = image.height > height ? margin(image.height, height) : 0;
  const std::int64_t target_x = width > image.width ? margin(width, image.width) : 0;
  const std::int64_t target_y = height > image.height ? margin(height, image.height) : 0;
  const auto bytes = std::size_t{3} * static_cast<std::size_t>(std::min(width, image.width));
  for (int y = 0; y < std::min(height, image.height); ++y) {
    const std::int64_t source = ((source_y + y) * image.width + source_x) * 3;
    const std::int64_t target = ((target_y + y) * width + target_x) * 3;
    std::memcpy(result.pixels.data() + target, image.pixels.data() + source, bytes);
  }
  return result;
}

// Of `whole` pixels that become `size` those in the middle that the `shown` ones are made of, the reach of
// the filter included. As even or odd as the whole, so that the middle stays where it is.
int middle_of(int whole, std::int64_t size, int shown, int shorter_side) {
  constexpr double kReach = 2.0;  // of a cubic filter, to either side
  const double scale = static_cast<double>(whole) / static_cast<double>(size);
  const double needed = std::ceil(shown * scale) + 2.0 * std::ceil(kReach * std::max(scale, 1.0));
  const int length = std::max(static_cast<int>(std::min<double>(needed, whole)), shorter_side);
  return length + (whole - length) % 2;
}

Image resized_to(const Image& image, const Size& size, ResizeKernel kernel) {
  const auto side = [](std::int64_t length) {  // resize() refuses one more than the longest
    return static_cast<int>(std::min<std::int64_t>(length, std::int64_t{kLongestResizedSide} + 1));
  };
  return resize(image, side(size.width), side(size.height), kernel);
}

// Resized to cover the target, and cut to it. Where that would make a picture larger than any, as of a
// sliver, what will not be seen is cut off before.
Image covering(const Image& image, const Preprocessing& to) {
  const Size size = covering_size({image.width, image.height}, to);
  if (std::max(size.width, size.height) <= kLongestResizedSide) {
    return centered(resized_to(image, size, to.kernel), to.width, to.height);
  }
  const int shorter = std::min(image.width, image.height);
  const Image middle = centered(image, middle_of(image.width, size.width, to.width, shorter),
                                middle_of(image.height, size.height, to.height, shorter));
  return centered(resized_to(middle, covering_size({middle.width, middle.height}, to), to.kernel), to.width,
                  to.height);
}

}  // namespace

Image fit_image(const Image& image, const Preprocessing& preprocessing) {
  const int width = preprocessing.width;
  const int height = preprocessing.height;
  check_pixels(image);
  switch (preprocessing.fit) {
    case ResizeFit::squash:
      return resize(image, width, height, preprocessing.kernel);
    case ResizeFit::crop:
      return covering(image, preprocessing);
    case ResizeFit::pad: {
      const Size size = inscribed_size({image.width, image.height}, preprocessing);
      return centered(resized_to(image, size, preprocessing.kernel), width, height);
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
  const auto axis = [](int whole, std::int64_t size, std::int64_t shown) {
    const double scale = static_cast<double>(whole) / static_cast<double>(size);
    const std::int64_t cut = size > shown ? margin(size, shown) : -margin(shown, size);
    return std::pair(static_cast<double>(cut) * scale, static_cast<double>(shown) * scale);
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
