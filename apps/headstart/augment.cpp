// `headstart augment`: a grid of augmented views of one photo.
#include "headstart/augment.h"

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "augment_options.h"
#include "checks.h"
#include "commands.h"
#include "headstart/image.h"
#include "photo_output.h"

namespace headstart::app {
namespace {

struct GridOptions {
  std::string image, output;
  AugmentOptions augment{.preset = "standard", .changes = {}};
  int views = 15, columns = 4, size = 224;
  std::uint64_t seed = 0;
};

void write_grid(const GridOptions& options) {
  keep_photos({options.image}, options.output);
  const Augmentation augmentation = augmentation_of(options.augment);
  const Preprocessing size{.height = options.size, .width = options.size};
  const Image photo = fit_image(read_image(options.image, decode_options_for(size)), size);
  std::vector<Image> views{photo};
  for (int view = 0; view < options.views; ++view) {
    views.push_back(augment(photo, augmentation, options.seed, 0, view));
  }
  write_png(tile(views, options.columns), options.output);
  fmt::print("{}: the photo and {} views of it\n", options.output, options.views);
}

}  // namespace

void add_augment(CLI::App& program) {
  auto* command = program.add_subcommand("augment", "Show augmented views of a photo in a grid");
  auto options = std::make_shared<GridOptions>();
  command->add_option("IMAGE", options->image, "The photo")->required();
  command->add_option("--out", options->output, "The grid")
      ->type_name("GRID.png")
      ->required()
      ->check(file_called({".png"}));
  command->add_option("--views", options->views, fmt::format("Views beside the photo ({})", options->views))
      ->type_name("N")
      ->check(whole_number(1, 1000));
  command->add_option("--columns", options->columns, fmt::format("In a row ({})", options->columns))
      ->type_name("N")
      ->check(whole_number(1, 100));
  command->add_option("--input-size", options->size, fmt::format("Side of a view ({})", options->size))
      ->type_name("N")
      ->check(whole_number(1, 2048));
  command->add_option("--seed", options->seed, "Of the views (0)")->type_name("N");
  add_augment_options(*command, options->augment);
  command->footer(
      "Examples:\n"
      "  headstart augment cat.jpg --out views.png\n"
      "  headstart augment cat.jpg --out views.png --augment strong --no-horizontal-flip --rotation 30");
  command->callback([options] { write_grid(*options); });
}

}  // namespace headstart::app
