// The update rules: one loop over a parameter's values each, vectorised and split over the engine's OpenMP
// threads (-fno-math-errno: a square root that may set errno is no vector instruction).
#include "headstart/optimizer.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "core/lanes.h"
#include "core/root_quotient.h"
#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

constexpr OptimizerKind kOptimizerKinds[] = {OptimizerKind::automatic, OptimizerKind::sgd,
                                             OptimizerKind::rmsprop, OptimizerKind::adam,
                                             OptimizerKind::adamw};

// Below this many values waking the threads costs more than they save.
constexpr std::size_t kParallelSize = 1 << 15;

constexpr const char* kVelocity = "/velocity";
constexpr const char* kSquare = "/square";
constexpr const char* kMean = "/mean";

bool has_velocity(const OptimizerOptions& options) {
  return (options.kind == OptimizerKind::sgd || options.kind == OptimizerKind::rmsprop) &&
         options.momentum > 0.0;
}
bool has_square(const OptimizerOptions& options) { return options.kind != OptimizerKind::sgd; }
bool has_mean(const OptimizerOptions& options) {
  return options.kind == OptimizerKind::adam || options.kind == OptimizerKind::adamw;
}

void require_range(const char* what, double value, double low, double high) {
  if (!(value >= low && value < high)) {
    throw Error(
        fmt::format("[optimizer] {} is at least {} and below {}; received {}", what, low, high, value));
  }
}

// Kernels have two dimensions or more; biases, class tokens and the parameters of norms have one. Tables of
// positions have two: timm's no_weight_decay of vision transformers and Swin names them.
bool decays(const std::string& name, const Tensor& parameter) {
  return parameter.shape().size() > 1 && !name.ends_with("/position_embedding") &&
         !name.ends_with("/relative_position_bias_table");
}

