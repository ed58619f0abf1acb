// The choice of tiles by measurement, for the inference program.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "engine/int8_values.h"
#include "engine/machine_choices.h"
#include "engine/winograd.h"
#include "engine/winograd_choice.h"

namespace headstart {
namespace {

using Tag = dnnl::memory::format_tag;

// What is far from the best by estimate is not tried.
constexpr double kWithin = 1.8;
constexpr std::int64_t kPixels = 1024;  // of a direct convolution that is timed

std::shared_ptr<std::vector<std::byte>> room(std::size_t bytes) {
  return std::make_shared<std::vector<std::byte>>(bytes);
}

// As many tiles as are taken at once, in a row.
std::function<void()> timed_tiles(const WinogradShape& shape) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  WinogradShape row = shape;
  row.batch = 1;
  row.zeros_above = row.zeros_left = 0;
  row.result_height = shape.down.tile;
  row.result_width = WinogradConvolution::tiles_at_once(shape) * shape.across.tile;
  row.height = row.result_height + shape.down.taps - 1;
  row.width = row.result_width + shape.across.taps - 1;
  const auto convolution = WinogradConvolution::make(engine, row);
  if (!convolution) {
    return nullptr;
  }
  const auto floats = [](std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(float); };
  return [convolution, source = room(floats(row.height * row.width * row.channels)),
          result = room(floats(row.result_height * row.result_width * row.filters)),
          weights = room(convolution->weights_desc().get_size()),
          scratch = room(convolution->scratch_desc().get_size())] {
    convolution->run(source->data(), weights->data(), {}, scratch->data(), result->data());
  };
}

struct Types {
  DataType src{}, weights{}, dst{};
};

// Rows of the image.
std::int64_t timed_rows(const WinogradShape& shape) {
  return std::clamp<std::int64_t>(kPixels / shape.result_width, 1, shape.result_height);
}

std::function<void()> timed_direct(const WinogradShape& shape, const Types& types) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const std::int64_t rows = timed_rows(shape);
  const onednn::LayerDescs descs{
      .src = {{1, shape.channels, rows + shape.down.taps - 1, shape.width}, types.src, Tag::nhwc},
      .weights = {{shape.filters, shape.channels, shape.down.taps, shape.across.taps},
                  types.weights,
                  Tag::any},
      .bias = vector_desc(shape.filters),
      .dst = {{1, shape.filters, rows, shape.result_width}, types.dst, Tag::nhwc}};
  const std::int64_t zeros_right =
      shape.result_width + shape.across.taps - 1 - shape.width - shape.zeros_left;
  const auto pd = onednn::convolution_forward(engine, dnnl::prop_kind::forward_inference, descs,
                                              {.kernel = {shape.down.taps, shape.across.taps},
                                               .strides = {1, 1},
                                               .padding_begin = {0, shape.zeros_left},
                                               .padding_end = {0, zeros_right}},
                                              {});
  const Arguments arguments{{DNNL_ARG_SRC, dnnl::memory(descs.src, engine)},
                            {DNNL_ARG_WEIGHTS, dnnl::memory(pd.weights_desc(), engine)},
                            {DNNL_ARG_BIAS, dnnl::memory(descs.bias, engine)},
                            {DNNL_ARG_DST, dnnl::memory(descs.dst, engine)}};
  return [arguments, convolution = dnnl::convolution_forward(pd), stream = dnnl::stream(engine)]() mutable {
    convolution.execute(stream, arguments);
    stream.wait();
  };
}

Types floating_types(const WinogradShape& shape) {
  const auto type = [](bool bf16) { return bf16 ? DataType::bf16 : DataType::f32; };
  return {.src = type(shape.bf16), .weights = type(shape.bf16), .dst = type(shape.result_bf16)};
}

std::string work_of(const WinogradShape& s) {
  return fmt::format("{}x{} convolution of {}x{}x{}x{} to {}x{}x{}, {}{}", s.down.taps, s.across.taps,
                     s.batch, s.height, s.width, s.channels, s.result_height, s.result_width, s.filters,
                     s.bf16 ? "bf16" : "f32", s.result_bf16 == s.bf16 ? "" : " and the other");
}

Alternative by_tiles(const WinogradShape& shape) {
  const std::int64_t at_once = WinogradConvolution::tiles_at_once(shape);
  return {.name = shape.name(),
          .prepare = [shape] { return timed_tiles(shape); },
          .times = static_cast<double>(shape.tiles()) / static_cast<double>(at_once)};
}

Alternative directly(const WinogradShape& shape, const std::string& name, const Types& types) {
  return {.name = name,
          .prepare = [shape, types] { return timed_direct(shape, types); },
          .times = static_cast<double>(shape.batch * shape.result_height) /
                   static_cast<double>(timed_rows(shape))};
}

// With the values converted from bytes and back.
Alternative by_tiles_of_bytes(const WinogradShape& shape) {
  auto result = by_tiles(shape);
  result.name = "tiles";
  result.prepare = [shape]() -> std::function<void()> {
    const auto tiles = timed_tiles(shape);
    if (!tiles) {
      return nullptr;
    }
    const std::int64_t pixels =
        WinogradConvolution::tiles_at_once(shape) * shape.down.tile * shape.across.tile;
    const std::int64_t most = pixels * std::max(shape.channels, shape.filters);
    return [=, bytes = room(static_cast<std::size_t>(most)),
            values = room(static_cast<std::size_t>(most) * sizeof(float))] {
      bytes_to_values(bytes->data(), pixels * shape.channels, {.bf16 = shape.bf16}, values->data());
      tiles();
      values_to_bytes(values->data(), pixels * shape.filters, {.bf16 = shape.result_bf16}, bytes->data());
    };
  };
  return result;
}

}  // namespace

std::optional<WinogradShape> with_measured_tiles(const WinogradShape& shape) {
  const auto estimates = tile_estimates(shape, TiledWork::inference);
  std::vector<Alternative> alternatives;
  std::vector<std::optional<WinogradShape>> shapes;
  for (const auto& estimate : estimates) {
    if (estimate.cost > kWithin * estimates.front().cost) {
      break;
    }
    shapes.push_back(estimate.tiles);
    alternatives.push_back(estimate.tiles ? by_tiles(*estimate.tiles)
                                          : directly(shape, "direct", floating_types(shape)));
  }
  return shapes[alternatives.size() == 1 ? 0 : MachineChoices::here().choose(work_of(shape), alternatives)];
}

bool are_faster_than_int8(const WinogradShape& tiles) {
  constexpr Types kBytes{.src = DataType::u8, .weights = DataType::s8, .dst = DataType::u8};
  const std::array alternatives{directly(tiles, "int8", kBytes), by_tiles_of_bytes(tiles)};
  return MachineChoices::here().choose("int8 " + work_of(tiles), alternatives) == 1;
}

}  // namespace headstart
