// `headstart explore`: a page to look inside a network at work on a photo.
#include "headstart/explore.h"

#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "checks.h"
#include "commands.h"
#include "headstart/class_table.h"
#include "headstart/image.h"
#include "headstart/progress.h"
#include "model_options.h"
#include "output.h"
#include "photo_output.h"
#include "predict_options.h"

namespace headstart::app {
namespace {

struct ExploreCommand {
  ModelRequest request{};
  ExploreOptions explore{};
  std::string image, output = "explore.html", class_name;
  int megabytes = 15;
  bool json = false;
};

Json layers_json(const Exploration& exploration) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < exploration.layers.size(); ++i) {
    const Node& node = exploration.graph.nodes()[i];
    layers.push_back({{"name", node.name},
                      {"type", type_name(node.op)},
                      {"output_shape", node.shape},
                      {"parameters", exploration.layers[i].parameters},
                      {"channels", exploration.layers[i].channels}});
  }
  return layers;
}

void explore_photo(const ExploreCommand& command) {
  keep_photos({command.image}, command.output);
  const auto progress = make_console_progress();
  Model model = open_model(command.request, *progress);
  const Image photo = read_image(command.image, decode_options_for(model.preprocessing));
  ExploreOptions options = command.explore;
  options.maximum_bytes = std::int64_t{1'000'000} * command.megabytes;
  if (!command.class_name.empty()) {
    options.class_index = find_class(model, command.class_name);
  }
  Exploration exploration = explore(std::move(model), photo, options, *progress);
  exploration.photo_name = std::filesystem::path(command.image).filename().string();
  const auto bytes = write_exploration(exploration, command.output);
  if (bytes > options.maximum_bytes) {
    progress->message(fmt::format(
        "note: {} has {:.1f} MB, more than --max-size {}: even one map a layer is too much; use a smaller "
        "--input-size for a smaller page",
        command.output, static_cast<double>(bytes) / 1e6, command.megabytes));
  }
  if (command.json) {
    print_json({{"page", command.output},
                {"bytes", bytes},
                {"class_index", exploration.class_index},
                {"layers", layers_json(exploration)}});
    return;
  }
  fmt::print("{}: {} layers, {:.1f} MB\n", command.output, exploration.layers.size(),
             static_cast<double>(bytes) / 1e6);
}

}  // namespace

void add_explore(CLI::App& program) {
  auto* command = program.add_subcommand("explore", "A page to look inside a network at work on a photo");
  auto options = std::make_shared<ExploreCommand>();
  add_model_options(*command, options->request);
  command->add_option("IMAGE", options->image, "The photo")->required();
  command->add_option("--out", options->output, "Where the page goes (explore.html)")
      ->type_name("FILE.html")
      ->check(file_called({".html", ".htm"}));
  command
      ->add_option("--class", options->class_name,
                   "Whose logit the gradients are of (the most probable class)")
      ->type_name("NAME|INDEX");
  command
      ->add_option("--channels", options->explore.channels,
                   fmt::format("Feature maps of a layer, at most ({})", options->explore.channels))
      ->type_name("N")
      ->check(whole_number(1, 65536));
  command
      ->add_option("--max-size", options->megabytes,
                   fmt::format("Size of the page; large maps keep fewer channels ({})", options->megabytes))
      ->type_name("MB")
      ->check(whole_number(1, 1000));
  add_class_index_option(*command, options->request);
  add_threads_option(*command);
  command->add_flag("--json", options->json, "One JSON document: what the page holds");
  command->footer(
      "One file that opens offline in a browser: the network as a graph, every layer's feature maps, and "
      "for\n"
      "each value the numbers it was computed from, forwards and backwards.\n"
      "Example:\n"
      "  headstart explore mobilenet --alpha 0.25 --weights mobilenet_0.25.h5 dog.jpg --out explore.html");
  command->callback([options] { explore_photo(*options); });
}

}  // namespace headstart::app
