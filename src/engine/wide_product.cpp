// A few rows of the kernel at a time: a block of the sums stays in registers while they go by.
#include "headstart/wide_product.h"

#include <algorithm>

#include "core/lanes.h"
#include "core/panels.h"

namespace headstart {
namespace {

static_assert(WideProduct::kAtOnce == kProductRows);
constexpr std::int64_t kMostGroup = kSumRows<Lanes<Vectors16>>;
constexpr std::int64_t kPieces = 32;  // keep many cores busy, and their sums stay small beside the kernel

// The sums are padded to whole blocks, from row to row by no multiple of 4 KB, which would lie in the same
// lines of a cache.
constexpr std::int64_t step_of(std::int64_t outputs) {
  return up_to(outputs, kPanel<Lanes<Vectors16>>) + kMostLanes;
}
constexpr std::int64_t padded(std::int64_t rows) { return rows + kMostGroup; }

std::int64_t inputs_of_piece(std::int64_t inputs) { return up_to(pieces(inputs, kPieces), kProductRows); }

// sums[i][j] = or += sum over k of left[i][k] right[k][j], for n rows and the columns of a panel.
template <typename L, std::int64_t n>
[[gnu::always_inline]] inline void add_block(const float* left, const float* right, std::int64_t right_step,
                                             std::int64_t count, bool adds, float* sums, std::int64_t step) {
  typename L::Floats first[n] = {}, second[n] = {};
  if (adds) {
    for (std::int64_t i = 0; i < n; ++i) {
      L::get(sums + i * step, first[i]);
      L::get(sums + i * step + L::kCount, second[i]);
    }
  }
  for (std::int64_t k = 0; k < count; ++k) {
    typename L::Floats a, b;
    L::get(right + k * right_step, a);
    L::get(right + k * right_step + L::kCount, b);
#pragma GCC unroll 12
    for (std::int64_t i = 0; i < n; ++i) {
      first[i] += left[i * kProductRows + k] * a;
      second[i] += left[i * kProductRows + k] * b;
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    L::put(sums + i * step, first[i]);
    L::put(sums + i * step + L::kCount, second[i]);
  }
}

// add_block of `group` rows.
template <typename L, std::int64_t n = kSumRows<L>>
[[gnu::always_inline]] inline void add_group(std::int64_t group, const float* left, const float* right,
                                             std::int64_t right_step, std::int64_t count, bool adds,
                                             float* sums, std::int64_t step) {
  if constexpr (n > 1) {
    if (group < n) {
      add_group<L, n - 1>(group, left, right, right_step, count, adds, sums, step);
      return;
    }
  }
  add_block<L, n>(left, right, right_step, count, adds, sums, step);
}

template <typename L>
[[gnu::always_inline]] inline void add_rows(const WideProduct& product, const float* left, std::int64_t count,
                                            const float* kernel, bool adds, float* sums) {
  const std::int64_t outputs = product.outputs, step = step_of(outputs);
  const std::int64_t groups = pieces(product.rows, kSumRows<L>), group = pieces(product.rows, groups);
  for (std::int64_t column = 0; column < outputs; column += kPanel<L>) {
    const std::int64_t columns = std::min(kPanel<L>, outputs - column);
    const float* right = kernel + column;
    std::int64_t right_step = outputs;
    float edge[kProductRows * kPanel<L>];
    if (columns < kPanel<L>) {
      std::fill_n(edge, kProductRows * kPanel<L>, 0.0F);
      for (std::int64_t k = 0; k < count; ++k) {
        std::copy_n(right + k * outputs, columns, edge + k * kPanel<L>);
      }
      right = edge;
      right_step = kPanel<L>;
    }
    for (std::int64_t row = 0; row < product.rows; row += group) {
      add_group<L>(group, left + row * kProductRows, right, right_step, count, adds,
                   sums + row * step + column, step);
    }
  }
}

}  // namespace

std::int64_t WideProduct::sums_needed() const {
  return piece_count(inputs) * padded(rows) * step_of(outputs);
}
std::int64_t WideProduct::piece_count(std::int64_t inputs) { return pieces(inputs, inputs_of_piece(inputs)); }
std::int64_t WideProduct::first_of_piece(std::int64_t inputs, std::int64_t piece) {
  return std::min(inputs, piece * inputs_of_piece(inputs));
}

void WideProduct::add(std::int64_t piece, std::int64_t first, std::int64_t count, const float* kernel) const {
  float left[padded(kMostRows) * kProductRows];
  take_columns(source, rows, inputs, first, count, left);
  std::fill_n(left + rows * kProductRows, kMostGroup * kProductRows, 0.0F);
  float* to = sums + piece * padded(rows) * step_of(outputs);
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    add_rows<L>(*this, left, count, kernel, first > first_of_piece(inputs, piece), to);
  });
}

void WideProduct::add_all(const float* kernel) const {
#pragma omp parallel for schedule(static)
  for (std::int64_t piece = 0; piece < piece_count(inputs); ++piece) {
    const std::int64_t end = first_of_piece(inputs, piece + 1);
    for (std::int64_t first = first_of_piece(inputs, piece); first < end; first += kProductRows) {
      add(piece, first, std::min(kProductRows, end - first), kernel + first * outputs);
    }
  }
}

void WideProduct::finish(const float* bias, float* result) const {
  const std::int64_t step = step_of(outputs), piece_step = padded(rows) * step, count = piece_count(inputs);
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < rows; ++r) {
    float* to = result + r * outputs;
    if (bias != nullptr) {
      std::copy_n(bias, outputs, to);
    } else {
      std::fill_n(to, outputs, 0.0F);
    }
    vectorized([&]<typename L>() __attribute__((always_inline)) {
      for_lanes<L>(
          outputs, [&]<typename V>(std::int64_t i) __attribute__((always_inline)) {
            typename V::Floats sum, more;
            V::get(to + i, sum);
            for (std::int64_t piece = 0; piece < count; ++piece) {
              V::get(sums + piece * piece_step + r * step + i, more);
              sum += more;
            }
            V::put(to + i, sum);
          });
    });
  }
}

}  // namespace headstart
