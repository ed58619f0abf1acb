// Whole Keras models described by their own config, as Keras 2, Keras 3 and TensorFlow.js write it.
#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "headstart/model.h"
#include "headstart/open_model.h"
#include "headstart/zoo.h"
#include "weights/keras_config.h"
#include "weights/weight_bytes.h"

namespace headstart::test {
namespace {

std::string layer(const std::string& class_name, const std::string& name, const std::string& config,
                  const std::string& inbound = "") {
  const std::string options = config.empty() ? "" : "," + config;
  const std::string connections = inbound.empty() ? "" : R"(,"inbound_nodes":)" + inbound;
  return fmt::format(R"({{"class_name":"{0}","name":"{1}","config":{{"name":"{1}"{2}}}{3}}})", class_name,
                     name, options, connections);
}

std::string sequential(const std::string& name, const std::string& layers) {
  return R"({"class_name":"Sequential","config":{"name":")" + name + R"(","layers":[)" + layers + "]}}";
}

std::string functional(const std::string& name, const std::string& layers, const std::string& input,
                       const std::string& output) {
  return R"({"class_name":"Functional","config":{"name":")" + name + R"(","layers":[)" + layers +
         R"(],"input_layers":[[")" + input + R"(",0,0]],"output_layers":[[")" + output + R"(",0,0]]}})";
}

const std::string kBranched = functional(
    "net",
    layer("InputLayer", "in", R"("batch_input_shape":[null,8,8,3])", "[]") + "," +
        // Out of order on purpose.
        layer("Add", "sum", "", R"([[["a",0,0,{}],["b",0,0,{}]]])") + "," +
        layer("Conv2D", "a",
              R"("filters":4,"kernel_size":[3,3],"padding":"same","activation":"relu","trainable":false)",
              R"([[["in",0,0,{}]]])") +
        "," +
        layer("Conv2D", "b", R"("filters":4,"kernel_size":[1,1],"use_bias":false)", R"([[["in",0,0,{}]]])") +
        "," +
        layer("BatchNormalization", "bn", R"("axis":[3],"epsilon":0.01,"scale":false)",
              R"([[["sum",0,0,{}]]])"),
    "in", "bn");

TEST(KerasConfig, FunctionalWithBranches) {
  const auto graph = graph_from_keras_config(kBranched);
  EXPECT_EQ(graph.name(), "net");
  ASSERT_EQ(graph.nodes().size(), 5U);
  EXPECT_EQ(graph.output_shape(), (Shape{8, 8, 4}));
  const auto& a = graph.node(graph.require("a"));
  EXPECT_EQ(std::get<Conv2D>(a.op).activation.kind, Activation::Kind::relu);
  EXPECT_FALSE(a.trainable);
  EXPECT_TRUE(graph.node(graph.require("b")).trainable);
  const auto& bn = std::get<BatchNormalization>(graph.node(graph.output()).op);
  EXPECT_FLOAT_EQ(bn.epsilon, 0.01F);
  EXPECT_FALSE(bn.scale);
}

TEST(KerasConfig, SequentialInsideSequentialAsTeachableMachineWrites) {
  const auto base = sequential("sequential_1", kBranched + "," + layer("GlobalAveragePooling2D", "pool", ""));
  const auto head =
      sequential("sequential_3",
                 layer("Dense", "dense_1", R"("units":5,"activation":"relu","batch_input_shape":[null,4])") +
                     "," + layer("Dense", "dense_2", R"("units":2,"activation":"softmax")"));
  const auto graph = graph_from_keras_config(sequential("sequential_4", base + "," + head));
  EXPECT_EQ(graph.input_shape(), (Shape{8, 8, 3}));
  EXPECT_EQ(graph.output_shape(), (Shape{2}));
  EXPECT_TRUE(graph.find("sequential_1/net/a"));
  EXPECT_TRUE(graph.find("sequential_3/dense_2"));
  EXPECT_FALSE(graph.node(graph.require("sequential_1/net/a")).trainable);

  // A Keras file keeps one group for each of the two models inside.
  const auto parameters = initialize(graph, 1);
  WeightFile file{.format = WeightFormat::keras_h5};
  const auto add = [&](const std::string& group,
                       const std::vector<std::pair<std::string, std::string>>& weights) {
    WeightFile::Layer entry{.name = group, .weights = {}};
    for (const auto& [weight, parameter] : weights) {
      entry.weights.push_back(group + "/" + weight);
      file.tensors.insert(entry.weights.back(), parameters.at(parameter));
    }
    file.layers.push_back(entry);
  };
  add("sequential_1", {{"a/kernel:0", "sequential_1/net/a/kernel"},
                       {"a/bias:0", "sequential_1/net/a/bias"},
                       {"b/kernel:0", "sequential_1/net/b/kernel"},
                       {"bn/beta:0", "sequential_1/net/bn/beta"},
                       {"bn/moving_mean:0", "sequential_1/net/bn/moving_mean"},
                       {"bn/moving_variance:0", "sequential_1/net/bn/moving_variance"}});
  add("sequential_3", {{"dense_1/kernel:0", "sequential_3/dense_1/kernel"},
                       {"dense_1/bias:0", "sequential_3/dense_1/bias"},
                       {"dense_2/kernel:0", "sequential_3/dense_2/kernel"},
                       {"dense_2/bias:0", "sequential_3/dense_2/bias"}});
  const auto mapped = map_weights(graph, file);
  EXPECT_EQ(mapped.report.mapped.size(), parameters.size());
  for (const auto& [name, tensor] : mapped.parameters) {
    EXPECT_TRUE(
        std::equal(tensor.values().begin(), tensor.values().end(), parameters.at(name).values().begin()))
        << name;
  }
}

TEST(KerasConfig, Keras3Connections) {
  const auto tensor = [](const std::string& name) {
    return R"({"class_name":"__keras_tensor__","config":{"shape":[null,4],"dtype":"float32","keras_history":[")" +
           name + R"(",0,0]}})";
  };
  const auto call = [](const std::string& arguments) {
    return R"([{"args":[)" + arguments + R"(],"kwargs":{}}])";
  };
  const auto text = functional(
      "net",
      layer("InputLayer", "in", R"("batch_shape":[null,4])", "[]") + "," +
          layer("Dense", "a", R"("units":4,"dtype":{"module":"keras","class_name":"DTypePolicy"})",
                call(tensor("in"))) +
          "," +
          layer("Add", "sum", "",
                call(std::string("[").append(tensor("in")).append(",").append(tensor("a")).append("]"))),
      "in", "sum");
  const auto graph = graph_from_keras_config(text);
  EXPECT_EQ(graph.node(graph.output()).inputs, (std::vector<NodeId>{0, 1}));
}

