#include "headstart/kept_images.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace headstart {

std::shared_ptr<const Image> KeptImages::find(int sample) const {
  const std::lock_guard lock(mutex_);
  const auto found = images_.find(sample);
  return found == images_.end() ? nullptr : found->second;
}

void KeptImages::keep(int sample, std::shared_ptr<const Image> image) {
  const std::lock_guard lock(mutex_);
  const auto bytes = image->pixels.size();
  if (bytes <= room_ && images_.emplace(sample, std::move(image)).second) {
    room_ -= bytes;
  }
}

std::size_t room_for_images() {
  constexpr std::size_t kMost = std::size_t{2} << 30;
  const auto pages = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto page = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
  return std::min(kMost, pages * page / 8);
}

}  // namespace headstart
