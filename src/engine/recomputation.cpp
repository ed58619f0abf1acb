#include "engine/recomputation.h"

#include <algorithm>
#include <numeric>

namespace headstart {
namespace {

// A value of the forward pass in the arena.
struct ForwardValue {
  int buffer = -1;
  int maker = -1;         // the step that writes it
  int last_forward = -1;  // the last forward step that reads it
  std::size_t bytes = 0;
  bool read_backward = false;
};

// What may be dropped. Small values (statistics of channels) stay: they cost nothing, and what makes them
// reads large ones.
class ForwardPass {
 public:
  ForwardPass(const ProgramOutline& program, std::size_t steps) : program_(program), steps_(steps) {
    find_values();
    leave_out_small_ones();
    find_cumulative_bytes();
  }

  int steps() const { return static_cast<int>(steps_); }
  const std::vector<ForwardValue>& values() const { return values_; }
  std::int64_t bytes() const { return bytes_before_.back(); }

  // `count` segments by the steps at which they begin: their values take about the same memory, and of the
  // places around an even division the one is taken that the fewest bytes cross.
  std::vector<int> segments(int count) const {
    std::vector<int> begins{0};
    const double slice = static_cast<double>(bytes()) / count;
    int step = 1;
    for (int i = 1; i < count; ++i) {
      int best = -1;
      for (; step < this->steps() && bytes_at(step) <= slice * (i + 0.5); ++step) {
        const bool in_reach = bytes_at(step) > slice * (i - 0.5);
        if (in_reach && (best < 0 || crossing_[at(step)] < crossing_[at(best)])) {
          best = step;
        }
      }
      if (best > 0) {
        begins.push_back(best);
      }
    }
    return begins;
  }

 private:
  static std::size_t at(int step) { return static_cast<std::size_t>(step); }
  double bytes_at(int step) const { return static_cast<double>(bytes_before_[at(step)]); }

  void find_values() {
    std::vector<ForwardValue> all(program_.buffers.size());
    std::vector<int> writers(program_.buffers.size(), 0);
    for (std::size_t i = 0; i < program_.steps.size(); ++i) {
      for (const int buffer : program_.steps[i].writes) {
        ++writers[at(buffer)];
        all[at(buffer)].maker = static_cast<int>(i);  // the last one
      }
      for (const int buffer : program_.steps[i].reads) {
        if (i < steps_) {
          all[at(buffer)].last_forward = static_cast<int>(i);
        } else {
          all[at(buffer)].read_backward = true;
        }
      }
    }
    // A step whose inputs stay as they are and whose results are its own can run at any time.
    const auto is_repeatable = [&](int step) {
      const auto& [reads, writes, work] = program_.steps[at(step)];
      return std::all_of(reads.begin(), reads.end(), [&](int b) { return all[at(b)].maker < step; }) &&
             std::all_of(writes.begin(), writes.end(), [&](int b) { return writers[at(b)] == 1; });
    };
    for (std::size_t b = 0; b < all.size(); ++b) {
      const auto& buffer = program_.buffers[b];
      const int maker = all[b].maker;
      if (buffer.in_arena && !buffer.kept && maker >= 0 && maker < steps() && is_repeatable(maker)) {
        all[b].buffer = static_cast<int>(b);
        all[b].bytes = buffer.bytes;
        values_.push_back(all[b]);
      }
    }
  }

  void leave_out_small_ones() {
    constexpr std::size_t kSmall = 1 << 14;  // as a part of all
    const auto total = std::accumulate(
        values_.begin(), values_.end(), std::size_t{0},
        [](std::size_t sum, const ForwardValue& v) { return sum + (v.read_backward ? v.bytes : 0); });
    std::erase_if(values_, [&](const ForwardValue& v) { return v.bytes <= total / kSmall; });
  }

  void find_cumulative_bytes() {
    bytes_before_.assign(steps_ + 1, 0);
    crossing_.assign(steps_ + 2, 0);
    for (const auto& value : values_) {
      const auto bytes = static_cast<std::int64_t>(value.bytes);
      bytes_before_[at(value.maker) + 1] += value.read_backward ? bytes : 0;
      if (value.last_forward > value.maker) {
        crossing_[at(value.maker) + 1] += bytes;
        crossing_[at(value.last_forward) + 1] -= bytes;
      }
    }
    std::partial_sum(bytes_before_.begin(), bytes_before_.end(), bytes_before_.begin());
    std::partial_sum(crossing_.begin(), crossing_.end(), crossing_.begin());
  }

