// The training loop of one stage.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "headstart/error.h"
#include "headstart/text.h"
#include "train/activation_limit.h"
#include "train/epoch_order.h"
#include "train/evaluator.h"
#include "train/gradient_sum.h"
#include "train/int8_ranges.h"
#include "train/mixing.h"
#include "train/session.h"
#include "train/snapshot.h"
#include "train/stage_source.h"
#include "train/step_cost.h"

namespace headstart {
namespace {

// A step that takes less than waking a second thread runs on one; the setting is put back at the end.
class ThreadsForWork {
 public:
  explicit ThreadsForWork(double work) {
    constexpr double kWorthASecondThread = 2e7;
    set_engine_threads(work < kWorthASecondThread ? 1 : 0);
  }
  ThreadsForWork(const ThreadsForWork&) = delete;
  ThreadsForWork& operator=(const ThreadsForWork&) = delete;
  ~ThreadsForWork() { set_engine_threads(0); }
};

class Stage {
 public:
  Stage(Session& session, const StageSpec& spec);
  bool run();

 private:
  bool has_frozen_part() const { return cut_.boundary != std::vector<NodeId>{0}; }
  void measure_ranges_for_int8();
  bool open_sources();
  void prepare();
  TrainingProgram& program_for(std::size_t size);
  std::span<const float> adjusted(std::span<const float> logits);
  LossValue loss_of_batch(const BoundaryBatch& batch, TrainingProgram& program);
  std::vector<OuterProduct> factored_gradients(TrainingProgram& program, const BoundaryBatch& batch);
  void update_parameters(int step, Parameters& gradients, std::span<const OuterProduct> factored);
  bool train_epoch(EpochProgress& progress);
  void validate(EpochProgress& progress);
  void train_step(const BoundaryBatch& batch, EpochProgress& progress);
  void finish_epoch(EpochProgress& progress);
  bool is_better(const EpochRecord& record) const;
  void keep_best();
  void expect_first_save();
  void save_next_after(double saving);  // the seconds that saving takes
  void save_when_due();
  void report_frozen(const FrozenReport& before);

