#include "weights/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace headstart {
namespace {

using PickleKind = PickleValue::Kind;

constexpr std::size_t kMaximumValues = 1'000'000;
constexpr std::size_t kMaximumItems = 8'000'000;  // of all containers together

// The opcodes of pickle protocols 0 to 4 that are understood, by their name in Python's pickletools.
// clang-format off
constexpr std::uint8_t
  kMark = '(', kStop = '.', kPop = '0', kPopMark = '1', kDup = '2',
  kNone = 'N', kNewTrue = 0x88, kNewFalse = 0x89,
  kBinInt = 'J', kBinInt1 = 'K', kBinInt2 = 'M', kLong1 = 0x8a, kBinFloat = 'G',
  kBinString = 'T', kShortBinString = 'U', kBinBytes = 'B', kShortBinBytes = 'C',
  kBinUnicode = 'X', kShortBinUnicode = 0x8c, kBinUnicode8 = 0x8d,
  kEmptyList = ']', kAppend = 'a', kAppends = 'e', kList = 'l',
  kEmptyTuple = ')', kTuple = 't', kTuple1 = 0x85, kTuple2 = 0x86, kTuple3 = 0x87,
  kEmptyDict = '}', kDict = 'd', kSetItem = 's', kSetItems = 'u',
  kBinPut = 'q', kLongBinPut = 'r', kMemoize = 0x94, kBinGet = 'h', kLongBinGet = 'j',
  kGlobal = 'c', kStackGlobal = 0x93, kReduce = 'R', kBuild = 'b', kBinPersistentId = 'Q',
  kProto = 0x80, kFrame = 0x95;
// clang-format on

constexpr std::array<std::string_view, 4> kCallables{
    "collections OrderedDict",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
};
constexpr std::array<std::string_view, 10> kStorages{
    "torch FloatStorage", "torch HalfStorage", "torch BFloat16Storage", "torch DoubleStorage",
    "torch LongStorage",  "torch IntStorage",  "torch ShortStorage",    "torch CharStorage",
    "torch ByteStorage",  "torch BoolStorage",
};

// The interned spelling of an allowed global; throws for any other.
std::string_view allowed_global(std::string_view module, std::string_view name) {
  const auto same = [&](std::string_view allowed) {
    return allowed.size() == module.size() + 1 + name.size() && allowed.starts_with(module) &&
           allowed[module.size()] == ' ' && allowed.ends_with(name);
  };
  for (const auto allowed : kCallables) {
    if (same(allowed)) {
      return allowed;
    }
  }
  for (const auto allowed : kStorages) {
    if (same(allowed)) {
      return allowed;
    }
  }
  throw Error(fmt::format(
      "[pickle] the file asks for the Python object {}.{}, which no state dict needs; nothing of it "
      "is executed; save model.state_dict() alone",
      module.substr(0, 100), name.substr(0, 100)));
}

class Machine {
 public:
  explicit Machine(std::span<const std::uint8_t> bytes) : bytes_(bytes, "pickle") {
    for (const auto kind : {PickleKind::none, PickleKind::boolean, PickleKind::boolean, PickleKind::mark}) {
      values_.push_back({.kind = kind});
    }
    values_[kTrueId].integer = 1;
  }

  Pickle run() {
    while (true) {
      const auto opcode = take<std::uint8_t>();
      if (opcode == kStop) {
        const auto root = pop();
        return {.values = std::move(values_), .root = root, .length = position_};
      }
      if (!(scalar(opcode) || container(opcode) || memo(opcode) || object(opcode))) {
        throw Error(fmt::format(
            "[pickle] expected what a state dict is made of; received the opcode 0x{:02x} at byte {}", opcode,
            position_ - 1));
      }
    }
  }

 private:
  static constexpr PickleId kNoneId = 0;
  static constexpr PickleId kFalseId = 1;
  static constexpr PickleId kTrueId = 2;
  static constexpr PickleId kMarkId = 3;

  bool scalar(std::uint8_t opcode) {
    switch (opcode) {
      case kProto:
        take<std::uint8_t>();
        return true;
      case kFrame:
        take<std::uint64_t>();
        return true;
      case kNone:
        push(kNoneId);
        return true;
      case kNewTrue:
        push(kTrueId);
        return true;
      case kNewFalse:
        push(kFalseId);
        return true;
      case kBinInt:
        add_integer(std::bit_cast<std::int32_t>(take<std::uint32_t>()));
        return true;
      case kBinInt1:
        add_integer(take<std::uint8_t>());
        return true;
      case kBinInt2:
        add_integer(take<std::uint16_t>());
        return true;
      case kLong1:
        add_long(take<std::uint8_t>());
        return true;
      case kBinFloat:
        add_float();
        return true;
      default:
        return text(opcode);
    }
  }

