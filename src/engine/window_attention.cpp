#include "engine/window_attention.h"

#include <algorithm>
#include <cstring>

#include "engine/layout.h"

namespace headstart {
namespace {

using onednn::Desc;

// In rolled coordinates: 0 before the last window, else 1, and 2 for what was rolled in from the other side.
int region_along(std::int64_t at, std::int64_t extent, int window, int shift) {
  if (shift == 0 || at < extent - window) {
    return 0;
  }
  return at < extent - shift ? 1 : 2;
}

enum class Direction { into_windows, from_windows };

// Copies every pixel to its place in the windows or back; both hold `channels` values a pixel.
void emit_moves(Emitter& emitter, const std::string& node, const Value& src, const Value& dst,
                const WindowGrid& grid, Direction direction) {
  const auto images = grid.batch();
  const auto from = emitter.memory(src);
  const auto to = emitter.memory(dst);
  const auto bytes = static_cast<std::int64_t>(dst.desc.get_size()) / (images * grid.pixels());
  emitter.emit(node, "windows", {.reads = {src}, .writes = {dst}}, [=, pixels = grid.pixels_in_windows()] {
    const auto* read = static_cast<const char*>(from.get_data_handle());
    auto* write = static_cast<char*>(to.get_data_handle());
    const auto count = static_cast<std::int64_t>(pixels.size());
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < images * count; ++i) {
      const auto first = i / count * count;
      const auto pixel = first + pixels[static_cast<std::size_t>(i - first)];
      const auto source = direction == Direction::into_windows ? pixel : i;
      const auto target = direction == Direction::into_windows ? i : pixel;
      std::memcpy(write + target * bytes, read + source * bytes, static_cast<std::size_t>(bytes));
    }
  });
}

std::int64_t channels_of_rows(const Value& value, std::int64_t rows) {
  const auto dims = onednn::dims_of(value.desc);
  std::int64_t count = 1;
  for (const auto extent : dims) {
    count *= extent;
  }
  return count / rows;
}

}  // namespace

WindowGrid::WindowGrid(const WindowAttention& op, const Shape& shape, std::int64_t batch)
    : op_(op), height_(shape[0]), width_(shape[1]), channels_(shape[2]), batch_(batch) {}

AttentionShape WindowGrid::attention_shape() const {
  return {.batch = batch_ * windows(), .tokens = tokens(), .channels = channels_, .heads = op_.heads};
}

std::vector<std::int64_t> WindowGrid::pixels_in_windows() const {
  std::vector<std::int64_t> pixels;
  pixels.reserve(static_cast<std::size_t>(this->pixels()));
  const std::int64_t side = op_.window;
  for (std::int64_t top = 0; top < height_; top += side) {
    for (std::int64_t left = 0; left < width_; left += side) {
      for (std::int64_t token = 0; token < tokens(); ++token) {
        const auto y = (top + token / side + op_.shift.height) % height_;
        const auto x = (left + token % side + op_.shift.width) % width_;
        pixels.push_back(y * width_ + x);
      }
    }
  }
  return pixels;
}

std::int64_t WindowGrid::table_size() const {
  const std::int64_t distances = 2 * std::int64_t{op_.window} - 1;
  return distances * distances * op_.heads;
}

Desc WindowGrid::bias_desc() const { return {{1, bias_size()}, DataType::f32, dnnl::memory::format_tag::ab}; }

Desc WindowGrid::image_desc(std::int64_t channels, DataType type) const {
  return activation_desc({height_, width_, channels}, batch_, type);
}

std::int64_t WindowGrid::table_row(std::int64_t query, std::int64_t key) const {
  const std::int64_t side = op_.window;
  const auto down = query / side - key / side + side - 1;
  const auto right = query % side - key % side + side - 1;
  return down * (2 * side - 1) + right;
}

