// Keras's line of an epoch.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "headstart/train.h"

namespace headstart {
namespace {

constexpr int kBarWidth = 30;

// "[=====>........]": Keras's bar.
std::string bar(int step, int steps) {
  if (step >= steps) {
    return "[" + std::string(kBarWidth, '=') + "]";
  }
  const int done = std::max(0, kBarWidth * step / std::max(1, steps));
  std::string text(static_cast<std::size_t>(done), '=');
  if (done > 0) {
    text.back() = '>';
  }
  return "[" + text + std::string(static_cast<std::size_t>(kBarWidth - done), '.') + "]";
}

std::string step_time(double seconds) {
  if (seconds >= 1.0) {
    return fmt::format("{:.0f}s/step", seconds);
  }
  return seconds >= 1e-3 ? fmt::format("{:.0f}ms/step", seconds * 1e3)
                         : fmt::format("{:.0f}us/step", seconds * 1e6);
}

}  // namespace

std::string progress_line(const EpochProgress& p) {
  const std::string steps = std::to_string(p.steps);
  std::string line = fmt::format("{:>{}}/{} {}", p.step, steps.size(), steps, bar(p.step, p.steps));
  const double per_step = p.step > 0 ? p.seconds / p.step : 0.0;
  if (p.record || p.step >= p.steps) {
    line += fmt::format(" - {:.0f}s {}", p.seconds, step_time(per_step));
  } else {
    line += fmt::format(" - ETA: {:.0f}s", per_step * (p.steps - p.step));
  }
  line += fmt::format(" - loss: {:.4f} - accuracy: {:.4f}", p.loss, p.accuracy);
  if (p.record) {
    line +=
        fmt::format(" - val_loss: {:.4f} - val_accuracy: {:.4f}", p.record->val_loss, p.record->val_accuracy);
  }
  return line;
}

}  // namespace headstart
