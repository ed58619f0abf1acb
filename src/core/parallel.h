// A fixed set of threads for loops over independent items outside oneDNN.
#pragma once

#include <cstddef>
#include <functional>

namespace headstart {

// As many as are asked for; with 0 one for each core.
int thread_count(int asked);

// Calls body(i) for every i in [0, count) on up to `threads` threads (0: all cores). Rethrows the exception
// of the lowest index.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace headstart
