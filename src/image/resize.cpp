// resize: one function a kernel.
#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <opencv2/imgproc.hpp>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/convolve.h"
#include "image/decoders.h"

namespace headstart {
namespace {

// The input position under each output centre, with the running sum of Pillow's affine loop: its rounding
// decides ties.
std::vector<int> nearest_positions(int input, int output) {
  const double step = static_cast<double>(input) / output;
  std::vector<int> positions(static_cast<std::size_t>(output));
  double position = step * 0.5;
  for (auto& value : positions) {
    value = std::min(static_cast<int>(position), input - 1);
    position += step;
  }
  return positions;
}

Image resize_nearest(const Image& image, int width, int height) {
  const auto columns = nearest_positions(image.width, width);
  const auto rows = nearest_positions(image.height, height);
  Image resized = make_image(width, height);
  std::uint8_t* target = resized.pixels.data();
  for (const int y : rows) {
    const std::uint8_t* row = image.pixels.data() + std::ptrdiff_t{3} * y * image.width;
    for (const int x : columns) {
      target = std::copy_n(row + std::ptrdiff_t{3} * x, 3, target);
    }
  }
  return resized;
}

Image resize_opencv(const Image& image, int width, int height, int interpolation) {
  Image resized = make_image(width, height);
  // OpenCV has no view of constant pixels; the source is only read.
  const cv::Mat source(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()));
  cv::Mat target(height, width, CV_8UC3, resized.pixels.data());
  cv::resize(source, target, target.size(), 0, 0, interpolation);
  return resized;
}

}  // namespace

Image resize(const Image& image, int width, int height, ResizeKernel kernel) {
  if (width < 1 || height < 1 || width > kLongestResizedSide || height > kLongestResizedSide) {
    throw Error(fmt::format("[resize] sides from 1 to {} were expected; received {}x{}; choose another size",
                            kLongestResizedSide, width, height));
  }
  check_pixels(image);
  if (image.width == width && image.height == height) {
    return image;
  }
  switch (kernel) {
    case ResizeKernel::nearest:
      return resize_nearest(image, width, height);
    case ResizeKernel::bilinear:
      return resize_opencv(image, width, height, cv::INTER_LINEAR);
    case ResizeKernel::bilinear_aa:
      return convolve_resize(image, width, height, ConvolveFilter::triangle);
    case ResizeKernel::bicubic_aa:
      return convolve_resize(image, width, height, ConvolveFilter::cubic);
    case ResizeKernel::area:
      return resize_opencv(image, width, height, cv::INTER_AREA);
  }
  throw Error("[resize] a known kernel was expected; received another value");
}

}  // namespace headstart