// As `x = base(inputs)` is saved: the base's own construction is its use 0, so the outer model refers to 1.
std::string nested_base(int use, const std::string& inbound = R"([[["in",0,0,{}]]])") {
  auto base =
      functional("base",
                 layer("InputLayer", "inner", R"("batch_input_shape":[null,8,8,3])", "[]") + "," +
                     layer("Conv2D", "c", R"("filters":4,"kernel_size":[1,1])", R"([[["inner",0,0,{}]]])"),
                 "inner", "c");
  base.pop_back();
  base += R"(,"name":"base","inbound_nodes":)" + inbound + "}";
  const auto from_base = fmt::format(R"([[["base",{},0,{{}}]]])", use);
  return functional("net",
                    layer("InputLayer", "in", R"("batch_input_shape":[null,8,8,3])", "[]") + "," + base +
                        "," + layer("GlobalAveragePooling2D", "pool", "", from_base) + "," +
                        layer("Dense", "d", R"("units":2)", R"([[["pool",0,0,{}]]])"),
                    "in", "d");
}

TEST(KerasConfig, FunctionalInsideFunctional) {
  for (const int use : {0, 1}) {
    const auto graph = graph_from_keras_config(nested_base(use));
    EXPECT_EQ(graph.output_shape(), (Shape{2}));
    EXPECT_TRUE(graph.find("base/c"));
  }
}

TEST(KerasConfig, LayersAreUsedOnce) {
  EXPECT_TRUE(says(message_of([] { graph_from_keras_config(nested_base(2)); }), "used once"));
  const std::string twice = R"([[["in",0,0,{}]],[["in",0,0,{}]]])";
  EXPECT_TRUE(
      says(message_of([&] { graph_from_keras_config(nested_base(1, twice)); }), "used several times"));
  auto plain = kBranched;
  plain.replace(plain.find(R"(["sum",0)"), 8, R"(["sum",1)");
  EXPECT_TRUE(says(message_of([&] { graph_from_keras_config(plain); }), "used once"));
}

std::vector<std::string> names_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.nodes()) {
    names.push_back(node.name);
  }
  return names;
}