  Session& session_;
  const StageSpec& spec_;
  const TrainOptions& options_;
  Graph& graph_;
  Partition cut_;
  Precision precision_ = Precision::f32;
  std::unique_ptr<BoundarySource> train_, validation_;
  std::map<std::size_t, TrainingProgram> programs_;
  std::optional<Optimizer> optimizer_;
  std::optional<Evaluator> evaluator_;
  std::optional<Mixer> mixer_;
  std::vector<float> diff_logits_, sample_weights_, adjusted_logits_;
  GradientSum accumulated_;
  int views_ = 0;        // of a training image; 0: new ones every epoch
  int steps_ = 0;        // of an epoch
  double loss_sum_ = 0;  // of this epoch
  double correct_ = 0;
  std::int64_t seen_ = 0;
  double last_rate_ = 0;
};

Stage::Stage(Session& session, const StageSpec& spec)
    : session_(session),
      spec_(spec),
      options_(session.options),
      graph_(session.model.graph),
      cut_(partition(graph_, spec.options.batch_norm)),
      precision_(training_precision(graph_, cut_, options_.precision)),
      views_(has_frozen_part() ? options_.cached_views : 0) {}

void Stage::measure_ranges_for_int8() {
  session_.model.ranges.clear();
  if (options_.precision != Precision::int8) {
    return;
  }
  resolve(options_.precision);  // refuses where the CPU lacks the instructions
  session_.observer.message(
      has_frozen_part() ? to_string(measure_int8_ranges(session_.model, cut_.boundary, session_.train_split))
                        : "int8: nothing is frozen in this stage, so nothing is computed in it");
}

TrainingProgram& Stage::program_for(std::size_t size) {
  const auto found = programs_.find(size);
  if (found != programs_.end()) {
    return found->second;
  }
  const std::int64_t limit = activation_limit(options_);
  TrainingProgram program(graph_, session_.model.parameters,
                          {.batch = static_cast<int>(size),
                           .precision = precision_,
                           .batch_norm = spec_.options.batch_norm,
                           .dropout_seed = options_.seed,
                           .factored = takes_factored_gradients(options_.accumulate, spec_.options.optimizer),
                           .activation_limit = limit});
  if (const auto message = recomputation_message(program, limit); programs_.empty() && !message.empty()) {
    session_.observer.message(message);
  }
  return programs_.emplace(size, std::move(program)).first->second;
}

// The logits that the loss is of: their own, or with the offsets of the classes.
std::span<const float> Stage::adjusted(std::span<const float> logits) {
  const auto& offsets = session_.logit_offsets;
  if (offsets.empty()) {
    return logits;
  }
  adjusted_logits_.assign(logits.begin(), logits.end());
  for (std::size_t i = 0; i < adjusted_logits_.size(); ++i) {
    adjusted_logits_[i] += offsets[i % offsets.size()];
  }
  return adjusted_logits_;
}

// Forward; the loss and, in diff_logits_, its gradient.
LossValue Stage::loss_of_batch(const BoundaryBatch& batch, TrainingProgram& program) {
  const std::int64_t step = session_.state.step;
  const MixedBatch* mixed = mixer_->on() ? &mixer_->mix(batch, step) : nullptr;
  const Tensor& own_logits =
      program.forward(mixed != nullptr ? mixed->tensors : batch.tensors, static_cast<std::uint64_t>(step));
  const std::span<const float> logits = adjusted(own_logits.values());
  diff_logits_.resize(logits.size());
  const float share = mixed != nullptr ? mixed->share : 1.0F;
  const auto& weights = session_.class_weights;
  sample_weights_.clear();
  for (std::size_t i = 0; i < batch.labels.size() && !weights.empty(); ++i) {
    const float own = weights[static_cast<std::size_t>(batch.labels[i])];
    sample_weights_.push_back(mixed == nullptr
                                  ? own
                                  : share * own + (1.0F - share) *
                                                      weights[static_cast<std::size_t>(mixed->partners[i])]);
  }
  const auto& sets = session_.label_sets;
  if (mixed == nullptr && options_.label_smoothing == 0.0 && sets.empty()) {
    return loss_of_labels(session_.loss, logits, batch.labels, sample_weights_, diff_logits_);
  }
  const auto size = static_cast<int>(batch.labels.size());
  const auto targets = soft_targets(
      {.labels = batch.labels,
       .partners = mixed != nullptr ? std::span<const int>(mixed->partners) : std::span<const int>(),
       .share = share,
       .smoothing = static_cast<float>(options_.label_smoothing),
       .sets = sets},
      logits.size() / batch.labels.size());
  LossValue value = loss_of_targets(session_.loss, logits, targets, size, sample_weights_, diff_logits_);
  if (!sets.empty()) {
    value.correct = right_shares(logits, targets, size);
  }
  return value;
}

// One step of the optimizer; `step`: the batch of this epoch that ends it. An epoch with unreadable images
// has fewer batches than `steps_`; the schedule begins every epoch where it does with all of them.
void Stage::update_parameters(int step, Parameters& gradients, std::span<const OuterProduct> factored) {
  RunState& state = session_.state;
  const double factor = schedule_factor(
      spec_.options.schedule, {.step = static_cast<std::int64_t>(state.stage_epochs_done) * steps_ + step,
                               .steps_per_epoch = steps_,
                               .total_steps = static_cast<std::int64_t>(steps_) * spec_.options.epochs,
                               .plateaus = state.plateaus});
  last_rate_ = optimizer_->learning_rate() * factor;
  optimizer_->step(session_.model.parameters, gradients, factor, factored);
  if (state.average.size() > 0) {
    const auto t = static_cast<double>(optimizer_->iterations());
    move_average(state.average, session_.model.parameters,
                 std::min(options_.average_decay, (1.0 + t) / (10.0 + t)));
  }
}

// With what the wide layers make of the next batch, when it is at hand as it will be and for the same
// program.
std::vector<OuterProduct> Stage::factored_gradients(TrainingProgram& program, const BoundaryBatch& batch) {
  const BoundaryBatch* coming = mixer_->on() || !program.takes_next() ? nullptr : train_->coming();
  const bool is_alike = coming != nullptr && coming->labels.size() == batch.labels.size();
  return program.factored_gradients(is_alike ? coming->tensors : std::span<const float* const>());
}

void Stage::train_step(const BoundaryBatch& batch, EpochProgress& progress) {
  RunState& state = session_.state;
  TrainingProgram& program = program_for(batch.labels.size());
  const LossValue value = loss_of_batch(batch, program);
  progress.step_loss = value.loss;
  if (!std::isfinite(value.loss) && spec_.options.schedule.kind != Schedule::Kind::range_test) {
    save_outputs(session_);
    throw Error(
        fmt::format("[train] expected a finite loss; received {} at step {} of epoch {}; the best epoch so "
                    "far is {}; a lower learning rate or "
                    "clipped gradients help",
                    value.loss, progress.step + 1, progress.epoch,
                    session_.state.best_epoch == 0 ? "none" : std::to_string(session_.state.best_epoch)));
  }
  program.backward(diff_logits_.data());
  if (options_.accumulate == 1) {
    update_parameters(progress.step, program.gradients(), factored_gradients(program, batch));
  } else {
    accumulated_.add(program.gradients(), batch.labels.size());
    if (accumulated_.batches() == options_.accumulate) {
      update_parameters(progress.step, accumulated_.take_mean(), {});
    }
  }
  ++state.step;
  loss_sum_ += value.loss * static_cast<double>(batch.labels.size());
  correct_ += value.correct;
  seen_ += static_cast<std::int64_t>(batch.labels.size());
}

bool Stage::train_epoch(EpochProgress& progress) {
  const auto start = Clock::now();
  auto items = order_of_epoch(train_->labels(), options_, views_, progress.epoch);
  loss_sum_ = 0.0;
  correct_ = 0.0;
  seen_ = 0;
  accumulated_.clear();
  train_->begin(std::move(items));
  while (const BoundaryBatch* batch = train_->next()) {
    train_step(*batch, progress);
    ++progress.step;
    progress.learning_rate = last_rate_;
    progress.loss = loss_sum_ / static_cast<double>(seen_);
    progress.accuracy = correct_ / static_cast<double>(seen_);
    progress.seconds = seconds_since(start);
    session_.observer.step_done(progress);
    if (stop_requested()) {
      return false;
    }
  }
  if (accumulated_.batches() > 0) {
    update_parameters(progress.step - 1, accumulated_.take_mean(), {});
  }
  if (seen_ == 0) {
    throw Error("[train] expected images to train on; every one was unreadable; see the messages above");
  }
  session_.result.seconds.training += progress.seconds;
  return true;
}

void Stage::validate(EpochProgress& progress) {
  const auto start = Clock::now();
  const LossAndAccuracy validation = evaluator_->evaluate(session_.model.parameters, *validation_);
  if (evaluator_->logits().empty()) {
    throw Error("[train] expected images to validate with; every one was unreadable; replace them");
  }
  const double taken = seconds_since(start);
  session_.result.seconds.validation += taken;
  progress.seconds += taken;
  progress.record = EpochRecord{.epoch = progress.epoch,
                                .stage = spec_.name,
                                .loss = progress.loss,
                                .accuracy = progress.accuracy,
                                .val_loss = validation.loss,
                                .val_accuracy = validation.accuracy,
                                .learning_rate = last_rate_,
                                .seconds = progress.seconds};
}

bool Stage::is_better(const EpochRecord& record) const {
  const RunState& state = session_.state;
  if (state.best_epoch == 0) {
    return true;
  }
  const EpochRecord& best = state.history[static_cast<std::size_t>(state.best_epoch) - 1];
  if (options_.monitor == Monitor::val_loss || record.val_accuracy == best.val_accuracy) {
    return record.val_loss < best.val_loss;
  }
  return record.val_accuracy > best.val_accuracy;
}

void Stage::finish_epoch(EpochProgress& progress) {
  RunState& state = session_.state;
  const EpochRecord& record = *progress.record;
  if (!std::isfinite(record.val_loss) && spec_.options.schedule.kind != Schedule::Kind::range_test) {
    save_outputs(session_);
    throw Error(fmt::format(
        "[train] expected a finite validation loss; received {} after epoch {}; a lower learning rate helps",
        record.val_loss, record.epoch));
  }
  const bool better = is_better(record);
  state.history.push_back(record);
  if (better) {
    state.best_epoch = record.epoch;
    state.best_logits = evaluator_->logits();
    state.best_ranges = session_.model.ranges;
    keep_best();
  }
  state.epochs_since_best = better ? 0 : state.epochs_since_best + 1;
  state.epochs_on_plateau = better ? 0 : state.epochs_on_plateau + 1;
  if (state.epochs_on_plateau >= spec_.options.schedule.every) {
    ++state.plateaus;  // read by the plateau schedule only
    state.epochs_on_plateau = 0;
  }
  ++state.stage_epochs_done;
  const bool impatient = options_.patience > 0 && state.epochs_since_best >= options_.patience;
  state.stage_done = impatient || state.stage_epochs_done >= spec_.options.epochs;
  session_.observer.epoch_ends(progress);
  if (impatient && state.stage_epochs_done < spec_.options.epochs) {
    session_.observer.message(
        fmt::format("no better epoch in {}: the {} stage ends early", options_.patience, spec_.name));
  }
}

// In place once there is one.
void Stage::keep_best() {
  RunState& state = session_.state;
  if (state.best.size() == 0) {
    state.best = copy_of(session_.model.parameters, session_.changing);
    return;
  }
  for (auto& [name, tensor] : state.best) {
    const auto values = session_.model.parameters.at(name).values();
    std::copy(values.begin(), values.end(), tensor.values().begin());
  }
}

// Often enough that a kill costs little, seldom enough that saving takes a small share of the time.
void Stage::save_next_after(double saving) {
  constexpr double kShare = 10.0;  // saving takes a tenth of the time at most
  const double least = options_.seconds_between_checkpoints;
  const double wait = least > 0.0 ? std::max(least, kShare * saving) : 0.0;
  session_.next_save =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait));
}

