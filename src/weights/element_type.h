// The number types of weight files and their conversion to float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "headstart/tensor.h"
#include "weights/bytes.h"

namespace headstart {

enum class ElementType { f16, bf16, f32, f64, i8, u8, i16, u16, i32, u32, i64, u64 };
enum class ByteOrder { little, big };

std::size_t element_size(ElementType type);

float half_to_float(std::uint16_t bits);
float bfloat16_to_float(std::uint16_t bits);

// Converts destination.size() elements; `source` holds exactly as many.
void convert_to_float(ElementType type, ByteOrder order, std::span<const std::uint8_t> source,
                      std::span<float> destination);

// The tensor of `shape` whose elements begin at `offset` of the file: aliases the file where they are aligned
// little-endian floats, else converts. Throws Error tagged `tag` when they do not lie inside the file.
Tensor tensor_from_file(const SharedBytes& file, std::uint64_t offset, Shape shape, ElementType type,
                        ByteOrder order, std::string_view tag);

}  // namespace headstart
