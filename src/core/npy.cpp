#include "headstart/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "core/files.h"
#include "headstart/error.h"

namespace headstart {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "\x93NUMPY";

struct NpyHeader {
  std::string type;  // "<f4"
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;
};

[[noreturn]] void reject(const std::string& path, const std::string& what) {
  throw Error(fmt::format("[npy] {}: {}", path, what));
}

// Reads the Python dictionary literal that NumPy writes: {'descr': '<f4', 'fortran_order': False, 'shape':
// (2, 3), }.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !has_type) {
        header.type = quoted();
        has_type = true;
      } else if (key == "fortran_order" && !has_order) {
        header.fortran_order = boolean();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = tuple();
        has_shape = true;
      } else {
        reject(path_, fmt::format("unexpected key '{}' in the header", key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!text_.empty() || !has_type || !has_order || !has_shape) {
      malformed();
    }
    return header;
  }

 private:
  [[noreturn]] void malformed() const {
    reject(
        path_,
        "expected a header with descr, fortran_order and shape; the file is damaged or of structured type");
  }

  void skip_space() {
    const auto count = text_.find_first_not_of(" \n\t\r");
    text_.remove_prefix(count == std::string_view::npos ? text_.size() : count);
  }

  bool accept(char c) {
    skip_space();
    if (!text_.starts_with(c)) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) {
      malformed();
    }
  }

  std::string quoted() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') {
      expect('"');
    }
    const auto end = text_.find(quote);
    if (end == std::string_view::npos) {
      malformed();
    }
    std::string value(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return value;
  }

  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return value;
      }
    }
    malformed();
  }

  Shape tuple() {
    constexpr std::size_t kMaximumRank = 32;  // NumPy's
    Shape shape;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::int64_t extent = 0;
      const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (result.ec != std::errc() || extent < 0 || shape.size() == kMaximumRank) {
        malformed();
      }
      text_.remove_prefix(static_cast<std::size_t>(result.ptr - text_.data()));
      shape.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  std::string_view text_;
  const std::string& path_;
};

NpyHeader parse_header(std::span<const std::uint8_t> bytes, const std::string& path) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || bytes.size() < 12) {
    reject(path, "expected a NumPy .npy file; the first bytes are not its signature");
  }
  const int version = bytes[6];
  if (version < 1 || version > 3) {
    reject(path, fmt::format("expected format version 1 to 3; received {}", version));
  }
  const std::size_t start = version == 1 ? 10 : 12;
  std::size_t length = bytes[8] | std::size_t{bytes[9]} << 8U;
  if (version > 1) {
    length |= std::size_t{bytes[10]} << 16U | std::size_t{bytes[11]} << 24U;
  }
  if (length > bytes.size() - start) {
    reject(path, fmt::format("the header says that it has {} bytes, beyond the end of the file", length));
  }
  NpyHeader header = HeaderParser(text.substr(start, length), path).parse();
  header.data_offset = start + length;
  return header;
}

template <typename Element>
void convert(const std::uint8_t* bytes, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Element element{};
    std::memcpy(&element, bytes + i * sizeof(Element), sizeof(Element));
    values[i] = static_cast<float>(element);
  }
}

std::size_t element_size(const std::string& type) {
  return type == "<f4" ? 4 : type == "<f8" ? 8 : type == "|u1" ? 1 : 0;
}

}  // namespace

Tensor read_npy(const std::string& path) {
  const MappedFile file(path);
  const NpyHeader header = parse_header(file.bytes(), path);
  const std::size_t size = element_size(header.type);
  if (size == 0) {
    reject(path,
           fmt::format("expected float32, float64 or uint8; received type '{}'; save array.astype('float32')",
                       header.type));
  }
  if (header.fortran_order) {
    reject(path, "expected C order; received Fortran order; save numpy.ascontiguousarray(array)");
  }
  const auto count = static_cast<std::size_t>(element_count(header.shape));
  const std::size_t available = file.size() - header.data_offset;
  if (available % size != 0 || available / size != count) {
    reject(path, fmt::format("shape {} needs {} values of {} bytes; the file holds {} bytes of data",
                             to_string(header.shape), count, size, available));
  }
  Tensor tensor(header.shape);
  const std::uint8_t* data = file.bytes().data() + header.data_offset;
  if (size == 4) {
    convert<float>(data, tensor.values());
  } else if (size == 8) {
    convert<double>(data, tensor.values());
  } else {
    convert<std::uint8_t>(data, tensor.values());
  }
  return tensor;
}

void write_npy(const Tensor& tensor, const std::string& path) {
  std::string shape;
  for (const auto extent : tensor.shape()) {
    shape += fmt::format("{}{}", shape.empty() ? "" : ", ", extent);
  }
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}), }}", shape,
                                   tensor.shape().size() == 1 ? "," : "");
  constexpr std::size_t kPreamble = 10, kAlignment = 64;
  header.append((kAlignment - (kPreamble + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  write_file_atomically(path, [&](std::ostream& out) {
    out << kMagic << '\x01' << '\0' << static_cast<char>(header.size() & 0xFFU)
        << static_cast<char>(header.size() >> 8U);
    out << header;
    out.write(reinterpret_cast<const char*>(tensor.data()),
              static_cast<std::streamsize>(tensor.values().size_bytes()));
  });
}

Difference difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) {
    throw Error(fmt::format("[npy] expected tensors of one shape; received {} and {}", to_string(a.shape()),
                            to_string(b.shape())));
  }
  Difference result;
  double scale = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    double apart = std::abs(x - y);
    if (std::isnan(apart)) {
      // Equal infinities subtract to NaN and are no difference; NaN against anything is.
      apart = x == y ? 0.0 : std::numeric_limits<double>::infinity();
    }
    scale = std::max(scale, std::abs(y));
    if (apart > result.largest_absolute) {
      result.largest_absolute = apart;
      result.position = i;
    }
  }
  result.largest_relative = scale > 0 ? result.largest_absolute / scale : result.largest_absolute;
  return result;
}

}  // namespace headstart