void Stage::expect_first_save() {
  constexpr double kBytesPerSecond = 200e6;  // of a slow disk, until a save has been timed
  double values = 0.0;
  for (const auto& [name, tensor] : session_.model.parameters) {
    values += static_cast<double>(tensor.size()) * (session_.changing.contains(name) ? 3.0 : 1.0);
  }
  for (const auto& [name, tensor] : optimizer_->state()) {
    values += static_cast<double>(tensor.size());
  }
  save_next_after(values * sizeof(float) / kBytesPerSecond);
}

void Stage::save_when_due() {
  const auto start = Clock::now();
  if (options_.out_directory.empty() || (start < session_.next_save && !session_.state.stage_done)) {
    return;
  }
  session_.state.optimizer_iterations = optimizer_->iterations();
  save_outputs(session_);
  save_checkpoint(options_.out_directory, session_.state,
                  list_of(session_.model.parameters, session_.changing), optimizer_->state(),
                  session_.fingerprint);
  const double taken = seconds_since(start);
  session_.result.seconds.saving += taken;
  save_next_after(taken);
}

void Stage::report_frozen(const FrozenReport& before) {
  FrozenReport report = before;
  report.stage = spec_.name;
  report.sha256_after =
      hash_frozen(session_.model.parameters, changing_parameters(graph_, spec_.options.batch_norm))
          .sha256_before;
  if (report.sha256_after != report.sha256_before) {
    throw Error(fmt::format(
        "[train] expected the {} frozen parameters to stand still; their hash changed; this is a bug",
        with_thousands(report.parameters)));
  }
  if (report.parameters > 0) {
    session_.observer.message(
        fmt::format("frozen: {} parameters, hash unchanged", with_thousands(report.parameters)));
  }
  session_.result.frozen.push_back(std::move(report));
}

