// Optimizers with Keras's definitions and defaults, their state as named tensors; learning-rate schedules.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "headstart/outer_product.h"
#include "headstart/parameters.h"

namespace headstart {

// automatic: AdamW with rates that were measured to work for new heads (docs/training.md).
enum class OptimizerKind { automatic, sgd, rmsprop, adam, adamw };
OptimizerKind optimizer_from(
    const std::string& name);  // "auto", "sgd", ...; throws Error that offers the names
std::string to_string(OptimizerKind kind);

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::automatic;
  double learning_rate = 0.0;  // 0: Keras's default (sgd 0.01, the others 0.001); automatic 0.003
  double momentum = 0.0;       // sgd, rmsprop
  bool nesterov = false;       // sgd
  double rho = 0.9;            // rmsprop
  double beta_1 = 0.9, beta_2 = 0.999;
  double epsilon = 1e-7;
  double decay = 0.0;  // Keras 2: rate / (1 + decay * iterations)
  // Decoupled (w -= rate * weight_decay * w before the update), on kernels only: biases, norms, class tokens,
  // position embeddings and tables of relative positions are left out (timm).
  double weight_decay = -1.0;  // below 0: Keras's default (adamw 0.004, the others 0); automatic 1
  double clip_norm = 0.0;  // 0: off; else all gradients are scaled so that their global norm is at most this
};

// Defaults filled in, `automatic` become adamw; throws Error for values out of range.
OptimizerOptions resolve(OptimizerOptions options);

// Updates parameters in place. One state tensor of a parameter's shape for each moment.
//   sgd      v = momentum v - rate g; w += v (Nesterov: w += momentum v - rate g)
//   rmsprop  s = rho s + (1 - rho) g^2; u = rate g / (sqrt(s) + epsilon); w -= u
//            with momentum: v = momentum v + u; w -= v
//   adam     m, s as moving averages
//            w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(s) + epsilon)
//   adamw    adam with weight decay
class Optimizer {
 public:
  // `trainable` names and shapes what will be updated; its values are not read.
  Optimizer(const OptimizerOptions& options, const Parameters& trainable);

  // Multiplies the rate (and with it the decay) of single parameters by name; 1 for those not listed.
  void set_rate_factors(std::map<std::string, double> factors) { rate_factors_ = std::move(factors); }

  // One step over every gradient (scaled in place when they are clipped); `rate_factor` scales the learning
  // rate (a schedule's value). Of `factored` ones a few rows at a time are computed and used while they are
  // in the cache; they cannot be clipped. Throws Error when a gradient is not among `trainable`, or it or
  // the parameter has another size, or a factored one more rows than it may.
  void step(Parameters& parameters, Parameters& gradients, double rate_factor = 1.0,
            std::span<const OuterProduct> factored = {});

  const OptimizerOptions& options() const { return options_; }
  std::int64_t iterations() const { return iterations_; }
  // The rate of the next step before `rate_factor`, with `decay`.
  double learning_rate() const;

  // "NAME/velocity", "NAME/square", "NAME/mean": enough, with `iterations`, to go on exactly.
  const Parameters& state() const { return state_; }
  void restore(const Parameters& state, std::int64_t iterations);

 private:
  struct Update;
  Update update_of(const std::string& name, Tensor& parameter, const Shape& gradient, double common);

  OptimizerOptions options_;
  std::map<std::string, double> rate_factors_;
  std::map<std::string, Shape> shapes_;  // of what is updated
  Parameters state_;
  std::int64_t iterations_ = 0;
};

// What multiplies the learning rate at a step of a stage.
struct Schedule {
  enum class Kind {
    automatic,
    constant,
    cosine,
    step,
    exponential,
    one_cycle,
    plateau,
    range_test  // rises by 1e8 in all: the learning-rate finder's, which has no text
  };            // automatic: see resolve
  Kind kind = Kind::automatic;
  double warmup = 0.0;        // share of the steps over which the rate rises linearly from 0
  double final_factor = 0.0;  // cosine: where it ends
  // step, exponential: the factor each `every` epochs; plateau: after `every` without a better one.
  double gamma = 0.1;
  int every = 10;
};
// "auto", "constant", "cosine", "step[:EVERY[:GAMMA]]", "exponential[:EVERY[:GAMMA]]", "one-cycle",
// "plateau[:EPOCHS[:GAMMA]]", each but one-cycle with ",warmup:SHARE"; throws Error.
Schedule schedule_from(const std::string& text);
std::string to_string(const Schedule& schedule);

// `automatic` is cosine with the automatic optimizer, else constant. Throws Error for values out of range.
Schedule resolve(Schedule schedule, OptimizerKind optimizer);

struct SchedulePosition {
  std::int64_t step = 0, steps_per_epoch = 1, total_steps = 1;
  int plateaus = 0;  // that were left so far
};
// Of a resolved schedule. Throws Error as `resolve`.
double schedule_factor(const Schedule& schedule, const SchedulePosition& position);

}  // namespace headstart