// Of every place of the windows: pixels of different ones were no neighbours before the rolling.
std::vector<int> WindowGrid::regions() const {
  std::vector<int> regions;
  regions.reserve(static_cast<std::size_t>(pixels()));
  const std::int64_t side = op_.window;
  for (std::int64_t top = 0; top < height_; top += side) {
    for (std::int64_t left = 0; left < width_; left += side) {
      for (std::int64_t token = 0; token < tokens(); ++token) {
        regions.push_back(3 * region_along(top + token / side, height_, op_.window, op_.shift.height) +
                          region_along(left + token % side, width_, op_.window, op_.shift.width));
      }
    }
  }
  return regions;
}

void WindowGrid::fill_bias(const float* table, float* bias) const {
  constexpr float kApart = -100.0F;
  const auto region = regions();
  const auto count = tokens();
  for (std::int64_t window = 0; window < biased_windows(); ++window) {
    const int* own = region.data() + window * count;
    for (std::int64_t head = 0; head < op_.heads; ++head) {
      for (std::int64_t query = 0; query < count; ++query) {
        for (std::int64_t key = 0; key < count; ++key) {
          *bias++ =
              table[table_row(query, key) * op_.heads + head] + (own[query] == own[key] ? 0.0F : kApart);
        }
      }
    }
  }
}

void WindowGrid::sum_into_table(const float* diff_scores, float* diff_table) const {
  std::fill_n(diff_table, table_size(), 0.0F);
  const auto count = tokens() * tokens();
  const auto all = batch_ * windows();
#pragma omp parallel for schedule(static)
  for (std::int64_t head = 0; head < op_.heads; ++head) {
    std::vector<double> sums(static_cast<std::size_t>(count), 0.0);
    for (std::int64_t window = 0; window < all; ++window) {
      const float* diff = diff_scores + (window * op_.heads + head) * count;
      for (std::int64_t i = 0; i < count; ++i) {
        sums[static_cast<std::size_t>(i)] += static_cast<double>(diff[i]);
      }
    }
    for (std::int64_t i = 0; i < count; ++i) {
      diff_table[table_row(i / tokens(), i % tokens()) * op_.heads + head] +=
          static_cast<float>(sums[static_cast<std::size_t>(i)]);
    }
  }
}

Value emit_into_windows(Emitter& emitter, const std::string& node, const Value& image,
                        const WindowGrid& grid) {
  const auto shape = grid.attention_shape();
  const auto channels = channels_of_rows(image, grid.batch() * grid.pixels());
  const auto windows =
      emitter.value(activation_desc({shape.tokens, channels}, shape.batch, onednn::type_of(image.desc)));
  emit_moves(emitter, node, image, windows, grid, Direction::into_windows);
  return windows;
}

Value emit_from_windows(Emitter& emitter, const std::string& node, const Value& windows,
                        const WindowGrid& grid) {
  const auto channels = channels_of_rows(windows, grid.batch() * grid.pixels());
  const auto image = emitter.value(grid.image_desc(channels, onednn::type_of(windows.desc)));
  emit_moves(emitter, node, windows, image, grid, Direction::from_windows);
  return image;
}

Value emit_window_bias(Emitter& emitter, const std::string& node, const Value& table,
                       const WindowGrid& grid) {
  const auto bias = emitter.value(grid.bias_desc());
  const auto from = emitter.memory(table);
  const auto to = emitter.memory(bias);
  emitter.emit(node, "bias of the windows", {.reads = {table}, .writes = {bias}},
               [=] { grid.fill_bias(floats(from), floats(to)); });
  return bias;
}

void emit_table_gradient(Emitter& emitter, const std::string& node, const Value& diff_scores,
                         const Value& diff_table, const WindowGrid& grid) {
  const Desc f32(onednn::dims_of(diff_scores.desc), DataType::f32, dnnl::memory::format_tag::abc);
  const auto exact = emitter.reorder(node, diff_scores, f32);
  const auto from = emitter.memory(exact);
  const auto to = emitter.memory(diff_table);
  emitter.emit(node, "sum over the windows", {.reads = {exact}, .writes = {diff_table}},
               [=] { grid.sum_into_table(floats(from), floats(to)); });
}

}  // namespace headstart
