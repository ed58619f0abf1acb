// Posterize, solarize, autocontrast, equalize, sharpness.
#include "image/augment_tone.h"

#include <algorithm>
#include <array>

namespace headstart {
namespace {

using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::int64_t, 256>;

void map_values(Image& image, const std::array<Table, 3>& tables) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      image.pixels[i + channel] = tables[channel][image.pixels[i + channel]];
    }
  }
}

std::array<Histogram, 3> histograms(const Image& image) {
  std::array<Histogram, 3> counts{};
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      ++counts[channel][image.pixels[i + channel]];
    }
  }
  return counts;
}

Table identity() {
  Table table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<std::uint8_t>(value);
  }
  return table;
}

bool is_present(std::int64_t count) { return count > 0; }

Table stretched(const Histogram& counts) {
  const auto low = std::find_if(counts.begin(), counts.end(), is_present) - counts.begin();
  const auto high = 255 - (std::find_if(counts.rbegin(), counts.rend(), is_present) - counts.rbegin());
  if (high <= low) {
    return identity();
  }
  const double scale = 255.0 / static_cast<double>(high - low);
  Table table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    const double mapped = static_cast<double>(value) * scale - static_cast<double>(low) * scale;
    table[value] = static_cast<std::uint8_t>(std::clamp(mapped, 0.0, 255.0));
  }
  return table;
}

Table flattened(const Histogram& counts) {
  const auto last = std::find_if(counts.rbegin(), counts.rend(), is_present);
  std::int64_t all = 0;
  for (const auto count : counts) {
    all += count;
  }
  const std::int64_t step = last == counts.rend() ? 0 : (all - *last) / 255;
  if (step == 0) {
    return identity();
  }
  Table table{};
  std::int64_t below = step / 2;
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<std::uint8_t>(std::min<std::int64_t>(below / step, 255));
    below += counts[value];
  }
  return table;
}

// 3x3 with a weight of 5 in the middle, borders as they are.
Image smoothed(const Image& image) {
  Image result = image;
  const auto width = static_cast<std::ptrdiff_t>(image.width) * 3;
  for (std::ptrdiff_t y = 1; y + 1 < image.height; ++y) {
    const std::uint8_t* row = image.pixels.data() + y * width;
    std::uint8_t* target = result.pixels.data() + y * width;
    for (std::ptrdiff_t x = 3; x + 3 < width; ++x) {
      int sum = 4 * row[x];
      for (const auto line : {row - width, row, row + width}) {
        sum += line[x - 3] + line[x] + line[x + 3];
      }
      target[x] = static_cast<std::uint8_t>((2 * sum + 13) / 26);
    }
  }
  return result;
}

}  // namespace

void posterize(Image& image, int bits) {
  const int lost = 8 - std::clamp(bits, 1, 8);
  for (auto& value : image.pixels) {
    value = static_cast<std::uint8_t>(value >> lost << lost);
  }
}

void solarize(Image& image, double threshold) {
  Table table = identity();
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = static_cast<std::uint8_t>(static_cast<double>(value) < threshold ? value : 255 - value);
  }
  map_values(image, {table, table, table});
}

void autocontrast(Image& image) {
  const auto counts = histograms(image);
  map_values(image, {stretched(counts[0]), stretched(counts[1]), stretched(counts[2])});
}

void equalize(Image& image) {
  const auto counts = histograms(image);
  map_values(image, {flattened(counts[0]), flattened(counts[1]), flattened(counts[2])});
}

Image sharpened(const Image& image, double factor) {
  Image result = smoothed(image);
  const auto alpha = static_cast<float>(factor);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const int soft = result.pixels[i];
    const float value = static_cast<float>(soft) + alpha * static_cast<float>(image.pixels[i] - soft);
    result.pixels[i] = static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F));
  }
  return result;
}

}  // namespace headstart