Graph with_end(const std::string& layers) {
  return graph_from_keras_config(
      sequential("s", layer("InputLayer", "in", R"("batch_input_shape":[null,1,1,3])") + "," + layers));
}

// The end of Keras's older MobileNets.
TEST(KerasConfig, AnActivationBeforeTheLastReshapeMovesBehindIt) {
  const auto graph = with_end(layer("Conv2D", "conv_preds", R"("filters":4,"kernel_size":[1,1])") + "," +
                              layer("Activation", "act_softmax", R"("activation":"softmax")") + "," +
                              layer("Dropout", "drop", R"("rate":0.1)") + "," +
                              layer("Reshape", "reshape_2", R"("target_shape":[4])"));
  EXPECT_EQ(output_activation(graph), OutputActivation::softmax);
  EXPECT_EQ(names_of(graph),
            (std::vector<std::string>{"in", "conv_preds", "drop", "reshape_2", "act_softmax"}));
  EXPECT_EQ(graph.output_shape(), (Shape{4}));
}

TEST(KerasConfig, AnActivationInsideALayerBeforeTheLastFlattenBecomesALayer) {
  const auto graph = with_end(
      layer("Conv2D", "c", R"("filters":4,"kernel_size":[1,1],"activation":"softmax","trainable":false)") +
      "," + layer("Flatten", "flat", ""));
  EXPECT_EQ(output_activation(graph), OutputActivation::softmax);
  EXPECT_EQ(names_of(graph), (std::vector<std::string>{"in", "c", "flat", "activation"}));
  EXPECT_EQ(activation_of(graph.node(1).op)->kind, Activation::Kind::linear);
  EXPECT_FALSE(graph.node(1).trainable);
}

// A softmax over each pixel's channels is not one over all values.
TEST(KerasConfig, AnActivationOverSeveralVectorsStays) {
  const auto end = layer("UpSampling2D", "up", R"("size":[2,2])") + "," +
                   layer("Activation", "act", R"("activation":"softmax")") + "," +
                   layer("Flatten", "flat", "");
  EXPECT_EQ(output_activation(with_end(end)), OutputActivation::none);
  EXPECT_EQ(names_of(with_end(end)).back(), "flat");
}

TEST(KerasConfig, ReadsEveryLayerThatHeadstartHas) {
  const auto text = sequential(
      "all",
      layer("InputLayer", "in", R"("batch_input_shape":[null,32,32,3])") + "," +
          layer("Rescaling", "scale", R"("scale":0.5,"offset":[-1,-1.5,-2])") + "," +
          layer("ZeroPadding2D", "pad", R"("padding":[[0,1],[2,3]])") + "," +
          layer("SeparableConv2D", "sep",
                R"("filters":6,"kernel_size":[3,3],"strides":[2,2],"padding":"same")") +
          "," + layer("ReLU", "relu6", R"("max_value":6.0,"negative_slope":0.0,"threshold":0.0)") + "," +
          layer("DepthwiseConv2D", "dw", R"("kernel_size":[3,3],"depth_multiplier":2)") + "," +
          layer("LeakyReLU", "leaky", R"("alpha":0.1)") + "," +
          layer("MaxPooling2D", "max", R"("pool_size":[2,2],"strides":null,"padding":"valid")") + "," +
          layer("AveragePooling2D", "average", R"("pool_size":[2,2],"strides":[1,1],"padding":"same")") +
          "," + layer("Cropping2D", "crop", R"("cropping":[[1,0],[2,1]])") + "," +
          layer("UpSampling2D", "up", R"("size":[2,2],"interpolation":"bilinear")") + "," +
          layer("Conv2DTranspose", "back",
                R"("filters":8,"kernel_size":[3,3],"strides":[2,2],"padding":"same","output_padding":null)") +
          "," + layer("LayerNormalization", "rows", R"("axis":[3],"epsilon":1e-06)") + "," +
          layer("GroupNormalization", "groups", R"("groups":4,"axis":-1)") + "," +
          layer("SpatialDropout2D", "spatial", R"("rate":0.1)") + "," +
          layer("ELU", "elu", R"("alpha":0.5)") + "," + layer("Dropout", "drop", R"("rate":0.25)") + "," +
          layer("Flatten", "flat", "") + "," + layer("Dense", "dense", R"("units":6,"activation":"tanh")") +
          "," + layer("Reshape", "reshape", R"("target_shape":[1,2,3])") + "," +
          layer("GlobalMaxPooling2D", "global", "") + "," + layer("Softmax", "softmax", R"("axis":-1)"));
  const auto graph = graph_from_keras_config(text);
  EXPECT_EQ(graph.node(graph.require("pad")).shape, (Shape{33, 37, 3}));
  EXPECT_EQ(graph.node(graph.require("sep")).shape, (Shape{17, 19, 6}));
  EXPECT_EQ(graph.node(graph.require("max")).shape, (Shape{7, 8, 12}));
  EXPECT_EQ(graph.node(graph.require("crop")).shape, (Shape{6, 5, 12}));
  EXPECT_EQ(graph.node(graph.require("back")).shape, (Shape{24, 20, 8}));
  EXPECT_EQ(std::get<Dropout>(graph.node(graph.require("spatial")).op).granularity,
            Dropout::Granularity::channel);
  EXPECT_FLOAT_EQ(std::get<Dropout>(graph.node(graph.require("drop")).op).rate, 0.25F);
  EXPECT_EQ(output_activation(graph), OutputActivation::softmax);
}