// The loops of the rules are compiled for several instruction sets.
[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void decay_weights(float* weights,
                                                                                  std::size_t count,
                                                                                  float factor) {
  for (std::size_t i = 0; i < count; ++i) {
    weights[i] -= factor * weights[i];
  }
}

[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void sgd_update(
    float* __restrict weights, const float* __restrict gradient, std::size_t count, float rate) {
  for (std::size_t i = 0; i < count; ++i) {
    weights[i] -= rate * gradient[i];
  }
}

struct MomentumRule {
  float rate = 0.0F, momentum = 0.0F;
  bool nesterov = false;
};

[[gnu::target_clones("avx512f", "arch=x86-64-v3", "default")]] void momentum_update(
    float* __restrict weights, const float* __restrict gradient, float* __restrict velocity,
    std::size_t count, MomentumRule rule) {
  // Nesterov looks one step ahead: w += momentum v - rate g; else w += v.
  const float from_velocity = rule.nesterov ? rule.momentum : 1.0F;
  const float from_gradient = rule.nesterov ? rule.rate : 0.0F;
  for (std::size_t i = 0; i < count; ++i) {
    velocity[i] = rule.momentum * velocity[i] - rule.rate * gradient[i];
    weights[i] += from_velocity * velocity[i] - from_gradient * gradient[i];
  }
}

struct RmspropRule {
  float rate = 0.0F, rho = 0.0F, momentum = 0.0F, epsilon = 0.0F;
};

// Without a velocity where it is null.
void rmsprop_update(float* weights, const float* gradient, float* square, float* velocity, std::size_t count,
                    const RmspropRule& rule) {
  vectorized([=]<typename L>() __attribute__((always_inline)) {
    for_lanes<L>(
        static_cast<std::int64_t>(count), [=]<typename V>(std::int64_t i) __attribute__((always_inline)) {
          typename V::Floats w, g, s, change;
          V::get(weights + i, w);
          V::get(gradient + i, g);
          V::get(square + i, s);
          s = rule.rho * s + (1.0F - rule.rho) * g * g;
          V::put(square + i, s);
          root_quotient<V>(g, s, rule.epsilon, change);
          change *= rule.rate;
          if (velocity != nullptr) {
            typename V::Floats v;
            V::get(velocity + i, v);
            change += rule.momentum * v;
            V::put(velocity + i, change);
          }
          V::put(weights + i, w - change);
        });
  });
}

struct AdamRule {
  float rate = 0.0F, beta_1 = 0.0F, beta_2 = 0.0F, epsilon = 0.0F;
};

void adam_update(float* weights, const float* gradient, float* mean, float* square, std::size_t count,
                 const AdamRule& rule) {
  vectorized([=]<typename L>() __attribute__((always_inline)) {
    for_lanes<L>(
        static_cast<std::int64_t>(count), [=]<typename V>(std::int64_t i) __attribute__((always_inline)) {
          typename V::Floats w, g, m, s, change;
          V::get(weights + i, w);
          V::get(gradient + i, g);
          V::get(mean + i, m);
          V::get(square + i, s);
          m += (g - m) * (1.0F - rule.beta_1);
          s += (g * g - s) * (1.0F - rule.beta_2);
          V::put(mean + i, m);
          V::put(square + i, s);
          root_quotient<V>(m, s, rule.epsilon, change);
          V::put(weights + i, w - rule.rate * change);
        });
  });
}

// update(first, count) of pieces that the engine's threads share.
template <typename Update>
void in_pieces(std::size_t count, const Update& update) {
#pragma omp parallel for schedule(static) if (count > kParallelSize)
  for (std::size_t first = 0; first < count; first += kParallelSize) {
    update(first, std::min(kParallelSize, count - first));
  }
}

// update(rows, first, count) with a few rows of the product at a time, and what the next product makes of the
// kernel's rows when they are new.
template <typename Update>
void update_by_rows(const OuterProduct& product, const float* kernel, const Update& update) {
  constexpr std::int64_t kAtOnce = WideProduct::kAtOnce;
  const std::int64_t inputs = product.inputs, outputs = product.outputs;
  const OuterProductRows gradient(product);
#pragma omp parallel if (static_cast <std::size_t>(inputs * outputs) > kParallelSize)
  {
    std::vector<float> rows(static_cast<std::size_t>(kAtOnce * outputs));
#pragma omp for schedule(static)
    for (std::int64_t piece = 0; piece < WideProduct::piece_count(inputs); ++piece) {
      const std::int64_t end = WideProduct::first_of_piece(inputs, piece + 1);
      for (std::int64_t first = WideProduct::first_of_piece(inputs, piece); first < end; first += kAtOnce) {
        const std::int64_t count = std::min(kAtOnce, end - first);
        gradient.compute(first, count, rows.data());
        update(rows.data(), static_cast<std::size_t>(first * outputs),
               static_cast<std::size_t>(count * outputs));
        if (product.next.source != nullptr) {
          product.next.add(piece, first, count, kernel + first * outputs);
        }
      }
    }
  }
}

// What all gradients are multiplied by so that their global norm is at most `limit`.
float clip_factor(const Parameters& gradients, double limit) {
  if (limit <= 0.0) {
    return 1.0F;
  }
  double sum = 0.0;
  for (const auto& [name, gradient] : gradients) {
    for (const float value : gradient.values()) {
      sum += static_cast<double>(value) * static_cast<double>(value);
    }
  }
  const double norm = std::sqrt(sum);
  return norm > limit ? static_cast<float>(limit / norm) : 1.0F;
}

}  // namespace

OptimizerKind optimizer_from(const std::string& name) {
  std::vector<std::string> names;
  for (const OptimizerKind kind : kOptimizerKinds) {
    if (name == to_string(kind)) {
      return kind;
    }
    names.push_back(to_string(kind));
  }
  throw Error(fmt::format("[optimizer] expected one of {}; received {}{}", fmt::join(names, ", "), name,
                          did_you_mean(name, names)));
}

std::string to_string(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::automatic:
      return "auto";
    case OptimizerKind::sgd:
      return "sgd";
    case OptimizerKind::rmsprop:
      return "rmsprop";
    case OptimizerKind::adam:
      return "adam";
    case OptimizerKind::adamw:
      return "adamw";
  }
  throw Error("[optimizer] unknown optimizer");
}

