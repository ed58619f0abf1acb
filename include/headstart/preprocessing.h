// From a decoded picture to a network's input, as data that travels inside the model file.
#pragma once

#include <array>
#include <string>

namespace headstart {

// How pixels are computed when the size changes. `bilinear_aa` and `bicubic_aa` equal Pillow's BILINEAR and
// BICUBIC (support grows with the scale); `nearest` equals keras.utils.load_img's default; `bilinear` is
// OpenCV's and TensorFlow's without antialias (half-pixel centres); `area` is OpenCV's INTER_AREA.
enum class ResizeKernel { nearest, bilinear, bilinear_aa, bicubic_aa, area };

// squash: both sides to the target. crop: shorter side to `resize_to` (0: the target), then the central crop.
// pad: longer side to the target, centred on the fill colour black.
enum class ResizeFit { squash, crop, pad };

// Input = (pixel[order] * scale - mean) / std for RGB bytes 0..255, per channel, after reordering.
struct Preprocessing {
  int height = 224, width = 224, channels = 3;  // channels 1: luma (ITU-R 601) of the picture
  ResizeKernel kernel = ResizeKernel::bilinear_aa;
  ResizeFit fit = ResizeFit::squash;
  int resize_to = 0;
  bool bgr = false;
  float scale = 1.0F;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
  std::string mode = "custom";  // "caffe", "tf", "torch", "none", "custom": only a name for people

  bool operator==(const Preprocessing&) const = default;
};

// The named arithmetic: "caffe" (BGR minus 103.939, 116.779, 123.68), "tf" (x / 127.5 - 1), "torch" (/255,
// ImageNet mean and std), "none" (0..255), "unit" (x / 255). Throws Error for another name. Sets bgr, scale,
// mean, std and mode only.
Preprocessing with_mode(Preprocessing preprocessing, const std::string& mode);

std::string to_string(ResizeKernel kernel);  // "bilinear-aa"
std::string to_string(ResizeFit fit);
ResizeKernel resize_kernel_from(const std::string& name);  // throws Error listing the names
ResizeFit resize_fit_from(const std::string& name);

}  // namespace headstart
