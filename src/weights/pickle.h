// A reader of the pickles that PyTorch state dicts are made of. It builds plain values; nothing is ever
// imported or called.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headstart/tensor.h"
#include "weights/bytes.h"

namespace headstart {

// Values refer to each other by index, so that neither deep nesting nor a value that contains itself costs
// stack.
using PickleId = std::uint32_t;

struct PickleValue {
  enum class Kind {
    none,
    boolean,
    integer,
    number,
    text,
    tuple,       // items
    list,        // items
    dict,        // items: key, value, key, value, ...; also OrderedDict
    global,      // text: "torch FloatStorage", one of the allowed
    persistent,  // items[0]: what the persistent id is
    tensor,      // items: storage (a `persistent`), offset, size tuple, stride tuple
    mark,        // internal
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  double number = 0.0;
  std::string_view text{};  // points into the pickle
  std::vector<PickleId> items{};
};

struct Pickle {
  std::vector<PickleValue> values;
  PickleId root = 0;
  std::size_t length = 0;  // bytes read, up to and with STOP

  const PickleValue& operator[](PickleId id) const { return values.at(id); }
  // The value of a dict under a text key, or null.
  const PickleValue* member(const PickleValue& dict, std::string_view key) const;
};

// Reads one pickle from the beginning of `bytes`. Throws Error for an opcode or global that no state dict
// needs (naming it), and for more than about a million values.
Pickle read_pickle(std::span<const std::uint8_t> bytes);

}  // namespace headstart
