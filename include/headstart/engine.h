// Compiling and running a graph: partition, the frozen (inference) program, the training program.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "headstart/graph.h"
#include "headstart/outer_product.h"
#include "headstart/parameters.h"
#include "headstart/ranges.h"
#include "headstart/tensor.h"

namespace headstart {

// automatic: bf16 where a measurement on this CPU found it faster, else f32. Parameters, statistics,
// gradients of parameters and the tensors handed in and out are always f32.
// int8: of inference programs. Convolutions and dense layers multiply bytes, what is between them is as with
// `automatic`. It needs the ranges of the values, see measure_ranges.
enum class Precision { automatic, f32, bf16, int8 };
Precision precision_from(const std::string& name);  // "auto", "f32", "bf16", "int8"; throws Error
std::string to_string(Precision precision);
// Whether this CPU has the instructions: AVX-512 for bf16 (which it may emulate), AVX2 for int8.
bool is_supported(Precision precision);
// `automatic` resolved for this machine (a measurement of a few milliseconds, once a process). Throws Error
// for what is not supported.
Precision resolve(Precision precision);

// The ranges of a program's values that minimise the squared error of their rounding, and what the outputs
// are without it.
struct MeasuredRanges {
  ValueRanges ranges;
  std::vector<Tensor> outputs;  // for each output: (N, shape of the node)
};
// `images`: (N, input shape), a few like those to come. In f32. Throws Error when they have another shape.
MeasuredRanges measure_ranges(const Graph& graph, const Parameters& parameters,
                              const std::vector<NodeId>& outputs, const Tensor& images);

// Threads of the engine for the calling thread's programs; 0: all cores.
void set_engine_threads(int threads);

enum class BatchNormMode {
  frozen,   // moving statistics everywhere (fine-tuning's default)
  training  // trainable batch norms use the batch's statistics and update the moving ones
};

// Idea 2 of the design: a node is frozen when its value for a given image cannot change from step to step:
// neither it nor an ancestor is trainable, random or watched (TrainingProgram::Options).
struct Partition {
  std::vector<bool> frozen;  // by node id
  // Frozen nodes, the Input too, whose values the trainable part reads; ascending.
  std::vector<NodeId> boundary;
};
Partition partition(const Graph& graph, BatchNormMode batch_norm, const std::vector<NodeId>& watch = {});

// What `headstart bench` prints.
struct StepReport {
  std::string node;            // layer, or several joined by "+" when fused
  std::string kind;            // "convolution forward", ...
  std::string implementation;  // oneDNN's, e.g. "jit:avx512_core_bf16"
  double milliseconds = 0;     // median of the measured runs; 0 when not measured
};

// Inference: batch norm folded, activations and residual additions fused, buffers planned. A program is for
// one thread at a time: its buffers are its own. Programs that share weights may run side by side; graph and
// parameters are not read after the constructor.
class FrozenProgram {
 public:
  // `outputs` are computed from `sources` (default: the Input). With `logits` true the graph's output, when
  // it is asked for and ends in softmax or sigmoid, is given before it; an Error where a node that is needed
  // besides reads it.
  struct Options {
    int batch = 1;
    Precision precision = Precision::f32;
    bool logits = false;
    std::vector<NodeId> sources{};
    // A program of the same graph, parameters and options, the batch among them, whose packed weights this
    // one uses too: one for each thread costs the memory of one.
    const FrozenProgram* weights_of = nullptr;
    const ValueRanges* ranges = nullptr;  // read while compiling; for int8, which is refused without
  };
  // Throws Error for a batch below 1, for nodes that the graph does not have or that the sources do not lead
  // to, and for parameters of needed nodes that are missing or have another shape; those of other nodes may
  // be left out.
  FrozenProgram(const Graph& graph, const Parameters& parameters, std::vector<NodeId> outputs,
                const Options& options);
  ~FrozenProgram();
  FrozenProgram(FrozenProgram&&) noexcept;
  FrozenProgram& operator=(FrozenProgram&&) noexcept;