  const ProgramOutline& program_;
  std::size_t steps_;
  std::vector<ForwardValue> values_{};
  std::vector<std::int64_t> bytes_before_{};  // by step: of the values made before it for the backward pass
  std::vector<std::int64_t> crossing_{};      // by step: of those made before it and read from it on
};

// A stretch of the forward pass whose values are dropped: the steps that make again what the backward pass
// reads.
struct Segment {
  std::vector<int> dropped{};  // buffers
  std::vector<int> again{};    // steps, ascending
  double work = 0;
  double bytes = 0;  // that are not held from the forward to the backward pass
};

Segment segment_between(const ProgramOutline& program, const ForwardPass& forward, int begin, int end) {
  Segment segment;
  std::vector<const ForwardValue*> inner;
  for (const auto& value : forward.values()) {
    if (value.maker >= begin && value.maker < end && value.last_forward < end) {
      inner.push_back(&value);
      segment.dropped.push_back(value.buffer);
    }
  }
  // Backwards, so that a step is known to be wanted before its inputs are looked at.
  std::sort(inner.begin(), inner.end(), [](const auto* a, const auto* b) { return a->maker > b->maker; });
  std::vector<bool> wanted(program.buffers.size(), false);
  for (const auto* value : inner) {
    const auto b = static_cast<std::size_t>(value->buffer);
    wanted[b] = wanted[b] || value->read_backward;
    if (!wanted[b]) {
      continue;
    }
    segment.bytes += value->read_backward ? static_cast<double>(value->bytes) : 0.0;
    if (segment.again.empty() || segment.again.back() != value->maker) {
      const auto& step = program.steps[static_cast<std::size_t>(value->maker)];
      segment.again.push_back(value->maker);
      segment.work += step.work;
      for (const int input : step.reads) {
        wanted[static_cast<std::size_t>(input)] = true;
      }
    }
  }
  std::reverse(segment.again.begin(), segment.again.end());
  return segment;
}

StepOrder schedule_with(const ProgramOutline& program, std::size_t forward_steps,
                        const std::vector<Segment>& segments) {
  std::vector<int> dropped_by(program.buffers.size(), -1);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    for (const int buffer : segments[i].dropped) {
      dropped_by[static_cast<std::size_t>(buffer)] = static_cast<int>(i);
    }
  }
  StepOrder schedule(forward_steps);
  std::iota(schedule.begin(), schedule.end(), 0);
  std::vector<bool> restored(segments.size(), false);
  for (std::size_t i = forward_steps; i < program.steps.size(); ++i) {
    for (const int buffer : program.steps[i].reads) {
      const int by = dropped_by[static_cast<std::size_t>(buffer)];
      if (by >= 0 && !restored[static_cast<std::size_t>(by)]) {
        const auto& again = segments[static_cast<std::size_t>(by)].again;
        schedule.insert(schedule.end(), again.begin(), again.end());
        restored[static_cast<std::size_t>(by)] = true;
      }
    }
    schedule.push_back(static_cast<int>(i));
  }
  return schedule;
}

struct Candidate {
  std::vector<Segment> segments{};
  double work = 0;
  std::int64_t peak = 0;
};

// Every number of segments, and of those segments the first, the first two, ... of those that free the most
// memory for their work. The last one is left alone: the backward pass begins with it.
std::vector<Candidate> candidates_for(const ProgramOutline& program, const ForwardPass& forward) {
  std::vector<Candidate> candidates;
  for (const int count : {2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48}) {
    const auto begins = forward.segments(count);
    std::vector<Segment> segments;
    for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
      auto segment = segment_between(program, forward, begins[i], begins[i + 1]);
      if (segment.bytes > 0.0) {
        segments.push_back(std::move(segment));
      }
    }
    std::stable_sort(segments.begin(), segments.end(),
                     [](const Segment& a, const Segment& b) { return a.bytes * b.work > b.bytes * a.work; });
    Candidate candidate;
    for (auto& segment : segments) {
      candidate.work += segment.work;
      candidate.segments.push_back(std::move(segment));
      const auto schedule =
          schedule_with(program, static_cast<std::size_t>(forward.steps()), candidate.segments);
      candidate.peak = bytes_at_peak(program, lives_of(program, schedule));
      candidates.push_back(candidate);
    }
  }
  return candidates;
}

RecomputationPlan plan_with(const ProgramOutline& program, std::size_t forward_steps,
                            const Candidate& candidate) {
  RecomputationPlan plan{.schedule = schedule_with(program, forward_steps, candidate.segments)};
  plan.arena = place_buffers(program, lives_of(program, plan.schedule));
  double all = 0.0;
  for (std::size_t i = 0; i < forward_steps; ++i) {
    all += program.steps[i].work;
  }
  plan.share = all > 0.0 ? candidate.work / all : 0.0;
  return plan;
}

// The first that fits, of those in order of work; else the smallest.
RecomputationPlan best_of(std::vector<Candidate> candidates, const ProgramOutline& program,
                          std::size_t forward_steps, std::int64_t limit) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.work < b.work; });
  for (const auto& candidate : candidates) {
    if (candidate.peak <= limit) {
      auto plan = plan_with(program, forward_steps, candidate);
      if (plan.arena.bytes <= limit) {
        return plan;
      }
    }
  }
  const auto smallest =
      std::min_element(candidates.begin(), candidates.end(),
                       [](const Candidate& a, const Candidate& b) { return a.peak < b.peak; });
  return plan_with(program, forward_steps, smallest == candidates.end() ? Candidate{} : *smallest);
}

}  // namespace

RecomputationPlan plan_recomputation(const ProgramOutline& program, std::size_t forward_steps,
                                     std::int64_t limit) {
  auto plan = plan_with(program, forward_steps, {});
  plan.unlimited_bytes = plan.arena.bytes;
  if (limit > 0 && plan.arena.bytes > limit) {
    auto smaller =
        best_of(candidates_for(program, ForwardPass(program, forward_steps)), program, forward_steps, limit);
    if (smaller.arena.bytes < plan.arena.bytes) {
      smaller.unlimited_bytes = plan.arena.bytes;
      return smaller;
    }
  }
  return plan;
}

}  // namespace headstart
