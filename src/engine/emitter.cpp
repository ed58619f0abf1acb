#include "engine/emitter.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <sys/mman.h>

#include <fmt/format.h>

#include "engine/recomputation.h"
#include "headstart/error.h"

namespace headstart {
namespace {

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Of a backward primitive the gradients but that of its result; of another the result and what is kept beside
// it for the backward one.
bool is_written(int argument, const Arguments& arguments) {
  const bool is_backward = arguments.contains(DNNL_ARG_DIFF_DST);
  switch (argument) {
    case DNNL_ARG_DIFF_SRC:
    case DNNL_ARG_DIFF_WEIGHTS:
    case DNNL_ARG_DIFF_BIAS:
    case DNNL_ARG_DIFF_SCALE:
    case DNNL_ARG_DIFF_SHIFT:
      return true;
    case DNNL_ARG_DST:
    case DNNL_ARG_WORKSPACE:
    case DNNL_ARG_MEAN:
    case DNNL_ARG_VARIANCE:
      return !is_backward;
    default:
      return false;
  }
}

double elements(const onednn::Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), 1.0,
                         [](double product, auto extent) { return product * static_cast<double>(extent); });
}

// Of a forward layer: each element of the result is a sum over what one output's weights are.
double multiplications_of(const Arguments& arguments) {
  const auto weights = arguments.find(DNNL_ARG_WEIGHTS), dst = arguments.find(DNNL_ARG_DST);
  if (weights == arguments.end() || dst == arguments.end()) {
    return 0.0;
  }
  const auto dims = onednn::dims_of(weights->second.get_desc());
  const bool is_product_of_matrices = dims.size() == 3, has_groups = dims.size() == 5;
  const double outputs = static_cast<double>(is_product_of_matrices ? dims[0] * dims[2]
                                             : has_groups           ? dims[0] * dims[1]
                                                                    : dims[0]);
  return elements(onednn::dims_of(dst->second.get_desc())) * elements(dims) / outputs;
}

// What a core multiplies in f32 while a byte comes from memory, roughly.
constexpr double kMultiplicationsPerByte = 4.0;

}  // namespace

Emitter::Emitter(const Emitter* lender) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
  if (lender != nullptr) {
    for (const auto& buffer : lender->buffers_) {
      if (buffer.lent) {
        lent_.push_back({.bytes = buffer.bytes, .own = buffer.own});
      }
    }
    std::reverse(lent_.begin(), lent_.end());
  }
}