  int batch() const;
  // `inputs[i]`: batch x shape of source i. `outputs[i]`: batch x shape of output i. All f32, channels-last.
  void run(std::span<const float* const> inputs, std::span<float* const> outputs);
  void run(const float* input, std::span<float* const> outputs) { run(std::span(&input, 1), outputs); }
  // Takes over changed parameters without compiling again. Not for int8, whose scales are compiled in.
  void refresh(const Parameters& parameters);
  std::vector<StepReport> report(int measured_runs);
  std::int64_t activation_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// How many images a core should compute at once: so few that what goes from layer to layer stays in its
// caches, from 1 (large pictures, f32) to 8 (small ones, int8).
int images_at_once(const Graph& graph, Precision precision);

// A batch on all cores: small slices of it, which stay in a core's caches, go to programs of one thread each
// that share their weights and do not wait for each other at every step. Slices depend on the batch alone, so
// the results do not depend on the number of cores. For wide dense layers alone one program is faster: every
// slice reads all of their weights. It starts its own threads and is called by one thread at a time.
class SlicedProgram {
 public:
  // As FrozenProgram's; `batch` is that of the whole.
  SlicedProgram(const Graph& graph, const Parameters& parameters, const std::vector<NodeId>& outputs,
                const FrozenProgram::Options& options);
  void run(std::span<const float* const> inputs, std::span<float* const> outputs);
  void run(const float* input, std::span<float* const> outputs) { run(std::span(&input, 1), outputs); }

 private:
  int batch_ = 0, slice_ = 0;
  std::vector<std::int64_t> input_sizes_, output_sizes_;  // values of an image
  std::vector<FrozenProgram> programs_;                   // one a thread
};

// Forward, backward and parameter gradients of the trainable part. A program is for one thread at a time, and
// while it runs nobody else may change its parameters or, as it writes moving statistics, read them.
class TrainingProgram {
 public:
  struct Options {
    int batch = 1;
    Precision precision = Precision::f32;  // int8: what `automatic` is, bytes are for what stands still
    BatchNormMode batch_norm = BatchNormMode::training;
    std::uint64_t dropout_seed = 0;
    // Nodes that the output depends on, whose values and gradients are kept. All that lies above them belongs
    // to the program, trainable or not; they themselves may cross the boundary, and so may the Input. In a
    // graph without a trainable layer the program is then the network in evaluation mode.
    std::vector<NodeId> watch{};
    // Gradients of wide dense kernels that are f32 and see few rows are not written to gradients(): they are
    // factored_gradients().
    bool factored = false;
    // Bytes for the activations; 0: no limit. Where they do not fit, parts of the forward pass run again in
    // the backward pass: as few as will do, to the same bits. A limit that nothing meets is come near to.
    std::int64_t activation_limit = 0;
  };
  // Reads parameters by reference at every forward pass, when they may have other values but not other
  // shapes; moving statistics are written back to them. The result is the pre-activation value (logits) when
  // the graph ends in softmax or sigmoid, else the output. Throws Error as FrozenProgram's, of the nodes of
  // the trainable part, and when there is nothing to train.
  TrainingProgram(const Graph& graph, Parameters& parameters, const Options& options);
  ~TrainingProgram();
  TrainingProgram(TrainingProgram&&) noexcept;
  TrainingProgram& operator=(TrainingProgram&&) noexcept;

  int batch() const;
  const std::vector<NodeId>& boundary() const;  // as Partition::boundary
  // boundary[i]: batch x shape of boundary node i; must stay as it is until backward. `step` keys the dropout
  // masks. Returns batch x classes.
  const Tensor& forward(std::span<const float* const> boundary, std::uint64_t step);
  // diff_logits: as forward's result. Overwrites gradients(), and the values of the forward pass: throws
  // Error without a forward since the last backward.
  void backward(const float* diff_logits);
  // Names of the parameters that have a gradient.
  std::set<std::string> trainable() const;
  // By parameter name, Keras layouts; only trainable parameters of trainable nodes.
  const Parameters& gradients() const;
  Parameters& gradients();
  // Those that are not among them (Options::factored); they point into the program until the next forward.
  // `next`: the boundary of the next forward, if it is known, as it will be then. What the wide layers make
  // of it is then computed by the optimizer's step, which has to follow, while it has their kernels at hand;
  // nothing else may change these before that forward. Throws Error as forward.
  std::vector<OuterProduct> factored_gradients(std::span<const float* const> next = {});
  bool takes_next() const;  // whether there are such layers of the boundary
  // Of a watched node, batch x shape, channels-last: its value after forward, and after backward the gradient
  // of what diff_logits is the gradient of. The output's are the logits and diff_logits.
  const Tensor& value_of(NodeId id) const;
  const Tensor& gradient_of(NodeId id) const;
  // Steps that run again have kinds that end in ", again".
  std::vector<StepReport> report(int measured_runs);
  std::int64_t activation_bytes() const;
  // What they would be without a limit, and the share of the forward pass's work that is done again for it.
  std::int64_t unlimited_activation_bytes() const;
  double recomputed_share() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headstart
