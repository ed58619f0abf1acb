// What multiplies the learning rate at a step: warm-up, then the schedule's curve.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/optimizer.h"
#include "headstart/text.h"

namespace headstart {
namespace {

struct NamedKind {
  const char* name;
  Schedule::Kind kind;
};
constexpr NamedKind kScheduleKinds[] = {
    {"auto", Schedule::Kind::automatic},          {"constant", Schedule::Kind::constant},
    {"cosine", Schedule::Kind::cosine},           {"step", Schedule::Kind::step},
    {"exponential", Schedule::Kind::exponential}, {"one-cycle", Schedule::Kind::one_cycle},
    {"plateau", Schedule::Kind::plateau}};

double number(const std::string& text, const std::string& whole) {
  const auto value = number_from<double>(text);
  if (!value || !std::isfinite(*value)) {
    throw Error(fmt::format("[schedule] expected a number in \"{}\"; received \"{}\"", whole, text));
  }
  return *value;
}

bool has_steps(Schedule::Kind kind) {
  return kind == Schedule::Kind::step || kind == Schedule::Kind::exponential ||
         kind == Schedule::Kind::plateau;
}

Schedule::Kind kind_from(const std::string& name) {
  std::vector<std::string> names;
  for (const NamedKind& known : kScheduleKinds) {
    if (name == known.name) {
      return known.kind;
    }
    names.emplace_back(known.name);
  }
  throw Error(fmt::format("[schedule] expected one of {}; received {}{}", fmt::join(names, ", "), name,
                          did_you_mean(name, names)));
}

double between(double from, double to, double share) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * share));
}

// Smith, "Super-convergence" (2018), as PyTorch's OneCycleLR with its defaults: up from 1/25 over 30 % of the
// steps, then down to a ten-thousandth of where it began. Both phases include their last step.
double one_cycle(double step, double total_steps) {
  constexpr double kRise = 0.3, kStart = 1.0 / 25.0, kEnd = kStart / 1e4;
  const double top = kRise * total_steps - 1.0, last = total_steps - 1.0;
  return step <= top ? between(kStart, 1.0, top > 0.0 ? step / top : 1.0)
                     : between(1.0, kEnd, std::min(1.0, (step - top) / (last - top)));
}

void check(const Schedule& schedule) {
  const bool uses_gamma = has_steps(schedule.kind);
  if ((uses_gamma && (schedule.every < 1 || !(schedule.gamma > 0.0 && std::isfinite(schedule.gamma)))) ||
      !(schedule.warmup >= 0.0 && schedule.warmup < 1.0) ||
      !(schedule.final_factor >= 0.0 && std::isfinite(schedule.final_factor))) {
    throw Error(fmt::format(
        "[schedule] expected EVERY of at least 1, GAMMA above 0, a warm-up's share in [0, 1) and a final "
        "factor of at least 0; received {}, {}, {} and {}; correct them",
        schedule.every, schedule.gamma, schedule.warmup, schedule.final_factor));
  }
  if (schedule.kind == Schedule::Kind::one_cycle && schedule.warmup > 0.0) {
    throw Error(fmt::format(
        "[schedule] expected one-cycle, which warms up by itself, without a warm-up; received one of {}; "
        "leave it out",
        schedule.warmup));
  }
}

}  // namespace

Schedule schedule_from(const std::string& text) {
  const auto parts = split(text, ',');
  const auto words = split(parts[0], ':');
  Schedule schedule{.kind = kind_from(words[0])};
  const bool steps = has_steps(schedule.kind);
  if (schedule.kind == Schedule::Kind::exponential) {
    schedule.every = 1;
    schedule.gamma = 0.95;
  }
  if (words.size() > (steps ? 3U : 1U)) {
    throw Error(fmt::format("[schedule] expected {}; received \"{}\"",
                            steps ? words[0] + "[:EVERY[:GAMMA]]" : words[0], text));
  }
  if (words.size() > 1) {
    schedule.every = static_cast<int>(std::clamp(number(words[1], text), 0.0, 1e9));
  }
  if (words.size() > 2) {
    schedule.gamma = number(words[2], text);
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto option = split(parts[i], ':');
    if (option.size() != 2 || option[0] != "warmup") {
      throw Error(fmt::format("[schedule] expected warmup:SHARE after the comma; received \"{}\"", parts[i]));
    }
    schedule.warmup = number(option[1], text);
  }
  check(schedule);
  return schedule;
}

std::string to_string(const Schedule& schedule) {
  std::string text;
  for (const NamedKind& known : kScheduleKinds) {
    if (known.kind == schedule.kind) {
      text = known.name;
    }
  }
  if (has_steps(schedule.kind)) {
    text += fmt::format(":{}:{}", schedule.every, schedule.gamma);
  }
  if (schedule.warmup > 0.0) {
    text += fmt::format(",warmup:{}", schedule.warmup);
  }
  return text;
}

Schedule resolve(Schedule schedule, OptimizerKind optimizer) {
  check(schedule);
  if (schedule.kind == Schedule::Kind::automatic) {
    schedule.kind = optimizer == OptimizerKind::automatic ? Schedule::Kind::cosine : Schedule::Kind::constant;
  }
  return schedule;
}

double schedule_factor(const Schedule& schedule, const SchedulePosition& position) {
  check(schedule);
  const auto step = static_cast<double>(position.step);
  const double warm_steps = std::floor(schedule.warmup * static_cast<double>(position.total_steps));
  if (step < warm_steps) {
    return (step + 1.0) / warm_steps;
  }
  const double rest = std::max(1.0, static_cast<double>(position.total_steps) - warm_steps);
  const double share = std::min(1.0, (step - warm_steps) / rest);
  const std::int64_t epoch = position.step / std::max<std::int64_t>(1, position.steps_per_epoch);
  switch (schedule.kind) {
    case Schedule::Kind::automatic:
      throw Error("[schedule] expected a resolved schedule; received automatic; this is a bug");
    case Schedule::Kind::constant:
      return 1.0;
    case Schedule::Kind::cosine:
      return between(1.0, schedule.final_factor, share);
    case Schedule::Kind::step: {
      const std::int64_t steps_down = epoch / schedule.every;
      return std::pow(schedule.gamma, static_cast<double>(steps_down));
    }
    case Schedule::Kind::exponential:
      return std::pow(schedule.gamma, static_cast<double>(epoch) / static_cast<double>(schedule.every));
    case Schedule::Kind::plateau:
      return std::pow(schedule.gamma, position.plateaus);
    case Schedule::Kind::range_test:
      return std::pow(1e8, share);
    case Schedule::Kind::one_cycle:
      return one_cycle(step, static_cast<double>(position.total_steps));
  }
  throw Error("[schedule] unknown schedule");
}

}  // namespace headstart
