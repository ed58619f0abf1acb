// EXIF orientation by libexif, and the eight ways to turn a picture.
#include "image/orientation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <libexif/exif-data.h>

#include "image/decoders.h"

namespace headstart {
namespace {

constexpr std::array<std::uint8_t, 6> kExifMark{'E', 'x', 'i', 'f', 0, 0};

struct ExifRelease {
  void operator()(ExifData* data) const { exif_data_unref(data); }
};

bool has_mark(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kExifMark.size() && std::equal(kExifMark.begin(), kExifMark.end(), bytes.begin());
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> tiff) {
  constexpr std::size_t kMaximumBytes = 1 << 20;
  if (tiff.size() < 14 || tiff.size() > kMaximumBytes) {
    return 1;
  }
  std::vector<std::uint8_t> block;
  if (!has_mark(tiff)) {
    block.assign(kExifMark.begin(), kExifMark.end());
  }
  block.insert(block.end(), tiff.begin(), tiff.end());

  const std::unique_ptr<ExifData, ExifRelease> data(exif_data_new());
  if (data == nullptr) {
    return 1;
  }
  exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
  exif_data_load_data(data.get(), block.data(), static_cast<unsigned int>(block.size()));
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->size < 2) {
    return 1;
  }
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

Image oriented(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) {
    return image;
  }
  const bool transposes = orientation_transposes(orientation);
  const bool right_to_left = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool bottom_to_top = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright = transposes ? make_image(image.height, image.width) : make_image(image.width, image.height);
  // The source pixel of the upright (x, y): exchanged for transposing orientations, then counted from the far
  // side.
  std::uint8_t* target = upright.pixels.data();
  for (int y = 0; y < upright.height; ++y) {
    for (int x = 0; x < upright.width; ++x) {
      int source_x = transposes ? y : x;
      int source_y = transposes ? x : y;
      source_x = right_to_left ? image.width - 1 - source_x : source_x;
      source_y = bottom_to_top ? image.height - 1 - source_y : source_y;
      const auto offset = 3 * (static_cast<std::size_t>(source_y) * static_cast<std::size_t>(image.width) +
                               static_cast<std::size_t>(source_x));
      std::memcpy(target, image.pixels.data() + offset, 3);
      target += 3;
    }
  }
  return upright;
}

}  // namespace headstart
