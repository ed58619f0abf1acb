#include "engine/kernel_gradient.h"

#include <algorithm>
#include <cstring>

#include <omp.h>

#include "core/lanes.h"
#include "core/panels.h"
#include "engine/parts.h"

namespace headstart {
namespace {

// Sums that stay in registers: of this many values under the window with two vectors of filters. AVX2 has
// registers for 12 vectors of sums.
constexpr std::int64_t kLefts = 6;
constexpr std::int64_t kFewestRights = 8, kUsualRights = 16, kMostRights = 32;

// What is packed at once stays in a core's second cache, a panel of it in the first.
constexpr std::int64_t kRowsAtOnce = 128;
constexpr std::int64_t kValuesAtOnce = 32 * kLefts, kFiltersAtOnce = 512;
// From one panel of so many columns to the next: no multiple of 4 KB, which would lie in the same lines of a
// cache.
constexpr std::int64_t panel_step(std::int64_t columns) { return kRowsAtOnce * columns + kMostLanes; }
constexpr std::int64_t kPackedValues = kValuesAtOnce / kLefts * panel_step(kLefts);
constexpr std::int64_t kPacked = kPackedValues + kFiltersAtOnce / kFewestRights * panel_step(kFewestRights);

constexpr std::int64_t kTasks = 16;        // keep the usual number of cores busy
constexpr std::int64_t kFewestRows = 512;  // of a part

// Every panel has some columns of every row.
template <std::int64_t columns>
[[gnu::always_inline]] inline void pack_row(const float* values, std::int64_t count, std::int64_t row,
                                            float* panels) {
  float* to = panels + row * columns;
  std::int64_t first = 0;
  for (; first + columns <= count; first += columns, to += panel_step(columns)) {
    std::memcpy(to, values + first, columns * sizeof(float));
  }
  if (first < count) {
    std::memset(to, 0, columns * sizeof(float));
    std::memcpy(to, values + first, static_cast<std::size_t>(count - first) * sizeof(float));
  }
}

// Rows are read in pieces, which the CPU does not foresee.
constexpr std::int64_t kRowsAhead = 8;
[[gnu::always_inline]] inline void fetch(const float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += kMostLanes) {
    __builtin_prefetch(values + i);
  }
}

// The values `wanted` of those under the window of a result, counted through (kernel row, kernel column,
// channel).
void gather(const SlidingShape& s, const float* src, std::int64_t result, const Range& wanted, float* row) {
  const std::int64_t line = result / s.result_width;
  const std::int64_t top = line % s.result_height * s.stride_down - s.zeros_above;
  const std::int64_t left = result % s.result_width * s.stride_right - s.zeros_left;
  const std::int64_t width = s.kernel_width * s.channels;
  const Range inside{.first = std::max<std::int64_t>(0, -left) * s.channels,
                     .end = std::min(s.kernel_width, s.width - left) * s.channels};
  for (std::int64_t first = wanted.first; first < wanted.end;) {
    const std::int64_t down = first / width, y = top + down;
    const std::int64_t begin = first - down * width, end = std::min(width, wanted.end - down * width);
    const std::int64_t from = std::max(begin, inside.first), until = std::min(end, inside.end);
    if (y < 0 || y >= s.height || from >= until) {
      row = std::fill_n(row, end - begin, 0.0F);
    } else {
      const std::int64_t place = ((line / s.result_height * s.height + y) * s.width + left) * s.channels;
      row = std::fill_n(row, from - begin, 0.0F);
      row = std::copy(src + (place + from), src + (place + until), row);
      row = std::fill_n(row, end - until, 0.0F);
    }
    first += end - begin;
  }
}

struct Packed {
  const float *lefts = nullptr, *rights = nullptr;
  std::int64_t rows = 0, values = 0, filters = 0;
};

template <typename L>
[[gnu::always_inline]] inline void multiply(const Packed& packed, bool adds, float* result,
                                            std::int64_t step) {
  for (std::int64_t j = 0; j < packed.filters; j += kPanel<L>) {
    const float* right = packed.rights + j / kPanel<L> * panel_step(kPanel<L>);
    for (std::int64_t i = 0; i < packed.values; i += kLefts) {
      const float* left = packed.lefts + i / kLefts * panel_step(kLefts);
      float* to = result + i * step + j;
      const std::int64_t lefts = packed.values - i, rights = packed.filters - j;
      if (lefts >= kLefts && rights >= kPanel<L>) {
        multiply_panels<L, kLefts>(left, kLefts, right, packed.rows, adds, to, step);
        continue;
      }
      float edge[kLefts * kMostRights];
      multiply_panels<L, kLefts>(left, kLefts, right, packed.rows, false, edge, kPanel<L>);
      for (std::int64_t y = 0; y < std::min(kLefts, lefts); ++y) {
        for (std::int64_t x = 0; x < std::min(kPanel<L>, rights); ++x) {
          to[y * step + x] = edge[y * kPanel<L> + x] + (adds ? to[y * step + x] : 0.0F);
        }
      }
    }
  }
}

}  // namespace

