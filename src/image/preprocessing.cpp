// The named preprocessing modes and the names of kernels and fits.
#include "headstart/preprocessing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>
#include <vector>

#include "headstart/error.h"

namespace headstart {
namespace {

constexpr std::array<std::pair<const char*, ResizeKernel>, 5> kKernels{
    {{"nearest", ResizeKernel::nearest},
     {"bilinear", ResizeKernel::bilinear},
     {"bilinear-aa", ResizeKernel::bilinear_aa},
     {"bicubic-aa", ResizeKernel::bicubic_aa},
     {"area", ResizeKernel::area}}};
constexpr std::array<std::pair<const char*, ResizeFit>, 3> kFits{
    {{"squash", ResizeFit::squash}, {"crop", ResizeFit::crop}, {"pad", ResizeFit::pad}}};

struct Mode {
  const char* name = "";
  bool bgr = false;
  float scale = 1.0F;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
};

// keras.applications.imagenet_utils.preprocess_input; torchvision's and timm's constants.
constexpr std::array<Mode, 5> kModes{
    {{"caffe", true, 1.0F, {103.939F, 116.779F, 123.68F}, {1, 1, 1}},
     {"tf", false, 1.0F / 127.5F, {1, 1, 1}, {1, 1, 1}},
     {"torch", false, 1.0F / 255.0F, {0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}},
     {"none", false, 1.0F, {0, 0, 0}, {1, 1, 1}},
     {"unit", false, 1.0F / 255.0F, {0, 0, 0}, {1, 1, 1}}}};

template <typename Value, std::size_t count>
Value value_of(const std::array<std::pair<const char*, Value>, count>& names, const std::string& name,
               const char* what) {
  std::vector<std::string> known;
  for (const auto& [text, value] : names) {
    if (name == text) {
      return value;
    }
    known.emplace_back(text);
  }
  throw Error(fmt::format("[preprocessing] {} was expected to be one of {}; received \"{}\"", what,
                          fmt::join(known, ", "), name));
}

template <typename Value, std::size_t count>
std::string name_of(const std::array<std::pair<const char*, Value>, count>& names, Value wanted) {
  for (const auto& [text, value] : names) {
    if (value == wanted) {
      return text;
    }
  }
  throw Error("[preprocessing] a known value was expected; received another");
}

}  // namespace

Preprocessing with_mode(Preprocessing preprocessing, const std::string& mode) {
  for (const auto& known : kModes) {
    if (mode == known.name) {
      preprocessing.bgr = known.bgr;
      preprocessing.scale = known.scale;
      preprocessing.mean = known.mean;
      preprocessing.std = known.std;
      preprocessing.mode = mode;
      return preprocessing;
    }
  }
  throw Error(fmt::format(
      "[preprocessing] the mode was expected to be one of caffe, tf, torch, none, unit; received \"{}\"",
      mode));
}

std::string to_string(ResizeKernel kernel) { return name_of(kKernels, kernel); }
std::string to_string(ResizeFit fit) { return name_of(kFits, fit); }
ResizeKernel resize_kernel_from(const std::string& name) {
  return value_of(kKernels, name, "the resize kernel");
}
ResizeFit resize_fit_from(const std::string& name) { return value_of(kFits, name, "the fit"); }

}  // namespace headstart
