// Images cut into windows for attention, and what the scores within a window get added.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/attention.h"
#include "engine/emitter.h"
#include "headstart/op.h"

namespace headstart {

// A WindowAttention over a batch of images.
class WindowGrid {
 public:
  // `shape` (H, W, C) is that of the result.
  WindowGrid(const WindowAttention& op, const Shape& shape, std::int64_t batch);

  std::int64_t batch() const { return batch_; }
  std::int64_t pixels() const { return height_ * width_; }
  // Windows are the samples.
  AttentionShape attention_shape() const;
  // In an image, the pixel that stands at each place of its windows, one window after the other.
  std::vector<std::int64_t> pixels_in_windows() const;

  std::int64_t table_size() const;
  // The scores of one image; of one window where all have the same bias.
  std::int64_t bias_size() const { return biased_windows() * op_.heads * tokens() * tokens(); }
  onednn::Desc bias_desc() const;
  void fill_bias(const float* table, float* bias) const;
  // `diff_scores`: those of all windows. Overwrites `diff_table`.
  void sum_into_table(const float* diff_scores, float* diff_table) const;
  // (H, W, channels).
  onednn::Desc image_desc(std::int64_t channels, DataType type) const;

 private:
  std::int64_t tokens() const { return std::int64_t{op_.window} * op_.window; }
  std::int64_t windows() const { return pixels() / tokens(); }
  std::int64_t biased_windows() const { return op_.shift == Size2{0, 0} ? 1 : windows(); }
  std::int64_t table_row(std::int64_t query, std::int64_t key) const;
  std::vector<int> regions() const;

  WindowAttention op_;
  std::int64_t height_, width_, channels_, batch_;
};

// Rows of pixels, of any number of channels, to (windows, pixels of one, channels) and back.
Value emit_into_windows(Emitter& emitter, const std::string& node, const Value& image,
                        const WindowGrid& grid);
Value emit_from_windows(Emitter& emitter, const std::string& node, const Value& windows,
                        const WindowGrid& grid);

Value emit_window_bias(Emitter& emitter, const std::string& node, const Value& table, const WindowGrid& grid);
void emit_table_gradient(Emitter& emitter, const std::string& node, const Value& diff_scores,
                         const Value& diff_table, const WindowGrid& grid);

}  // namespace headstart
