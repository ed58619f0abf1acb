// A program under construction: virtual buffers, steps, and the plan that places the buffers in one arena.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/onednn.h"
#include "headstart/engine.h"

namespace headstart {

using DataType = dnnl::memory::data_type;
using Arguments = std::unordered_map<int, dnnl::memory>;

// A tensor of the program: a buffer and how it is laid out there.
struct Value {
  int buffer = -1;
  onednn::Desc desc{};
  float scale = 0.0F;  // of int8: what one step stands for
};
inline bool is_int8(DataType type) { return type == DataType::s8 || type == DataType::u8; }
inline bool is_int8(const Value& value) { return is_int8(onednn::type_of(value.desc)); }

// The values of an f32 memory.
inline float* floats(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

// One primitive with its arguments, or a function of our own over bound memory.
struct Step {
  std::string node;
  std::string kind;
  std::string implementation;
  dnnl::primitive primitive{};
  Arguments arguments{};
  std::function<void()> function{};
};

// Steps are emitted in the order in which they run; a buffer lives from the first step that touches it to the
// last.
class Emitter {
 public:
  // Persistent values stand in the memory of those of `lender`, in the order in which they were made, when it
  // is not null: for a second program of the same steps.
  explicit Emitter(const Emitter* lender = nullptr);

  const dnnl::engine& engine() const { return engine_; }
  // Attributes for every primitive: the scratchpad is ours, shared by all steps.
  dnnl::primitive_attr attributes() const;

  // A value in the arena.
  Value value(const onednn::Desc& desc);
  // A value whose memory the caller hands in before each run with `bind`.
  Value external(const onednn::Desc& desc);
  // A value with memory of its own that keeps its content between runs, zero at first.
  Value persistent(const onednn::Desc& desc);
  // The value stays valid from its first step to the end of the program.
  void keep(const Value& value) { buffers_[static_cast<std::size_t>(value.buffer)].kept = true; }

  // Whether the value lies in the arena, where a later step may overwrite it.
  bool in_arena(const Value& value) const {
    return buffers_[static_cast<std::size_t>(value.buffer)].in_arena;
  }

  // The value under its own or another layout of the same buffer (a sub-block, for example).
  dnnl::memory memory(const Value& value) { return memory(value, value.desc); }
  dnnl::memory memory(const Value& value, const onednn::Desc& desc);

  void emit(const std::string& node, const std::string& kind, const dnnl::primitive_desc_base& descriptor,
            Arguments arguments);
  // `touched`: the values that the function reads or writes through their memory.
  void emit(const std::string& node, const std::string& kind, const std::vector<Value>& touched,
            std::function<void()> function);
  // The value itself when it has the layout already, else a reordered copy.
  Value reorder(const std::string& node, const Value& value, const onednn::Desc& desc);
  void copy(const std::string& node, const dnnl::memory& from, const dnnl::memory& to);

  std::size_t step_count() const { return steps_.size(); }
  // Places every buffer; call once, after the last step.
  void plan();
  void bind(const Value& value, const void* data);

  void run(std::size_t begin, std::size_t end);
  void run() { run(0, steps_.size()); }
  std::vector<StepReport> report(int measured_runs);
  std::int64_t arena_bytes() const { return arena_bytes_; }

 private:
  struct Buffer {
    std::size_t bytes = 0;
    int first = -1, last = -1;  // steps
    bool kept = false;
    bool in_arena = true;
    std::size_t offset = 0;
    std::vector<dnnl::memory> memories{};
    std::shared_ptr<void> own{};
  };

  void touch(int buffer);
  std::shared_ptr<void> allocate(std::size_t bytes) const;
  std::shared_ptr<void> persistent_memory(std::size_t bytes);
  void place_buffers();

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Buffer> buffers_;
  std::vector<std::shared_ptr<void>> lent_;  // still to be taken, last first
  std::vector<Step> steps_;
  std::unordered_map<dnnl_memory_t, int> buffer_of_;
  std::vector<dnnl::memory> scratchpads_;
  std::size_t scratchpad_bytes_ = 0;
  std::shared_ptr<void> arena_;
  std::shared_ptr<void> scratchpad_;
  std::int64_t arena_bytes_ = 0;
};

}  // namespace headstart
