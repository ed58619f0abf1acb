#include "weights/element_type.h"

#include <algorithm>
#include <array>

#include "core/files.h"

namespace headstart {
namespace {

template <typename T>
T load(const std::uint8_t* bytes, ByteOrder order) {
  std::array<std::uint8_t, sizeof(T)> raw{};
  std::copy_n(bytes, sizeof(T), raw.begin());
  if (order == ByteOrder::big) {
    std::reverse(raw.begin(), raw.end());
  }
  return std::bit_cast<T>(raw);
}

template <typename T, typename ToFloat>
void convert(ByteOrder order, std::span<const std::uint8_t> source, std::span<float> destination,
             ToFloat to_float) {
  for (std::size_t i = 0; i < destination.size(); ++i) {
    destination[i] = to_float(load<T>(source.data() + i * sizeof(T), order));
  }
}

template <typename T>
void convert(ByteOrder order, std::span<const std::uint8_t> source, std::span<float> destination) {
  convert<T>(order, source, destination, [](T value) { return static_cast<float>(value); });
}

}  // namespace

std::size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::i8:
    case ElementType::u8:
      return 1;
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::i16:
    case ElementType::u16:
      return 2;
    case ElementType::f32:
    case ElementType::i32:
    case ElementType::u32:
      return 4;
    case ElementType::f64:
    case ElementType::i64:
    case ElementType::u64:
      return 8;
  }
  throw Error("[weights] expected an element type; received none of them");
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide = exponent == 0x1F ? 0xFFU : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

void convert_to_float(ElementType type, ByteOrder order, std::span<const std::uint8_t> source,
                      std::span<float> destination) {
  if (source.size() != destination.size() * element_size(type)) {
    throw Error(
        fmt::format("[weights] expected {} elements; received {} bytes", destination.size(), source.size()));
  }
  switch (type) {
    case ElementType::f16:
      return convert<std::uint16_t>(order, source, destination, half_to_float);
    case ElementType::bf16:
      return convert<std::uint16_t>(order, source, destination, bfloat16_to_float);
    case ElementType::f32:
      return convert<float>(order, source, destination);
    case ElementType::f64:
      return convert<double>(order, source, destination);
    case ElementType::i8:
      return convert<std::int8_t>(order, source, destination);
    case ElementType::u8:
      return convert<std::uint8_t>(order, source, destination);
    case ElementType::i16:
      return convert<std::int16_t>(order, source, destination);
    case ElementType::u16:
      return convert<std::uint16_t>(order, source, destination);
    case ElementType::i32:
      return convert<std::int32_t>(order, source, destination);
    case ElementType::u32:
      return convert<std::uint32_t>(order, source, destination);
    case ElementType::i64:
      return convert<std::int64_t>(order, source, destination);
    case ElementType::u64:
      return convert<std::uint64_t>(order, source, destination);
  }
}

Tensor tensor_from_file(const SharedBytes& file, std::uint64_t offset, Shape shape, ElementType type,
                        ByteOrder order, std::string_view tag) {
  // element_count stays below 2^60, so the product cannot overflow.
  const auto count = static_cast<std::uint64_t>(element_count(shape));
  const auto bytes = ByteView(file.span(), tag).slice(offset, count * element_size(type));
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) == 0;
  if (type == ElementType::f32 && order == ByteOrder::little && aligned) {
    return {std::move(shape),
            std::shared_ptr<float>(file.data, reinterpret_cast<float*>(file.data.get() + offset))};
  }
  Tensor tensor(std::move(shape));
  constexpr std::size_t kPiece = std::size_t{1} << 20;  // elements
  const auto width = element_size(type);
  for (std::size_t first = 0; first < count; first += kPiece) {
    const auto length = std::min(kPiece, static_cast<std::size_t>(count) - first);
    const auto piece = bytes.subspan(first * width, length * width);
    convert_to_float(type, order, piece, tensor.values().subspan(first, length));
    if (file.mapped) {
      release_pages(piece);
    }
  }
  return tensor;
}

}  // namespace headstart
