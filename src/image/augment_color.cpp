// Colour of a view: channel shift, brightness, contrast, saturation, hue, tint; and erasing.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "image/augment_apply.h"

namespace headstart {
namespace {

using ColorMatrix = std::array<double, 9>;
using Table = std::array<std::uint8_t, 256>;

constexpr std::array<double, 3> kLuma{0.299, 0.587, 0.114};  // ITU-R 601

std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

void map_values(const Table& table, Image& image) {
  for (auto& value : image.pixels) {
    value = table[value];
  }
}

ColorMatrix multiply(const ColorMatrix& a, const ColorMatrix& b) {
  ColorMatrix product{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      for (std::size_t k = 0; k < 3; ++k) {
        product[3 * row + column] += a[3 * row + k] * b[3 * k + column];
      }
    }
  }
  return product;
}

// Between gray (0) and the colour (1), and beyond.
ColorMatrix saturation_matrix(double factor) {
  ColorMatrix matrix{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      matrix[3 * row + column] = (1.0 - factor) * kLuma[column] + (row == column ? factor : 0.0);
    }
  }
  return matrix;
}

// A turn of the chroma plane of YIQ; luma stays.
ColorMatrix hue_matrix(double turn) {
  constexpr ColorMatrix kToYiq{0.299,     0.587,    0.114,     0.595716, -0.274453,
                               -0.321263, 0.211456, -0.522591, 0.311135};
  constexpr ColorMatrix kFromYiq{1.0, 0.9563, 0.6210, 1.0, -0.2721, -0.6474, 1.0, -1.1070, 1.7046};
  const double angle = 2.0 * std::numbers::pi * turn;
  const ColorMatrix rotation{
      1, 0, 0, 0, std::cos(angle), -std::sin(angle), 0, std::sin(angle), std::cos(angle)};
  return multiply(kFromYiq, multiply(rotation, kToYiq));
}

double mean_luma(const Image& image) {
  std::array<std::uint64_t, 3> sums{};
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      sums[channel] += image.pixels[i + channel];
    }
  }
  const std::size_t count = image.pixels.size() / 3;
  double luma = 0.0;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    luma += kLuma[channel] * static_cast<double>(sums[channel]);
  }
  return luma / static_cast<double>(count);
}

// Fixed point with 12 fractional bits: exact to a level, and the same on every machine.
[[gnu::target_clones("avx512f", "avx2", "default")]] void transform(
    std::uint8_t* pixels, std::size_t count, const std::array<std::int32_t, 12>& rows) {
  constexpr int kBits = 12;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t red = pixels[3 * i];
    const std::int32_t green = pixels[3 * i + 1];
    const std::int32_t blue = pixels[3 * i + 2];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const std::int32_t* row = rows.data() + 4 * channel;
      const std::int32_t value = (row[0] * red + row[1] * green + row[2] * blue + row[3]) >> kBits;
      pixels[3 * i + channel] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
    }
  }
}

}  // namespace

void shift_channels(Image& image, double shift) {
  if (shift == 0.0) {
    return;
  }
  const auto [least, greatest] = std::minmax_element(image.pixels.begin(), image.pixels.end());
  const double low = *least;
  const double high = *greatest;
  Table table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = to_byte(std::clamp(static_cast<double>(value) + shift, low, high));
  }
  map_values(table, image);
}

// As Pillow's ImageEnhance.Brightness, which Keras calls: rounded down.
void scale_brightness(Image& image, double factor) {
  if (factor == 1.0) {
    return;
  }
  Table table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<std::uint8_t>(std::min(static_cast<double>(value) * factor, 255.0));
  }
  map_values(table, image);
}

ColorTransform color_transform(const AugmentDraw& draw, double luma) {
  ColorTransform transform;
  const ColorMatrix tint{draw.tint[0], 0, 0, 0, draw.tint[1], 0, 0, 0, draw.tint[2]};
  const ColorMatrix linear =
      multiply(tint, multiply(hue_matrix(draw.hue), saturation_matrix(draw.saturation)));
  const double lifted = (1.0 - draw.contrast) * luma;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      transform.matrix[3 * row + column] = linear[3 * row + column] * draw.contrast;
      transform.offset[row] += linear[3 * row + column] * lifted;
    }
  }
  return transform;
}

void jitter_color(Image& image, const AugmentDraw& draw) {
  const bool tints = draw.tint[0] != 1.0 || draw.tint[1] != 1.0 || draw.tint[2] != 1.0;
  if (draw.contrast == 1.0 && draw.saturation == 1.0 && draw.hue == 0.0 && !tints) {
    return;
  }
  constexpr double kOne = 4096.0;
  const ColorTransform color = color_transform(draw, draw.contrast == 1.0 ? 0.0 : mean_luma(image));
  std::array<std::int32_t, 12> rows{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      rows[4 * row + column] = static_cast<std::int32_t>(std::lround(color.matrix[3 * row + column] * kOne));
    }
    rows[4 * row + 3] = static_cast<std::int32_t>(std::lround((color.offset[row] + 0.5) * kOne));
  }
  transform(image.pixels.data(), image.pixels.size() / 3, rows);
}

void erase(Image& image, const AugmentBox& box) {
  const int left = static_cast<int>(box.left * image.width);
  const int top = static_cast<int>(box.top * image.height);
  const int right =
      std::min(static_cast<int>(std::lround((box.left + box.width) * image.width)), image.width);
  const int bottom =
      std::min(static_cast<int>(std::lround((box.top + box.height) * image.height)), image.height);
  std::array<double, 3> mean{};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    mean[i % 3] += image.pixels[i];
  }
  const std::size_t count = image.pixels.size() / 3;
  std::array<std::uint8_t, 3> color{};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    color[channel] = to_byte(mean[channel] / static_cast<double>(count));
  }
  for (int y = top; y < bottom; ++y) {
    std::uint8_t* pixel = image.pixels.data() + 3 * (static_cast<std::ptrdiff_t>(y) * image.width + left);
    for (int x = left; x < right; ++x) {
      pixel = std::copy(color.begin(), color.end(), pixel);
    }
  }
}

}  // namespace headstart
