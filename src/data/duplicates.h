// Which of many pictures are the same.
#pragma once

#include <cstddef>
#include <vector>

#include "data/examine.h"

namespace headstart {

// Groups of two or more, each ascending, in the order of their first member. Every pair of fingerprints is
// compared: 20,000 pictures take about a second. Unreadable pictures are in no group.
std::vector<std::vector<std::size_t>> duplicate_groups(const std::vector<Examined>& images, int threads);

}  // namespace headstart
