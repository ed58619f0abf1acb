#include "headstart/kept_images.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/memory.h"

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
  constexpr std::int64_t kMost = std::int64_t{2} << 30;
  return static_cast<std::size_t>(std::min(kMost, available_memory() / 8));
}

}  // namespace headstart
