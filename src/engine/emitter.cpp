#include "engine/emitter.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

constexpr std::size_t kAlignment = 4096;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Emitter::Emitter(const Emitter* lender) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
  if (lender != nullptr) {
    for (const auto& buffer : lender->buffers_) {
      if (buffer.own) {
        lent_.push_back(buffer.own);
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
  buffers_.push_back(
      {.bytes = desc.get_size(), .in_arena = false, .own = persistent_memory(desc.get_size())});
  return {static_cast<int>(buffers_.size()) - 1, desc};
}

dnnl::memory Emitter::memory(const Value& value, const onednn::Desc& desc) {
  auto& buffer = buffers_.at(static_cast<std::size_t>(value.buffer));
  dnnl::memory memory(desc, engine_, buffer.own ? buffer.own.get() : DNNL_MEMORY_NONE);
  buffer.memories.push_back(memory);
  buffer_of_[memory.get()] = value.buffer;
  return memory;
}

void Emitter::touch(int buffer) {
  auto& b = buffers_[static_cast<std::size_t>(buffer)];
  const int step = static_cast<int>(steps_.size());
  if (b.first < 0) {
    b.first = step;
  }
  b.last = step;
}

void Emitter::emit(const std::string& node, const std::string& kind,
                   const dnnl::primitive_desc_base& descriptor, Arguments arguments) {
  for (const auto& [argument, memory] : arguments) {
    if (const auto found = buffer_of_.find(memory.get()); found != buffer_of_.end()) {
      touch(found->second);
    }
  }
  const auto scratchpad = descriptor.scratchpad_desc();
  if (scratchpad.get_size() > 0) {
    scratchpad_bytes_ = std::max(scratchpad_bytes_, scratchpad.get_size());
    scratchpads_.push_back(dnnl::memory(scratchpad, engine_, DNNL_MEMORY_NONE));
    arguments.insert({DNNL_ARG_SCRATCHPAD, scratchpads_.back()});
  }
  steps_.push_back({.node = node,
                    .kind = kind,
                    .implementation = descriptor.impl_info_str(),
                    .primitive = dnnl::primitive(descriptor.get()),
                    .arguments = std::move(arguments)});
}

void Emitter::emit(const std::string& node, const std::string& kind, const std::vector<Value>& touched,
                   std::function<void()> function) {
  for (const auto& value : touched) {
    touch(value.buffer);
  }
  steps_.push_back(
      {.node = node, .kind = kind, .implementation = "headstart", .function = std::move(function)});
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
  void* memory = std::aligned_alloc(kAlignment, aligned(std::max<std::size_t>(bytes, 1)));
  if (memory == nullptr) {
    throw Error(fmt::format("[engine] out of memory for {} MB; use a smaller --batch-size or --input-size",
                            bytes >> 20));
  }
  return {memory, [](void* p) { std::free(p); }};
}

std::shared_ptr<void> Emitter::persistent_memory(std::size_t bytes) {
  if (!lent_.empty()) {
    auto memory = std::move(lent_.back());
    lent_.pop_back();
    return memory;
  }
  auto memory = allocate(bytes);
  std::memset(memory.get(), 0, bytes);
  return memory;
}

// Largest first, each at the lowest place that no buffer alive at the same time holds.
void Emitter::place_buffers() {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    if (buffers_[i].in_arena && buffers_[i].first >= 0) {
      order.push_back(i);
      if (buffers_[i].kept) {
        buffers_[i].last = static_cast<int>(steps_.size());
      }
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::vector<std::size_t> placed;
  for (const auto i : order) {
    auto& buffer = buffers_[i];
    std::vector<std::pair<std::size_t, std::size_t>> taken;
    for (const auto j : placed) {
      const auto& other = buffers_[j];
      if (other.first <= buffer.last && buffer.first <= other.last) {
        taken.emplace_back(other.offset, other.offset + aligned(other.bytes));
      }
    }
    std::sort(taken.begin(), taken.end());
    std::size_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + aligned(buffer.bytes) <= begin) {
        break;
      }
      offset = std::max(offset, end);
    }
    buffer.offset = offset;
    arena_bytes_ = std::max(arena_bytes_, static_cast<std::int64_t>(offset + aligned(buffer.bytes)));
    placed.push_back(i);
  }
}

void Emitter::plan() {
  place_buffers();
  arena_ = allocate(static_cast<std::size_t>(arena_bytes_));
  scratchpad_ = allocate(scratchpad_bytes_);
  for (auto& buffer : buffers_) {
    if (buffer.in_arena) {
      for (auto& memory : buffer.memories) {
        memory.set_data_handle(static_cast<std::byte*>(arena_.get()) + buffer.offset);
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
    const auto& step = steps_[i];
    if (step.function) {
      step.function();
    } else {
      step.primitive.execute(stream_, step.arguments);
    }
  }
  stream_.wait();
}

std::vector<StepReport> Emitter::report(int measured_runs) {
  std::vector<std::vector<double>> times(steps_.size());
  for (int r = 0; r < measured_runs; ++r) {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      times[i].push_back(milliseconds_of([&] { run(i, i + 1); }));
    }
  }
  std::vector<StepReport> reports;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    auto& t = times[i];
    std::sort(t.begin(), t.end());
    reports.push_back({.node = steps_[i].node,
                       .kind = steps_[i].kind,
                       .implementation = steps_[i].implementation,
                       .milliseconds = t.empty() ? 0.0 : t[t.size() / 2]});
  }
  return reports;
}

}  // namespace headstart
