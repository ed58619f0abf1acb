// Decoded pictures kept in memory, so that later epochs do not decode them again.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "headstart/image.h"

namespace headstart {

// Of one data set, by sample. Any number of threads may use it at once.
class KeptImages {
 public:
  // `bytes`: of pixels, at most; what comes later is not kept.
  explicit KeptImages(std::size_t bytes) : room_(bytes) {}

  std::shared_ptr<const Image> find(int sample) const;
  void keep(int sample, std::shared_ptr<const Image> image);

 private:
  mutable std::mutex mutex_;
  std::size_t room_;
  std::map<int, std::shared_ptr<const Image>> images_;
};

// An eighth of the memory that may still be taken (of a container, where there is one), at most 2 GB.
std::size_t room_for_images();

}  // namespace headstart
