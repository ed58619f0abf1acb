// The matrices of all positions as oneDNN takes them.
#pragma once

#include "engine/arena.h"
#include "engine/onednn.h"
#include "engine/winograd_tiles.h"

namespace headstart {

// Bytes from one matrix to the next.
inline std::size_t matrix_step(const onednn::Desc& matrix) {
  std::int64_t count = 1;
  for (const auto extent : onednn::dims_of(matrix)) {
    count *= extent;
  }
  return static_cast<std::size_t>(matrix_stride(count)) *
         dnnl::memory::data_type_size(onednn::type_of(matrix));
}

inline std::size_t bytes_of_matrices(const WinogradShape& shape, const onednn::Desc& matrix) {
  return aligned(static_cast<std::size_t>(shape.positions()) * matrix_step(matrix));
}

inline dnnl::memory matrix_at(const dnnl::engine& engine, const onednn::Desc& matrix, void* matrices,
                              std::int64_t position) {
  return {matrix, engine,
          static_cast<char*>(matrices) + static_cast<std::size_t>(position) * matrix_step(matrix)};
}

}  // namespace headstart