  bool text(std::uint8_t opcode) {
    std::uint64_t length = 0;
    switch (opcode) {
      case kShortBinString:
      case kShortBinBytes:
      case kShortBinUnicode:
        length = take<std::uint8_t>();
        break;
      case kBinString:
      case kBinBytes:
      case kBinUnicode:
        length = take<std::uint32_t>();
        break;
      case kBinUnicode8:
        length = take<std::uint64_t>();
        break;
      default:
        return false;
    }
    add({.kind = PickleKind::text, .text = take_text(length)});
    return true;
  }

  bool container(std::uint8_t opcode) {
    switch (opcode) {
      case kMark:
        push(kMarkId);
        return true;
      case kEmptyList:
        add({.kind = PickleKind::list});
        return true;
      case kEmptyTuple:
        add({.kind = PickleKind::tuple});
        return true;
      case kEmptyDict:
        add({.kind = PickleKind::dict});
        return true;
      case kList:
        add_container(PickleKind::list, pop_to_mark());
        return true;
      case kTuple:
        add_container(PickleKind::tuple, pop_to_mark());
        return true;
      case kDict:
        add_container(PickleKind::dict, pop_to_mark());
        return true;
      case kTuple1:
      case kTuple2:
      case kTuple3:
        add_container(PickleKind::tuple, pop_some(1U + opcode - kTuple1));
        return true;
      case kAppend:
        extend(PickleKind::list, pop_some(1));
        return true;
      case kAppends:
        extend(PickleKind::list, pop_to_mark());
        return true;
      case kSetItem:
        extend(PickleKind::dict, pop_some(2));
        return true;
      case kSetItems:
        extend(PickleKind::dict, pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool memo(std::uint8_t opcode) {
    switch (opcode) {
      case kBinPut:
        remember(take<std::uint8_t>());
        return true;
      case kLongBinPut:
        remember(take<std::uint32_t>());
        return true;
      case kMemoize:
        remember(static_cast<std::uint32_t>(memo_.size()));
        return true;
      case kBinGet:
        push(recall(take<std::uint8_t>()));
        return true;
      case kLongBinGet:
        push(recall(take<std::uint32_t>()));
        return true;
      case kPop:
        pop();
        return true;
      case kPopMark:
        pop_to_mark();
        return true;
      case kDup:
        push(top());
        return true;
      default:
        return false;
    }
  }

  bool object(std::uint8_t opcode) {
    switch (opcode) {
      case kGlobal: {
        const auto module = take_line();
        add({.kind = PickleKind::global, .text = allowed_global(module, take_line())});
        return true;
      }
      case kStackGlobal: {
        const auto names = pop_some(2);
        add({.kind = PickleKind::global, .text = allowed_global(text_of(names[0]), text_of(names[1]))});
        return true;
      }
      case kBinPersistentId:
        add_container(PickleKind::persistent, pop_some(1));
        return true;
      case kReduce:
        reduce();
        return true;
      case kBuild:  // the attributes of an OrderedDict (a state dict's `_metadata`): not needed
        pop_some(1);
        if (values_[top()].kind != PickleKind::dict) {
          throw Error("[pickle] expected state of an OrderedDict; received that of another object");
        }
        return true;
      default:
        return false;
    }
  }

  void reduce() {
    const auto call = pop_some(2);
    const auto& function = values_[call[0]];
    const auto& arguments = values_[call[1]];
    if (function.kind != PickleKind::global || arguments.kind != PickleKind::tuple) {
      throw Error("[pickle] expected a call with a tuple of arguments; received something else");
    }
    constexpr std::size_t kMaximumArguments = 16;
    if (arguments.items.size() > kMaximumArguments) {
      throw Error(fmt::format("[pickle] expected a few arguments; received {}", arguments.items.size()));
    }
    const auto items = arguments.items;  // a copy: adding moves the values
    if (function.text == kCallables[0]) {
      ordered_dict(items);
    } else if ((function.text == kCallables[1] || function.text == kCallables[2]) && items.size() >= 4) {
      add_container(PickleKind::tensor, {items.begin(), items.begin() + 4});
    } else if (function.text == kCallables[3] && !items.empty()) {
      push(items[0]);
    } else {
      throw Error(fmt::format("[pickle] expected the arguments of {}; received {} values", function.text,
                              items.size()));
    }
  }

  // OrderedDict() or, from Python 2, OrderedDict([[key, value], ...]).
  void ordered_dict(const std::vector<PickleId>& arguments) {
    std::vector<PickleId> items;
    if (!arguments.empty()) {
      const auto& pairs = values_[arguments[0]];
      for (const auto id : pairs.items) {
        const auto& pair = values_[id];
        if (pair.items.size() != 2) {
          throw Error("[pickle] expected pairs in an OrderedDict; received something else");
        }
        items.insert(items.end(), pair.items.begin(), pair.items.end());
      }
    }
    add_container(PickleKind::dict, std::move(items));
  }

  template <typename T>
  T take() {
    const T value = bytes_.read<T>(position_);
    position_ += sizeof(T);
    return value;
  }
  std::string_view take_text(std::uint64_t length) {
    const auto text = as_text(bytes_.slice(position_, length));
    position_ += length;
    return text;
  }
  std::string_view take_line() {
    const auto rest = as_text(bytes_.slice(position_, bytes_.size() - position_));
    const auto length = rest.find('\n');
    if (length == std::string_view::npos) {
      throw Error("[pickle] a line has no end; the file is truncated or damaged");
    }
    position_ += length + 1;
    return rest.substr(0, length);
  }

  void push(PickleId id) {
    if (stack_.size() == kMaximumItems) {
      throw Error(fmt::format("[pickle] expected up to {} values at once; received more", kMaximumItems));
    }
    stack_.push_back(id);
  }
  void add(PickleValue value) {
    if (values_.size() == kMaximumValues) {
      throw Error(fmt::format("[pickle] expected up to {} values; received more", kMaximumValues));
    }
    values_.push_back(std::move(value));
    push(static_cast<PickleId>(values_.size() - 1));
  }
  void add_integer(std::int64_t value) { add({.kind = PickleKind::integer, .integer = value}); }
  // Little-endian two's complement; beyond 64 bits (the legacy form's magic number) only the low ones are
  // kept.
  void add_long(std::uint8_t length) {
    const auto bytes = bytes_.slice(position_, length);
    position_ += length;
    std::uint64_t value = length > 0 && (bytes.back() & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, bytes.data(), std::min<std::size_t>(length, sizeof value));
    add_integer(std::bit_cast<std::int64_t>(value));
  }
  void add_float() {
    auto bits = take<std::uint64_t>();  // big-endian
    auto* raw = reinterpret_cast<std::uint8_t*>(&bits);
    std::reverse(raw, raw + sizeof bits);
    add({.kind = PickleKind::number, .number = std::bit_cast<double>(bits)});
  }
  void add_container(PickleKind kind, std::vector<PickleId> items) {
    count_items(items.size());
    if (kind == PickleKind::dict && items.size() % 2 != 0) {
      throw Error("[pickle] expected keys with values; received an odd number of them");
    }
    add({.kind = kind, .items = std::move(items)});
  }
  void extend(PickleKind kind, const std::vector<PickleId>& more) {
    count_items(more.size());
    auto& target = values_[top()];
    if (target.kind != kind || (kind == PickleKind::dict && more.size() % 2 != 0)) {
      throw Error("[pickle] expected a list or dict to add to; received something else");
    }
    target.items.insert(target.items.end(), more.begin(), more.end());
  }
  void count_items(std::size_t count) {
    items_ += count;
    if (items_ > kMaximumItems) {
      throw Error(fmt::format("[pickle] expected up to {} items; received more", kMaximumItems));
    }
  }

  PickleId top() const {
    if (stack_.empty() || stack_.back() == kMarkId) {
      throw Error("[pickle] expected a value on the stack; it is empty; the file is damaged");
    }
    return stack_.back();
  }
  PickleId pop() {
    const auto id = top();
    stack_.pop_back();
    return id;
  }
  std::vector<PickleId> pop_some(std::size_t count) {
    std::vector<PickleId> items(count);
    for (std::size_t i = count; i > 0; --i) {
      items[i - 1] = pop();
    }
    return items;
  }
  std::vector<PickleId> pop_to_mark() {
    const auto mark = std::find(stack_.rbegin(), stack_.rend(), kMarkId);
    if (mark == stack_.rend()) {
      throw Error("[pickle] expected a mark on the stack; there is none; the file is damaged");
    }
    std::vector<PickleId> items(mark.base(), stack_.end());
    stack_.erase(mark.base() - 1, stack_.end());
    return items;
  }
  std::string_view text_of(PickleId id) const {
    if (values_[id].kind != PickleKind::text) {
      throw Error("[pickle] expected text; received something else");
    }
    return values_[id].text;
  }

  void remember(std::uint32_t key) {
    memo_.insert_or_assign(key, top());
    if (memo_.size() > kMaximumValues) {
      throw Error(
          fmt::format("[pickle] expected up to {} entries in the memo; received more", kMaximumValues));
    }
  }
  PickleId recall(std::uint32_t key) const {
    const auto found = memo_.find(key);
    if (found == memo_.end()) {
      throw Error(
          fmt::format("[pickle] expected entry {} in the memo; it is not there; the file is damaged", key));
    }
    return found->second;
  }

  ByteView bytes_;
  std::uint64_t position_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleId> stack_;
  std::unordered_map<std::uint32_t, PickleId> memo_;
  std::size_t items_ = 0;
};

}  // namespace

const PickleValue* Pickle::member(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != PickleKind::dict) {
    return nullptr;
  }
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const auto& candidate = values[dict.items[i]];
    if (candidate.kind == PickleKind::text && candidate.text == key) {
      return &values[dict.items[i + 1]];
    }
  }
  return nullptr;
}

Pickle read_pickle(std::span<const std::uint8_t> bytes) { return Machine(bytes).run(); }

}  // namespace headstart