// Rows, and a piece of the gradient.
struct KernelGradient::Task {
  Range rows{}, values{}, filters{};
  std::int64_t part = 0;
};

KernelGradient::KernelGradient(const SlidingShape& shape, std::int64_t filters, int threads)
    : shape_(shape),
      filters_(filters),
      threads_(threads),
      results_(shape.batch * shape.result_height * shape.result_width),
      values_(shape.kernel_height * shape.kernel_width * shape.channels),
      is_plain_(is_pointwise(shape)),
      parts_(std::max<std::int64_t>(1, std::min(pieces(kTasks, tasks_of_a_part()), results_ / kFewestRows))) {
}

bool KernelGradient::fills_registers() const {
  const auto share = [](std::int64_t count, std::int64_t width) {
    return static_cast<double>(count) / static_cast<double>(up_to(count, width));
  };
  constexpr double kEnough = 0.85;
  return share(values_, kLefts) * share(filters_, kUsualRights) >= kEnough;
}

std::int64_t KernelGradient::tasks_of_a_part() const {
  return pieces(values_, kValuesAtOnce) * pieces(filters_, kFiltersAtOnce);
}

std::int64_t KernelGradient::sums() const { return parts_ > 1 ? parts_ * values_ * filters_ : 0; }

std::int64_t KernelGradient::room() const { return threads_ * kPacked + sums(); }

double KernelGradient::multiplications() const {
  return static_cast<double>(results_) * static_cast<double>(values_ * filters_);
}

KernelGradient::Task KernelGradient::task(std::int64_t index) const {
  const std::int64_t across = pieces(filters_, kFiltersAtOnce);
  const std::int64_t height = up_to(pieces(values_, pieces(values_, kValuesAtOnce)), kLefts);
  const std::int64_t width = up_to(pieces(filters_, across), kUsualRights);
  const std::int64_t part = index / tasks_of_a_part(), piece = index % tasks_of_a_part();
  const std::int64_t top = std::min(values_, piece / across * height);
  const std::int64_t left = std::min(filters_, piece % across * width);
  return {.rows = {part * results_ / parts_, (part + 1) * results_ / parts_},
          .values = {top, std::min(values_, top + height)},
          .filters = {left, std::min(filters_, left + width)},
          .part = part};
}

void KernelGradient::work_on(const Task& task, const float* src, const float* diff, float* packed,
                             float* result) const {
  const std::int64_t values = task.values.end - task.values.first;
  const std::int64_t filters = task.filters.end - task.filters.first;
  float* lefts = packed;
  float* rights = packed + kPackedValues;
  vectorized([&]<typename L>() __attribute__((always_inline)) {
    for (std::int64_t first = task.rows.first; first < task.rows.end; first += kRowsAtOnce) {
      const std::int64_t rows = std::min(kRowsAtOnce, task.rows.end - first);
      for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t at = first + row, ahead = std::min(at + kRowsAhead, task.rows.end - 1);
        const float* right = diff + task.filters.first;
        fetch(right + ahead * filters_, filters);
        pack_row<kPanel<L>>(right + at * filters_, filters, row, rights);
        if (is_plain_) {
          const float* left = src + task.values.first;
          fetch(left + ahead * values_, values);
          pack_row<kLefts>(left + at * values_, values, row, lefts);
        } else {
          float window[kValuesAtOnce];
          gather(shape_, src, at, task.values, window);
          pack_row<kLefts>(window, values, row, lefts);
        }
      }
      multiply<L>({.lefts = lefts, .rights = rights, .rows = rows, .values = values, .filters = filters},
                  first != task.rows.first, result + task.values.first * filters_ + task.filters.first,
                  filters_);
    }
  });
}

void KernelGradient::run(const float* src, const float* diff, float* room, float* gradient) const {
  const std::int64_t size = values_ * filters_;
  float* packed = room + sums();
#pragma omp parallel for schedule(dynamic) num_threads(threads_)
  for (std::int64_t index = 0; index < parts_ * tasks_of_a_part(); ++index) {
    const Task task = this->task(index);
    work_on(task, src, diff, packed + omp_get_thread_num() * kPacked,
            parts_ > 1 ? room + task.part * size : gradient);
  }
  if (parts_ > 1) {
    add_up_parts(room, parts_, size, gradient);
  }
}

}  // namespace headstart
