// Bytes to floats: order, scale, mean and standard deviation by a table of 256 values a channel.
#include <array>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "image/decoders.h"

namespace headstart {
namespace {

using FloatTable = std::array<float, 256>;

FloatTable table_of(const Preprocessing& preprocessing, std::size_t channel) {
  FloatTable table{};
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = (static_cast<float>(value) * preprocessing.scale - preprocessing.mean[channel]) /
                   preprocessing.std[channel];
  }
  return table;
}

// ITU-R 601 luma with Pillow's 16-bit weights.
std::size_t luma(const std::uint8_t* rgb) {
  return (rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16;
}

}  // namespace

void normalize_into(const Image& image, const Preprocessing& preprocessing, float* output) {
  if (image.width != preprocessing.width || image.height != preprocessing.height) {
    throw Error(fmt::format("[preprocessing] a picture of {}x{} was expected; received {}x{}; fit it first",
                            preprocessing.width, preprocessing.height, image.width, image.height));
  }
  check_pixels(image);
  const std::uint8_t* pixel = image.pixels.data();
  const std::uint8_t* end = pixel + image.pixels.size();
  const FloatTable first = table_of(preprocessing, 0);
  if (preprocessing.channels == 1) {
    for (; pixel != end; pixel += 3) {
      *output++ = first[luma(pixel)];
    }
    return;
  }
  if (preprocessing.channels != 3) {
    throw Error(
        fmt::format("[preprocessing] 1 or 3 channels were expected; received {}", preprocessing.channels));
  }
  const FloatTable second = table_of(preprocessing, 1);
  const FloatTable third = table_of(preprocessing, 2);
  const std::size_t red = preprocessing.bgr ? 2 : 0;
  const std::size_t blue = 2 - red;
  for (; pixel != end; pixel += 3, output += 3) {
    output[0] = first[pixel[red]];
    output[1] = second[pixel[1]];
    output[2] = third[pixel[blue]];
  }
}

Tensor preprocess(const Image& image, const Preprocessing& preprocessing) {
  Tensor tensor({preprocessing.height, preprocessing.width, preprocessing.channels});
  normalize_into(fit_image(image, preprocessing), preprocessing, tensor.data());
  return tensor;
}

}  // namespace headstart
