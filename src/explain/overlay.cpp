// Heat maps in colour, resized over photos.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <opencv2/imgproc.hpp>

#include "core/parallel.h"
#include "headstart/error.h"
#include "headstart/explain_pictures.h"

namespace headstart {
namespace {

constexpr int kLevels = -1;  // gray: the levels themselves
constexpr std::array<std::pair<const char*, int>, 9> kColormaps{{{"jet", cv::COLORMAP_JET},
                                                                 {"viridis", cv::COLORMAP_VIRIDIS},
                                                                 {"turbo", cv::COLORMAP_TURBO},
                                                                 {"inferno", cv::COLORMAP_INFERNO},
                                                                 {"magma", cv::COLORMAP_MAGMA},
                                                                 {"plasma", cv::COLORMAP_PLASMA},
                                                                 {"cividis", cv::COLORMAP_CIVIDIS},
                                                                 {"hot", cv::COLORMAP_HOT},
                                                                 {"gray", kLevels}}};

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

// OpenCV's number of a colormap.
int colormap_number(const std::string& name) {
  const auto* found = std::find_if(kColormaps.begin(), kColormaps.end(),
                                   [&](const auto& each) { return name == each.first; });
  if (found == kColormaps.end()) {
    throw Error(fmt::format("[explain] the colormap was expected to be one of {}; received \"{}\"",
                            fmt::join(colormap_names(), ", "), name));
  }
  return found->second;
}

Palette palette_of(const std::string& name) {
  const int number = colormap_number(name);
  cv::Mat levels(1, 256, CV_8UC1), colours;
  for (int i = 0; i < 256; ++i) {
    levels.at<std::uint8_t>(0, i) = static_cast<std::uint8_t>(i);
  }
  if (number == kLevels) {
    cv::merge(std::vector<cv::Mat>{levels, levels, levels}, colours);
  } else {
    cv::applyColorMap(levels, colours, number);
  }
  Palette palette{};
  for (int i = 0; i < 256; ++i) {
    const auto bgr = colours.at<cv::Vec3b>(0, i);
    palette[static_cast<std::size_t>(i)] = {bgr[2], bgr[1], bgr[0]};
  }
  return palette;
}

std::size_t level(float value) {
  return static_cast<std::size_t>(255.0F * std::clamp(value, 0.0F, 1.0F) + 0.5F);
}

// Two neighbours along an axis and the second one's weight.
struct Between {
  std::int64_t first = 0, second = 0;
  float weight = 0.0F;
  bool inside = true;  // of the window
};

// For every pixel of the photo along one axis, where it lies among `cells` values that are spread evenly over
// the window, with their values at their centres.
std::vector<Between> positions(int pixels, double begin, double length, std::int64_t cells) {
  std::vector<Between> result(static_cast<std::size_t>(pixels));
  for (int i = 0; i < pixels; ++i) {
    const double share = (i + 0.5 - begin) / length;
    const double at =
        std::clamp(share * static_cast<double>(cells) - 0.5, 0.0, static_cast<double>(cells - 1));
    const auto first = static_cast<std::int64_t>(at);
    result[static_cast<std::size_t>(i)] = {.first = first,
                                           .second = std::min(first + 1, cells - 1),
                                           .weight = static_cast<float>(at - static_cast<double>(first)),
                                           .inside = share >= 0.0 && share <= 1.0};
  }
  return result;
}

float interpolated(const Tensor& map, const Between& y, const Between& x) {
  const auto width = map.shape()[1];
  const auto mix = [](float a, float b, float weight) { return a + weight * (b - a); };
  const auto along = [&](std::int64_t row) {
    return mix(map[row * width + x.first], map[row * width + x.second], x.weight);
  };
  return mix(along(y.first), along(y.second), y.weight);
}

std::uint8_t blend(std::uint8_t photo, std::uint8_t colour, double alpha) {
  return static_cast<std::uint8_t>((1.0 - alpha) * photo + alpha * colour + 0.5);
}

}  // namespace

std::vector<std::string> colormap_names() {
  std::vector<std::string> names;
  names.reserve(kColormaps.size());
  for (const auto& each : kColormaps) {
    names.emplace_back(each.first);
  }
  return names;
}

void check_overlay(const OverlayOptions& options) {
  colormap_number(options.colormap);
  if (!(options.alpha >= 0.0 && options.alpha <= 1.0)) {
    throw Error(fmt::format("[explain] expected an alpha from 0 to 1; received {}", options.alpha));
  }
}

Image coloured(const Tensor& values, const std::string& colormap) {
  const Palette palette = palette_of(colormap);
  Image image{.width = static_cast<int>(values.shape().at(1)),
              .height = static_cast<int>(values.shape().at(0)),
              .pixels = {}};
  for (const float value : values.values()) {
    const auto& rgb = palette[level(value)];
    image.pixels.insert(image.pixels.end(), rgb.begin(), rgb.end());
  }
  return image;
}

Tensor heat_over(const HeatMap& map, int width, int height, const PictureWindow& window) {
  const auto rows = positions(height, window.top, window.height, map.values.shape().at(0));
  const auto columns = positions(width, window.left, window.width, map.values.shape().at(1));
  Tensor heat({height, width});
  // Starting threads takes longer than a small picture.
  constexpr std::int64_t kSmall = 1 << 18;
  parallel_for(rows.size(), heat.size() < kSmall ? 1 : 0, [&](std::size_t y) {
    float* value = heat.data() + static_cast<std::int64_t>(y) * width;
    for (const auto& column : columns) {
      *value++ = rows[y].inside && column.inside ? interpolated(map.values, rows[y], column) : -1.0F;
    }
  });
  return heat;
}

Image overlaid(const Image& photo, const HeatMap& map, const PictureWindow& window,
               const OverlayOptions& options) {
  check_overlay(options);
  constexpr double kUnseen = 0.35;  // how bright the rest is
  const Palette palette = palette_of(options.colormap);
  const Tensor heat = heat_over(map, photo.width, photo.height, window);
  Image result = photo;
  std::uint8_t* byte = result.pixels.data();
  for (const float value : heat.values()) {
    const auto& colour = palette[level(value)];
    for (std::size_t c = 0; c < 3; ++c, ++byte) {
      *byte = value < 0.0F ? blend(0, *byte, kUnseen) : blend(*byte, colour[c], options.alpha);
    }
  }
  return result;
}

}  // namespace headstart