OptimizerOptions resolve(OptimizerOptions options) {
  constexpr double kAnything = 1e30;
  if (options.kind == OptimizerKind::automatic) {
    options.kind = OptimizerKind::adamw;
    options.learning_rate = options.learning_rate == 0.0 ? 0.003 : options.learning_rate;
    options.weight_decay = options.weight_decay < 0.0 ? 1.0 : options.weight_decay;
  }
  if (options.learning_rate == 0.0) {
    options.learning_rate = options.kind == OptimizerKind::sgd ? 0.01 : 0.001;
  }
  if (options.weight_decay < 0.0) {
    options.weight_decay = options.kind == OptimizerKind::adamw ? 0.004 : 0.0;
  }
  require_range("the learning rate", options.learning_rate, 0.0, kAnything);
  require_range("momentum", options.momentum, 0.0, 1.0);
  require_range("rho", options.rho, 0.0, 1.0);
  require_range("beta_1", options.beta_1, 0.0, 1.0);
  require_range("beta_2", options.beta_2, 0.0, 1.0);
  require_range("epsilon", options.epsilon, 0.0, kAnything);
  require_range("decay", options.decay, 0.0, kAnything);
  require_range("weight decay", options.weight_decay, 0.0, kAnything);
  require_range("the gradient norm to clip to", options.clip_norm, 0.0, kAnything);
  if (options.nesterov && (options.kind != OptimizerKind::sgd || options.momentum == 0.0)) {
    throw Error(fmt::format("[optimizer] nesterov goes with sgd and a momentum; received {} with momentum {}",
                            to_string(options.kind), options.momentum));
  }
  return options;
}

Optimizer::Optimizer(const OptimizerOptions& options, const Parameters& trainable)
    : options_(resolve(options)) {
  for (const auto& [name, parameter] : trainable) {
    shapes_.emplace(name, parameter.shape());
    if (has_velocity(options_)) {
      state_.insert(name + kVelocity, Tensor(parameter.shape()));
    }
    if (has_mean(options_)) {
      state_.insert(name + kMean, Tensor(parameter.shape()));
    }
    if (has_square(options_)) {
      state_.insert(name + kSquare, Tensor(parameter.shape()));
    }
  }
}

double Optimizer::learning_rate() const {
  return options_.learning_rate / (1.0 + options_.decay * static_cast<double>(iterations_));
}

// One step of one parameter's rule, to be done in pieces.
struct Optimizer::Update {
  const OptimizerOptions& options;
  float* weights = nullptr;
  float* velocity = nullptr;  // null where the rule has none
  float* mean = nullptr;
  float* square = nullptr;
  std::size_t size = 0;
  float rate = 0.0F;
  float decay = 0.0F;       // share of the weights taken off first; 0: none
  float correction = 1.0F;  // Adam's, of the rate for the moments' start at zero

  // The values from `first` on; `gradient` is theirs.
  void operator()(const float* gradient, std::size_t first, std::size_t count) const;
};

void Optimizer::Update::operator()(const float* gradient, std::size_t first, std::size_t count) const {
  if (decay > 0.0F) {
    decay_weights(weights + first, count, decay);
  }
  const auto epsilon = static_cast<float>(options.epsilon);
  const auto momentum = static_cast<float>(options.momentum);
  switch (options.kind) {
    case OptimizerKind::automatic:
      throw Error("[optimizer] expected a resolved optimizer; received automatic; this is a bug");
    case OptimizerKind::sgd:
      if (velocity != nullptr) {
        momentum_update(weights + first, gradient, velocity + first, count,
                        {.rate = rate, .momentum = momentum, .nesterov = options.nesterov});
      } else {
        sgd_update(weights + first, gradient, count, rate);
      }
      return;
    case OptimizerKind::rmsprop: {
      const RmspropRule rule{
          .rate = rate, .rho = static_cast<float>(options.rho), .momentum = momentum, .epsilon = epsilon};
      rmsprop_update(weights + first, gradient, square + first,
                     velocity != nullptr ? velocity + first : nullptr, count, rule);
      return;
    }
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      adam_update(weights + first, gradient, mean + first, square + first, count,
                  {.rate = rate * correction,
                   .beta_1 = static_cast<float>(options.beta_1),
                   .beta_2 = static_cast<float>(options.beta_2),
                   .epsilon = epsilon});
      return;
  }
}