// False when it was stopped meanwhile.
bool Stage::open_sources() {
  const auto start = Clock::now();
  measure_ranges_for_int8();
  train_ = make_stage_source(session_, session_.train_split, cut_,
                             {.purpose = "features of the training images",
                              .augmentation = options_.augmentation,
                              .views = views_,
                              .has_frozen = has_frozen_part()});
  if (!stop_requested()) {
    validation_ =
        make_stage_source(session_, session_.validation_split, cut_,
                          {.purpose = "features of the validation images", .has_frozen = has_frozen_part()});
  }
  session_.result.seconds.features += seconds_since(start);
  if (stop_requested()) {
    return false;
  }
  if (train_->labels().empty() || validation_->labels().empty()) {
    throw Error(
        "[train] expected readable images for training and for validation; received none for one of them");
  }
  return true;
}

void Stage::prepare() {
  const auto batch = static_cast<std::size_t>(options_.batch_size);
  const std::size_t samples = train_->labels().size();
  steps_ = options_.steps_per_epoch > 0 ? options_.steps_per_epoch
                                        : static_cast<int>((samples + batch - 1) / batch);
  const auto trainable = program_for(std::min(batch, samples)).trainable();
  if (trainable.empty()) {
    throw Error(fmt::format("[train] expected something to train in the {} stage; every layer is frozen",
                            spec_.name));
  }
  optimizer_.emplace(spec_.options.optimizer, copy_of(session_.model.parameters, trainable));
  optimizer_->set_rate_factors(spec_.rate_factors);
  std::vector<Shape> shapes;
  for (const NodeId node : cut_.boundary) {
    shapes.push_back(graph_.node(node).shape);
  }
  mixer_.emplace(MixingOptions{.mixup = options_.mixup, .cutmix = options_.cutmix, .seed = options_.seed},
                 std::move(shapes));
  evaluator_.emplace(graph_, session_.model.parameters,
                     EvaluatorOptions{.boundary = cut_.boundary,
                                      .batch = options_.batch_size,
                                      .precision = precision_,
                                      .loss = session_.loss,
                                      .label_sets = session_.label_sets,
                                      .steps = options_.validation_steps});
  RunState& state = session_.state;
  if (state.stage_epochs_done > 0) {
    optimizer_->restore(session_.resumed_optimizer, state.optimizer_iterations);
  }
  session_.resumed_optimizer = {};
  if (options_.average_decay > 0.0 && state.average.size() == 0) {
    state.average = copy_of(session_.model.parameters, session_.changing);
  }
}

bool Stage::run() {
  RunState& state = session_.state;
  const FrozenReport before =
      hash_frozen(session_.model.parameters, changing_parameters(graph_, spec_.options.batch_norm));
  if (!open_sources()) {
    return false;
  }
  const ThreadsForWork threads(multiplications_of_step(graph_, cut_, options_.batch_size));
  prepare();
  if (!session_.next_save) {
    expect_first_save();
  }
  while (!state.stage_done) {
    EpochProgress progress{
        .epoch = static_cast<int>(state.history.size()) + 1, .epochs = spec_.epochs_of_run, .steps = steps_};
    session_.observer.epoch_begins(progress.epoch, progress.epochs);
    if (!train_epoch(progress)) {
      return false;
    }
    swap_values(session_.model.parameters, state.average);
    validate(progress);
    finish_epoch(progress);
    swap_values(session_.model.parameters, state.average);
    save_when_due();
    if (stop_requested() && !state.stage_done) {
      return false;
    }
  }
  report_frozen(before);
  return true;
}

}  // namespace

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool run_stage(Session& session, const StageSpec& spec) { return Stage(session, spec).run(); }

}  // namespace headstart
