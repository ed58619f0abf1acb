// A reader of the part of HDF5 that Keras files use, over bytes in memory.
//
// Why not libhdf5: it is made for trusted files. Version 1.10.8 (Debian 12) has a row of published memory
// errors on malformed ones, and these files come from strangers. What Keras writes is small: superblock 0 to
// 3, object headers 1 and 2, groups by symbol table or link messages, contiguous, compact and chunked data
// sets without filters, fixed-length and variable-length strings. Everything else is an Error that names it.
// Files are written with libhdf5 (keras_h5_writer.cpp).
//
// Source: "HDF5 File Format Specification Version 3.0", The HDF Group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headstart/tensor.h"
#include "weights/bytes.h"
#include "weights/element_type.h"

namespace headstart {

inline constexpr std::uint64_t kHdf5Undefined = ~std::uint64_t{0};  // an address that is not there
inline constexpr std::uint16_t kHdf5DataLayout = 0x08;  // type of the message that makes a data set

class Hdf5File {
 public:
  using Address = std::uint64_t;  // of an object header

  explicit Hdf5File(SharedBytes file);

  Address root() const { return root_; }
  // The object at `path` ("a/b/c") below a group.
  std::optional<Address> find(Address group, std::string_view path);
  Address require(Address group, std::string_view path);
  // Names of a group's members; in the order of the file.
  std::vector<std::string> children(Address group);
  bool is_data_set(Address object);

  bool has_attribute(Address object, std::string_view name);
  // The strings of an attribute; empty when there is none of that name. Throws Error for one that holds no
  // strings.
  std::optional<std::vector<std::string>> strings(Address object, std::string_view name);
  // The first number of an integer attribute.
  std::optional<std::int64_t> integer(Address object, std::string_view name);

  // How two-byte integers and opaque data of two bytes are read; other opaque data are refused.
  enum class TwoBytes { integer, bfloat16 };
  // The values of a data set; aliases the file where it can.
  Tensor tensor(Address data_set, TwoBytes two_bytes = TwoBytes::integer);

 private:
  struct Message {
    std::uint16_t type = 0;
    std::uint8_t flags = 0;
    std::uint64_t offset = 0;  // of its data in the file
    std::uint64_t size = 0;
  };
  struct DataType {
    enum class Kind { number, fixed_string, variable_string, opaque };
    Kind kind = Kind::number;
    std::uint32_t size = 0;
    ElementType element = ElementType::f32;
    bool is_signed = false;
    ByteOrder order = ByteOrder::little;
  };
  struct Attribute {
    DataType type;
    Shape shape;
    std::uint64_t offset = 0, size = 0;  // of its data
  };
  // The raw messages of an attribute: where its parts stand.
  struct AttributeParts {
    std::string_view name;
    bool shared = false;  // its data type is a committed one
    std::uint64_t type = 0, type_size = 0, space = 0, space_size = 0, data = 0, data_size = 0;
  };
  // Asked as often as a file likes, so that whatever is looked up has an index.
  struct Object {
    std::vector<Message> messages;
    std::map<std::uint16_t, std::size_t> first_of_type;  // into `messages`
    bool attributes_read = false;
    bool attributes_in_heap = false;
    std::map<std::string_view, AttributeParts> attributes;
    bool links_read = false;
    std::vector<std::pair<std::string_view, Address>> links;
    std::map<std::string_view, std::size_t> link_index;
  };

  struct ChunkTarget;

  // Every structure is read once in a sound file, so all of them together are no longer than the file.
  // Spending their sizes from a budget stops loops and overlaps that would cost time or memory without end.
  void spend(std::uint64_t bytes);
  ByteView view() const { return {file_.span(), "h5"}; }

  Address root_from_superblock() const;
  Object& object(Address address);
  void read_header_v1(Address address, Object& object);
  void read_messages_v1(std::uint64_t offset, std::uint64_t size, Object& object,
                        std::vector<std::pair<std::uint64_t, std::uint64_t>>& continuations);
  void read_header_v2(Address address, Object& object);
  void read_messages_v2(std::uint64_t offset, std::uint64_t size, bool creation_order, Object& object,
                        std::vector<std::pair<std::uint64_t, std::uint64_t>>& continuations);
  static void add_message(const Message& message, Object& object);
  std::optional<Message> message(const Object& object, std::uint16_t type) const;

  const Object& group(Address address);
  void read_symbol_table(const Message& table, Object& object);
  void read_group_tree(Address node, int level, std::uint64_t heap, std::uint64_t heap_size, Object& object);
  void read_symbol_node(Address node, std::uint64_t heap, std::uint64_t heap_size, Object& object);
  void read_link(const Message& link, Object& object);
  void read_link_info(const Message& info) const;
  std::string_view terminated_text(std::uint64_t offset, std::uint64_t end) const;

  DataType data_type(std::uint64_t offset, std::uint64_t size) const;
  static DataType number_type(DataType type, TwoBytes two_bytes);
  Shape data_space(std::uint64_t offset, std::uint64_t size) const;
  AttributeParts attribute_parts(const Message& message) const;
  void read_attributes(Object& object) const;
  std::optional<AttributeParts> find_attribute(Address object, std::string_view name);
  std::optional<Attribute> attribute(Address object, std::string_view name);
  std::string_view heap_string(std::uint64_t reference);
  using Heap = std::map<std::uint32_t, std::string_view>;
  const Heap& heap(Address address);

  Tensor chunked_tensor(const Shape& shape, const DataType& type, const Message& layout);
  void read_chunk_tree(Address node, int level, ChunkTarget& target);

  SharedBytes file_;
  std::uint64_t budget_ = 0;
  std::uint64_t data_budget_ = 0;  // the same for the values of data sets and strings
  Address root_ = 0;
  std::map<Address, Object> objects_;
  std::map<Address, Heap> heaps_;
};

}  // namespace headstart