TEST(KerasConfig, NamesWhatItDoesNotUnderstand) {
  const auto error = [](const std::string& layers) {
    return message_of([&] { graph_from_keras_config(sequential("s", layers)); });
  };
  const auto input = layer("InputLayer", "in", R"("batch_input_shape":[null,8,8,3])") + ",";
  EXPECT_TRUE(
      says(error(input + layer("Lambda", "code", R"("function":"x")")), "layer code is of the class Lambda"));
  EXPECT_TRUE(says(error(input + layer("Conv2D", "c",
                                       R"("filters":4,"kernel_size":[3,3],"data_format":"channels_first")")),
                   "layer c: expected data_format channels_last"));
  EXPECT_TRUE(says(error(input + layer("Conv2D", "c", R"("filters":-4,"kernel_size":[3,3])")),
                   "layer c: expected a whole number"));
  EXPECT_TRUE(says(error(input + layer("Conv2D", "c", R"("filters":4,"kernel_size":[9,9])")), "c"));
  EXPECT_TRUE(
      says(error(input + layer("Dense", "d", R"("units":1,"activation":"hard_sigmoid")")), "hard_sigmoid"));
  EXPECT_TRUE(says(error(layer("Dense", "d", R"("units":1)")), "expected the input shape"));
  EXPECT_TRUE(says(message_of([] { graph_from_keras_config(R"({"class_name":"MyModel","config":{}})"); }),
                   "MyModel"));
  EXPECT_NE(message_of([] { graph_from_keras_config("[]"); }), "no error");
  std::string loop = kBranched;
  loop.replace(loop.find(R"([["in",0,0,{}]])"), 15, R"([["bn",0,0,{}]])");
  EXPECT_TRUE(says(message_of([&] { graph_from_keras_config(loop); }), "lead nowhere"));
}

TEST(KerasConfig, MobileNetOfTheSharedFileEqualsTheZoos) {
  HEADSTART_NEEDS_SHARED();
  const auto file = read_weight_file(shared_path("weights/mobilenet_v1_0.25_224.h5"));
  const auto graph = graph_of(file);
  ArchitectureOptions options;
  options.alpha = 0.25;
  const auto zoo = build_architecture(architecture("mobilenet"), options);
  ASSERT_EQ(graph.nodes().size(), zoo.nodes().size());
  for (std::size_t i = 0; i < zoo.nodes().size(); ++i) {
    EXPECT_EQ(graph.nodes()[i].shape, zoo.nodes()[i].shape) << zoo.nodes()[i].name;
    EXPECT_EQ(type_name(graph.nodes()[i].op), type_name(zoo.nodes()[i].op)) << zoo.nodes()[i].name;
  }
  EXPECT_EQ(map_weights(graph, file).report.parameters, 475'544);
}

TEST(KerasConfig, AWholeModelOpensByItsPathAlone) {
  HEADSTART_NEEDS_SHARED();
  Progress progress;
  ModelRequest request;
  request.model = shared_path("weights/mobilenet_v1_0.25_224.h5");
  const auto model = open_model(request, progress);
  EXPECT_EQ(model.preprocessing.mode, "tf");
  EXPECT_EQ(model.preprocessing.height, 224);
  EXPECT_EQ(model.parameters.size(), 137U);
}

TEST(KerasConfig, WeightsAloneAreNoModel) {
  EXPECT_TRUE(says(message_of([] { graph_of(read_bytes(golden("fixed.h5"))); }), "weights alone"));
}

}  // namespace
}  // namespace headstart::test
