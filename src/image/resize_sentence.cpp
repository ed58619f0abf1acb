#include "image/resize_sentence.h"

#include <algorithm>

#include <fmt/format.h>

namespace headstart {
namespace {

// The kernel in the words of the libraries that compute it in the same way (image/resize.cpp).
const char* same_kernel(ResizeKernel kernel) {
  switch (kernel) {
    case ResizeKernel::nearest:
      return "Pillow's NEAREST";
    case ResizeKernel::bilinear:
      return "OpenCV's INTER_LINEAR, without antialiasing";
    case ResizeKernel::bilinear_aa:
      return "Pillow's BILINEAR, which antialiases";
    case ResizeKernel::bicubic_aa:
      return "Pillow's BICUBIC, which antialiases";
    case ResizeKernel::area:
      return "OpenCV's INTER_AREA";
  }
  return "";
}

std::string fit_sentence(const Preprocessing& p) {
  const auto shorter = p.resize_to == 0 ? std::min(p.height, p.width) : p.resize_to;
  switch (p.fit) {
    case ResizeFit::squash:
      return fmt::format("both sides are resized to {}x{} (height x width), whatever the proportions",
                         p.height, p.width);
    case ResizeFit::crop:
      return fmt::format(
          "the shorter side is resized to {}, then the central {}x{} (height x width) is cut out", shorter,
          p.height, p.width);
    case ResizeFit::pad:
      return fmt::format("the longer side is resized to fit {}x{} (height x width), centred on black",
                         p.height, p.width);
  }
  return "";
}

}  // namespace

std::string resize_sentence(const Preprocessing& p) {
  return fmt::format("The picture, upright and in RGB: {}, by {}.", fit_sentence(p), same_kernel(p.kernel));
}

}  // namespace headstart