dnnl::primitive_attr Emitter::attributes() const {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

Value Emitter::value(const onednn::Desc& desc) {
  buffers_.push_back({.bytes = desc.get_size()});
  return {static_cast<int>(buffers_.size()) - 1, desc};
}

Value Emitter::external(const onednn::Desc& desc) {
  buffers_.push_back({.bytes = desc.get_size(), .in_arena = false});
  return {static_cast<int>(buffers_.size()) - 1, desc};
}

Value Emitter::persistent(const onednn::Desc& desc) {
  buffers_.push_back({.bytes = desc.get_size(), .in_arena = false, .own = zeros(desc.get_size())});
  return {static_cast<int>(buffers_.size()) - 1, desc};
}

Value Emitter::weights(const onednn::Desc& desc) {
  buffers_.push_back(
      {.bytes = desc.get_size(), .in_arena = false, .lent = true, .own = memory_of_weights(desc.get_size())});
  return {static_cast<int>(buffers_.size()) - 1, desc};
}

dnnl::memory Emitter::memory(const Value& value, const onednn::Desc& desc) {
  auto& buffer = buffers_.at(static_cast<std::size_t>(value.buffer));
  dnnl::memory memory(desc, engine_, buffer.own ? buffer.own.get() : DNNL_MEMORY_NONE);
  buffer.memories.push_back(memory);
  buffer_of_[memory.get()] = value.buffer;
  return memory;
}

ProgramOutline::Step Emitter::outline_of(const Arguments& arguments) const {
  ProgramOutline::Step outline{.work = multiplications_of(arguments)};
  for (const auto& [argument, memory] : arguments) {
    outline.work += kMultiplicationsPerByte * static_cast<double>(memory.get_desc().get_size());
    if (const auto found = buffer_of_.find(memory.get()); found != buffer_of_.end()) {
      (is_written(argument, arguments) ? outline.writes : outline.reads).push_back(found->second);
    }
  }
  return outline;
}

ProgramOutline Emitter::outline() const {
  ProgramOutline program;
  program.buffers.reserve(buffers_.size());
  for (const auto& buffer : buffers_) {
    program.buffers.push_back({.bytes = buffer.bytes, .in_arena = buffer.in_arena, .kept = buffer.kept});
  }
  program.steps.reserve(steps_.size());
  for (const auto& step : steps_) {
    program.steps.push_back(step.outline);
  }
  return program;
}

void Emitter::emit(const std::string& node, const std::string& kind,
                   const dnnl::primitive_desc_base& descriptor, Arguments arguments) {
  auto outline = outline_of(arguments);
  const auto scratchpad = descriptor.scratchpad_desc();
  if (scratchpad.get_size() > 0) {
    scratchpad_bytes_ = std::max(scratchpad_bytes_, scratchpad.get_size());
    scratchpads_.push_back(dnnl::memory(scratchpad, engine_, DNNL_MEMORY_NONE));
    arguments.insert({DNNL_ARG_SCRATCHPAD, scratchpads_.back()});
  }
  append({.node = node,
          .kind = kind,
          .implementation = descriptor.impl_info_str(),
          .primitive = dnnl::primitive(descriptor.get()),
          .arguments = std::move(arguments),
          .outline = std::move(outline)});
}

void Emitter::emit(const std::string& node, const std::string& kind, const Access& access,
                   std::function<void()> function, const OwnWork& work) {
  ProgramOutline::Step outline{.work = work.multiplications};
  const auto add = [&outline](const std::vector<Value>& values, std::vector<int>& buffers) {
    for (const auto& value : values) {
      buffers.push_back(value.buffer);
      outline.work += kMultiplicationsPerByte * static_cast<double>(value.desc.get_size());
    }
  };
  add(access.reads, outline.reads);
  add(access.writes, outline.writes);
  append({.node = node,
          .kind = kind,
          .implementation = work.implementation,
          .function = std::move(function),
          .outline = std::move(outline)});
}

void Emitter::append(Step step) {
  for (const int buffer : step.outline.writes) {
    if (buffers_[static_cast<std::size_t>(buffer)].lent) {
      throw std::logic_error(step.node + " writes weights, which other programs read");
    }
  }
  steps_.push_back(std::move(step));
}

void Emitter::copy(const std::string& node, const dnnl::memory& from, const dnnl::memory& to) {
  const dnnl::reorder::primitive_desc descriptor(engine_, from.get_desc(), engine_, to.get_desc(),
                                                 attributes());
  emit(node, "reorder", descriptor, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Value Emitter::reorder(const std::string& node, const Value& from, const onednn::Desc& desc) {
  if (from.desc == desc) {
    return from;
  }
  const Value to = value(desc);
  copy(node, memory(from), memory(to));
  return to;
}

std::shared_ptr<void> Emitter::allocate(std::size_t bytes) const {
  // Arenas in huge pages where the system gives them to who asks: many tensors are walked side by side.
  constexpr std::size_t kHugePage = 2 << 20, kWorthIt = 16 * kHugePage;
  const bool is_huge = bytes >= kWorthIt;
  const std::size_t page = is_huge ? kHugePage : kArenaAlignment;
  const std::size_t size = (std::max<std::size_t>(bytes, 1) + page - 1) / page * page;
  void* memory = std::aligned_alloc(page, size);
  if (memory != nullptr && is_huge) {
    ::madvise(memory, size, MADV_HUGEPAGE);
  }
  if (memory == nullptr) {
    throw Error(fmt::format("[engine] out of memory for {} MB; use a smaller --batch-size or --input-size",
                            bytes >> 20));
  }
  return {memory, [](void* p) { std::free(p); }};
}

std::shared_ptr<void> Emitter::zeros(std::size_t bytes) const {
  auto memory = allocate(bytes);
  std::memset(memory.get(), 0, bytes);
  return memory;
}

std::shared_ptr<void> Emitter::memory_of_weights(std::size_t bytes) {
  if (!lent_.empty()) {
    const auto lent = std::move(lent_.back());
    lent_.pop_back();
    if (lent.bytes != bytes) {
      throw Error(
          "[engine] expected a program of the same graph and options to share weights with; received "
          "another; leave weights_of out");
    }
    return lent.own;
  }
  return zeros(bytes);
}

void Emitter::plan(std::size_t forward_steps, std::int64_t limit) {
  auto planned = plan_recomputation(outline(), forward_steps, limit);
  schedule_ = std::move(planned.schedule);
  arena_bytes_ = planned.arena.bytes;
  unlimited_arena_bytes_ = planned.unlimited_bytes;
  recomputed_share_ = planned.share;
  arena_ = allocate(static_cast<std::size_t>(arena_bytes_));
  scratchpad_ = allocate(scratchpad_bytes_);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    if (buffers_[i].in_arena) {
      for (auto& memory : buffers_[i].memories) {
        memory.set_data_handle(static_cast<std::byte*>(arena_.get()) + planned.arena.offsets[i]);
      }
    }
  }
  for (auto& memory : scratchpads_) {
    memory.set_data_handle(scratchpad_.get());
  }
}

void Emitter::bind(const Value& value, const void* data) {
  for (auto& memory : buffers_.at(static_cast<std::size_t>(value.buffer)).memories) {
    memory.set_data_handle(const_cast<void*>(data));  // oneDNN has no read-only handle
  }
}

void Emitter::run(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    const auto& step = steps_[static_cast<std::size_t>(schedule_[i])];
    if (step.function) {
      step.function();
    } else {
      step.primitive.execute(stream_, step.arguments);
    }
  }
  stream_.wait();
}

std::vector<StepReport> Emitter::report(int measured_runs) {
  std::vector<std::vector<double>> times(schedule_.size());
  for (int r = 0; r < measured_runs; ++r) {
    for (std::size_t i = 0; i < schedule_.size(); ++i) {
      times[i].push_back(milliseconds_of([&] { run(i, i + 1); }));
    }
  }
  std::vector<StepReport> reports;
  std::vector<bool> has_run(steps_.size(), false);
  for (std::size_t i = 0; i < schedule_.size(); ++i) {
    const auto at = static_cast<std::size_t>(schedule_[i]);
    const auto& step = steps_[at];
    auto& t = times[i];
    std::sort(t.begin(), t.end());
    reports.push_back({.node = step.node,
                       .kind = step.kind + (has_run[at] ? ", again" : ""),
                       .implementation = step.implementation,
                       .milliseconds = t.empty() ? 0.0 : t[t.size() / 2]});
    has_run[at] = true;
  }
  return reports;
}

}  // namespace headstart
