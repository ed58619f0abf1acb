// What a picture looks like in a few bytes, so that copies of it are found among thousands.
#pragma once

#include <array>
#include <cstdint>

#include "headstart/image.h"

namespace headstart {

struct Fingerprint {
  // Signs of the lowest 8x8 frequencies (DCT of the 32x32 luma) against their median; bit 0 stands for the
  // mean and is 0. Scaling, recompression and small changes of tone flip few bits ("pHash").
  std::uint64_t hash = 0;
  std::array<std::uint8_t, std::size_t{16} * 16 * 3> thumbnail{};  // RGB
  int contrast = 0;  // greatest difference between two pixels of a channel
};

Fingerprint fingerprint(const Image& image);

// The hashes differ in at most 10 bits and the thumbnails agree: they correlate by at least 0.98 and are no
// more than 12 levels apart in the mean. Mirrored pictures and narrow crops are not found.
bool looks_alike(const Fingerprint& a, const Fingerprint& b);

}  // namespace headstart
