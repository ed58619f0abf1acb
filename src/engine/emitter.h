// A program under construction: virtual buffers, steps, and the plan that places the buffers in one arena.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/arena.h"
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

// The values that a function reads and those that it writes, through their memory.
struct Access {
  std::vector<Value> reads{}, writes{};
};

// What a function does beside moving what it reads and writes.
struct OwnWork {
  std::string implementation = "headstart";
  double multiplications = 0.0;
};

// One primitive with its arguments, or a function of our own over bound memory.
struct Step {
  std::string node;
  std::string kind;
  std::string implementation;
  dnnl::primitive primitive{};
  Arguments arguments{};
  std::function<void()> function{};
  ProgramOutline::Step outline{};
};

// Steps are emitted in the order in which they run, but for those that run again (recomputation.h).
class Emitter {
 public:
  // Weights stand in the memory of those of `lender`, in the order in which they were made, when it is not
  // null: for a second program of the same steps, which has the same batch.
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
  // As that, but lent to other programs, which may run at the same time: no step writes it.
  Value weights(const onednn::Desc& desc);
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
  void emit(const std::string& node, const std::string& kind, const Access& access,
            std::function<void()> function, const OwnWork& work = {});
  // The value itself when it has the layout already, else a reordered copy.
  Value reorder(const std::string& node, const Value& value, const onednn::Desc& desc);
  void copy(const std::string& node, const dnnl::memory& from, const dnnl::memory& to);

  std::size_t step_count() const { return steps_.size(); }
  // Places every buffer; call once, after the last step. Where the arena would pass `limit` bytes (0: none),
  // some of the first `forward_steps` run again.
  void plan(std::size_t forward_steps = 0, std::int64_t limit = 0);
  void bind(const Value& value, const void* data);

  // Positions in the schedule, which begins with the forward steps.
  void run(std::size_t begin, std::size_t end);
  void run() { run(0, schedule_.size()); }
  std::size_t scheduled_steps() const { return schedule_.size(); }
  // One for every position.
  std::vector<StepReport> report(int measured_runs);
  std::int64_t arena_bytes() const { return arena_bytes_; }
  // What they would be without a limit, and the share of the forward pass's work that is done again for it.
  std::int64_t unlimited_arena_bytes() const { return unlimited_arena_bytes_; }
  double recomputed_share() const { return recomputed_share_; }

 private:
  struct Buffer {
    std::size_t bytes = 0;
    bool kept = false;
    bool in_arena = true;
    bool lent = false;
    std::vector<dnnl::memory> memories{};
    std::shared_ptr<void> own{};
  };

  void append(Step step);
  ProgramOutline::Step outline_of(const Arguments& arguments) const;
  ProgramOutline outline() const;
  std::shared_ptr<void> allocate(std::size_t bytes) const;
  std::shared_ptr<void> zeros(std::size_t bytes) const;
  std::shared_ptr<void> memory_of_weights(std::size_t bytes);

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Buffer> buffers_;
  std::vector<Buffer> lent_;  // still to be taken, last first
  std::vector<Step> steps_;
  StepOrder schedule_;
  std::unordered_map<dnnl_memory_t, int> buffer_of_;
  std::vector<dnnl::memory> scratchpads_;
  std::size_t scratchpad_bytes_ = 0;
  std::shared_ptr<void> arena_;
  std::shared_ptr<void> scratchpad_;
  std::int64_t arena_bytes_ = 0, unlimited_arena_bytes_ = 0;
  double recomputed_share_ = 0;
};

}  // namespace headstart
