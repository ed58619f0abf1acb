#include "engine/arena.h"

#include <algorithm>
#include <utility>

namespace headstart {
namespace {

using Lives = std::vector<std::vector<Life>>;

bool meet(const std::vector<Life>& a, const std::vector<Life>& b) {
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].begin <= b[j].end && b[j].begin <= a[i].end) {
      return true;
    }
    (a[i].end < b[j].end ? i : j) += 1;
  }
  return false;
}

// The one step that writes each buffer; -1 where there is none or several.
std::vector<int> makers_of(const ProgramOutline& program) {
  constexpr int kNone = -1, kSeveral = -2;
  std::vector<int> makers(program.buffers.size(), kNone);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    for (const int buffer : program.steps[i].writes) {
      int& maker = makers[static_cast<std::size_t>(buffer)];
      maker = maker == kNone ? static_cast<int>(i) : kSeveral;
    }
  }
  std::replace(makers.begin(), makers.end(), kSeveral, kNone);
  return makers;
}

}  // namespace

Lives lives_of(const ProgramOutline& program, const StepOrder& schedule) {
  Lives lives(program.buffers.size());
  const auto makers = makers_of(program);
  const auto touch = [&](int buffer, int step, int position) {
    const auto b = static_cast<std::size_t>(buffer);
    if (!program.buffers[b].in_arena) {
      return;
    }
    const bool made_again = makers[b] == step && !program.buffers[b].kept;
    if (lives[b].empty() || (made_again && lives[b].back().end < position)) {
      lives[b].push_back({position, position});
    }
    lives[b].back().end = position;
  };
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    const auto& step = program.steps[static_cast<std::size_t>(schedule[i])];
    for (const auto* buffers : {&step.reads, &step.writes}) {
      for (const int buffer : *buffers) {
        touch(buffer, schedule[i], static_cast<int>(i));
      }
    }
  }
  for (std::size_t b = 0; b < lives.size(); ++b) {
    if (program.buffers[b].kept && !lives[b].empty()) {
      lives[b].back().end = static_cast<int>(schedule.size());
    }
  }
  return lives;
}

std::int64_t bytes_at_peak(const ProgramOutline& program, const Lives& lives) {
  std::vector<std::pair<int, std::int64_t>> changes;
  for (std::size_t b = 0; b < lives.size(); ++b) {
    const auto bytes = static_cast<std::int64_t>(aligned(program.buffers[b].bytes));
    for (const Life& life : lives[b]) {
      changes.emplace_back(life.begin, bytes);
      changes.emplace_back(life.end + 1, -bytes);
    }
  }
  std::sort(changes.begin(), changes.end());  // at one position what ends comes before what begins
  std::int64_t living = 0, peak = 0;
  for (const auto& [position, bytes] : changes) {
    living += bytes;
    peak = std::max(peak, living);
  }
  return peak;
}

ArenaPlan place_buffers(const ProgramOutline& program, const Lives& lives) {
  std::vector<std::size_t> order;
  for (std::size_t b = 0; b < lives.size(); ++b) {
    if (!lives[b].empty()) {
      order.push_back(b);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return program.buffers[a].bytes > program.buffers[b].bytes;
  });
  ArenaPlan plan{.offsets = std::vector<std::size_t>(lives.size(), 0)};
  std::vector<std::size_t> placed;
  for (const auto b : order) {
    const std::size_t bytes = aligned(program.buffers[b].bytes);
    std::vector<std::pair<std::size_t, std::size_t>> taken;
    for (const auto other : placed) {
      if (meet(lives[b], lives[other])) {
        taken.emplace_back(plan.offsets[other], plan.offsets[other] + aligned(program.buffers[other].bytes));
      }
    }
    std::sort(taken.begin(), taken.end());
    std::size_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + bytes <= begin) {
        break;
      }
      offset = std::max(offset, end);
    }
    plan.offsets[b] = offset;
    plan.bytes = std::max(plan.bytes, static_cast<std::int64_t>(offset + bytes));
    placed.push_back(b);
  }
  return plan;
}

}  // namespace headstart