Optimizer::Update Optimizer::update_of(const std::string& name, Tensor& parameter, const Shape& gradient,
                                       double common) {
  const auto trained = shapes_.find(name);
  if (trained == shapes_.end()) {
    throw Error(fmt::format(
        "[optimizer] expected gradients of what is trained; received one of {}; name it in the constructor",
        name));
  }
  const Shape& shape = trained->second;
  if (parameter.size() != element_count(shape) || parameter.size() != element_count(gradient)) {
    throw Error(
        fmt::format("[optimizer] expected {} and its gradient to have shape {}; received {} and {}; "
                    "make a new optimizer for other parameters",
                    name, to_string(shape), to_string(parameter.shape()), to_string(gradient)));
  }
  const auto own = rate_factors_.find(name);
  const double rate = own == rate_factors_.end() ? common : common * own->second;
  const auto t = static_cast<double>(iterations_);
  return {.options = options_,
          .weights = parameter.data(),
          .velocity = has_velocity(options_) ? state_.at(name + kVelocity).data() : nullptr,
          .mean = has_mean(options_) ? state_.at(name + kMean).data() : nullptr,
          .square = has_square(options_) ? state_.at(name + kSquare).data() : nullptr,
          .size = static_cast<std::size_t>(parameter.size()),
          .rate = static_cast<float>(rate),
          .decay = decays(name, parameter) ? static_cast<float>(rate * options_.weight_decay) : 0.0F,
          .correction = static_cast<float>(std::sqrt(1.0 - std::pow(options_.beta_2, t)) /
                                           (1.0 - std::pow(options_.beta_1, t)))};
}

void Optimizer::step(Parameters& parameters, Parameters& gradients, double rate_factor,
                     std::span<const OuterProduct> factored) {
  const double common = learning_rate() * rate_factor;
  ++iterations_;
  if (options_.clip_norm > 0.0 && !factored.empty()) {
    throw Error("[optimizer] expected whole gradients to clip; received factored ones; this is a bug");
  }
  if (const float factor = clip_factor(gradients, options_.clip_norm); factor != 1.0F) {
    for (auto& [name, gradient] : gradients) {
      for (float& value : gradient.values()) {
        value *= factor;
      }
    }
  }
  for (const auto& [name, gradient] : gradients) {
    const Update update = update_of(name, parameters.at(name), gradient.shape(), common);
    const float* values = gradient.data();
    in_pieces(update.size,
              [&](std::size_t first, std::size_t count) { update(values + first, first, count); });
  }
  for (const OuterProduct& product : factored) {
    if (product.rows > WideProduct::kMostRows) {
      throw Error(fmt::format("[optimizer] expected factored gradients of at most {} rows; received {} of {}",
                              WideProduct::kMostRows, product.rows, product.parameter));
    }
    const Update update = update_of(product.parameter, parameters.at(product.parameter),
                                    {product.inputs, product.outputs}, common);
    update_by_rows(product, update.weights, update);
  }
}

void Optimizer::restore(const Parameters& state, std::int64_t iterations) {
  for (auto& [name, tensor] : state_) {
    const Tensor& saved = state.at(name);
    if (saved.shape() != tensor.shape()) {
      throw Error(fmt::format("[optimizer] state {} needs shape {}; received {}", name,
                              to_string(tensor.shape()), to_string(saved.shape())));
    }
    tensor = saved;
  }
  iterations_ = iterations;
}

}  // namespace headstart
