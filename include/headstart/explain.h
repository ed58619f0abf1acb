// What a network looks at: where in a picture the evidence for a class lies.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "headstart/engine.h"
#include "headstart/model.h"
#include "headstart/predict.h"
#include "headstart/progress.h"
#include "headstart/tensor.h"

namespace headstart {

// gradcam: Selvaraju et al., 2017: the layer's channels, each weighted by the mean of the logit's gradient.
// gradcam_plus_plus: Chattopadhay et al., 2018. hirescam: Draelos and Carin, 2020: value times gradient.
// eigencam: Muhammad and Yeasin, 2020: the layer's first principal component, whatever the class. occlusion:
// Zeiler and Fergus, 2014: how much probability a gray square takes away. rollout: Abnar and Zuidema, 2020:
// the attention of a vision transformer's class token, multiplied through all blocks, whatever the class.
enum class ExplainMethod { gradcam, gradcam_plus_plus, hirescam, eigencam, occlusion, rollout };
ExplainMethod explain_method_from(const std::string& name);  // throws Error listing the names
std::string to_string(ExplainMethod method);

// How a layer's output lies over the picture: rows and columns of an image, or of a transformer's patches.
struct SpatialGrid {
  std::int64_t height = 0, width = 0;
  bool class_token = false;  // a token before the patches
};
// Nothing for a layer without a spatial extent.
std::optional<SpatialGrid> spatial_grid(const Graph& graph, NodeId id);

// The last layer on the way to the output, mere padding aside, whose grid is larger than 1x1; in a vision
// transformer, behind whose last attention only the class token matters, the normalisation before that
// attention. Throws Error when there is none.
NodeId evidence_layer(const Graph& graph);

// Evidence for a class, (h, w) cells that share the network's input evenly.
struct HeatMap {
  Tensor values{};       // from 0 to 1, the largest
  float maximum = 0.0F;  // by which it was divided; 0: nothing speaks for the class, all values are 0
  bool is_zero() const { return maximum <= 0.0F; }
};

// Negative values, which speak for other classes, become 0.
HeatMap normalized(Tensor evidence);
// One of the methods that go by a layer: `activations` and the logit's `gradients`, which eigencam does not
// read, are (h, w, channels). Throws Error for other shapes and other methods.
HeatMap layer_evidence(ExplainMethod method, const Tensor& activations, const Tensor& gradients);

struct ExplainOptions {
  ExplainMethod method = ExplainMethod::gradcam;
  std::string layer{};         // empty: evidence_layer
  std::vector<int> classes{};  // columns of class_probabilities; empty: the `top` most probable ones
  int top = 1;
  int square = 0;  // side of the gray square of `occlusion` in the input's pixels; 0: a quarter of its side
  Precision precision = Precision::automatic;
  // Of what lies below the layer; 0: all cores. The rest, and occlusion, take set_engine_threads's.
  int threads = 0;
  // Nothing is unknown, although the model has limits (Model::acceptance).
  bool accept_all = false;
};

struct ExplainedClass {
  RankedClass ranked{};
  HeatMap map{};
};
struct Explanation {
  std::string path{};
  std::string error{};                 // not empty: why the picture could not be read
  std::vector<RankedClass> ranking{};  // the most probable classes first, at most five
  std::vector<ExplainedClass> classes{};
  std::optional<float> strangeness{};  // as ImagePrediction's

  bool unknown() const { return strangeness && is_unknown(*strangeness); }
};
using ExplanationSink = std::function<void(std::size_t picture, Explanation explanation)>;

// One after the other in the order of `paths`; what a layer's map needs is computed batch by batch on all
// cores. Works for every network, trained or frozen: everything runs as in prediction. Throws Error
// when stop_requested(), for an unknown layer or class, and for a method that does not fit the network.
void explain_files(const Model& model, const std::vector<std::string>& paths, const ExplainOptions& options,
                   Progress& progress, const ExplanationSink& sink);
// `input`: (N, H, W, C), preprocessed.
std::vector<Explanation> explain_tensor(const Model& model, const Tensor& input,
                                        const ExplainOptions& options);

// The layer that a method goes by; none for occlusion and rollout.
std::optional<NodeId> layer_of(const Model& model, const ExplainOptions& options);

}  // namespace headstart
