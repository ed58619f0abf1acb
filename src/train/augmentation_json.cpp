// One list of the fields of Augmentation serves both directions.
#include "train/augmentation_json.h"

#include <cstddef>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headstart/error.h"
#include "headstart/text.h"

namespace headstart {
namespace {

using nlohmann::json;

void visit_fields(auto& archive, Augmentation& a) {
  archive("rotation", a.rotation);
  archive("width_shift", a.width_shift);
  archive("height_shift", a.height_shift);
  archive("shear", a.shear);
  archive("zoom", a.zoom);
  archive("fill_mode", a.fill_mode);
  archive("fill_value", a.fill_value);
  archive("channel_shift", a.channel_shift);
  archive("brightness", a.brightness);
  archive("horizontal_flip", a.horizontal_flip);
  archive("vertical_flip", a.vertical_flip);
  archive("crop_area", a.crop_area);
  archive("crop_aspect", a.crop_aspect);
  archive("scale", a.scale);
  archive("skew", a.skew);
  archive("contrast", a.contrast);
  archive("saturation", a.saturation);
  archive("hue", a.hue);
  archive("tint", a.tint);
  archive("blur", a.blur);
  archive("erase", a.erase);
  archive("policy", a.policy);
  archive("rand_operations", a.rand_operations);
  archive("rand_magnitude", a.rand_magnitude);
}

constexpr const char* kPolicies[] = {"none", "rand-augment", "trivial-augment"};  // by AugmentPolicy

struct Writer {
  json object = json::object();
  void operator()(const char* key, float value) { object[key] = static_cast<double>(value); }
  void operator()(const char* key, int value) { object[key] = value; }
  void operator()(const char* key, bool value) { object[key] = value; }
  void operator()(const char* key, const AugmentRange& range) {
    object[key] = {static_cast<double>(range.low), static_cast<double>(range.high)};
  }
  void operator()(const char* key, FillMode mode) { object[key] = to_string(mode); }
  void operator()(const char* key, AugmentPolicy policy) {
    object[key] = kPolicies[static_cast<std::size_t>(policy)];
  }
};

// Takes what is there out of the object, so that what remains is unknown.
struct Reader {
  json object;
  std::vector<std::string> known{};

  template <typename Read>
  void take(const char* key, Read read) {
    known.emplace_back(key);
    if (object.contains(key)) {
      read(object.at(key));
      object.erase(key);
    }
  }
  void operator()(const char* key, float& value) {
    take(key, [&](const json& j) { value = j.get<float>(); });
  }
  void operator()(const char* key, int& value) {
    take(key, [&](const json& j) { value = j.get<int>(); });
  }
  void operator()(const char* key, bool& value) {
    take(key, [&](const json& j) { value = j.get<bool>(); });
  }
  void operator()(const char* key, AugmentRange& range) {
    take(key, [&](const json& j) { range = {j.at(0).get<float>(), j.at(1).get<float>()}; });
  }
  void operator()(const char* key, FillMode& mode) {
    take(key, [&](const json& j) { mode = fill_mode_from(j.get<std::string>()); });
  }
  void operator()(const char* key, AugmentPolicy& policy) {
    take(key, [&](const json& j) { policy = policy_from(j.get<std::string>()); });
  }

  static AugmentPolicy policy_from(const std::string& name) {
    for (const AugmentPolicy policy :
         {AugmentPolicy::none, AugmentPolicy::rand_augment, AugmentPolicy::trivial_augment}) {
      if (name == kPolicies[static_cast<std::size_t>(policy)]) {
        return policy;
      }
    }
    throw Error(fmt::format("[config] a policy is one of {}; received {}", fmt::join(kPolicies, ", "), name));
  }
};

}  // namespace

std::string augmentation_to_json(const Augmentation& augmentation) {
  Augmentation copy = augmentation;
  Writer writer;
  visit_fields(writer, copy);
  return writer.object.dump();
}

Augmentation augmentation_from_json(const std::string& text) {
  try {
    Augmentation augmentation;
    Reader reader{.object = json::parse(text)};
    visit_fields(reader, augmentation);
    if (!reader.object.empty()) {
      const std::string key = reader.object.begin().key();
      throw Error(fmt::format("[config] augmentation has no \"{}\"{}", key, did_you_mean(key, reader.known)));
    }
    check_augmentation(augmentation);
    return augmentation;
  } catch (const json::exception& error) {
    throw Error(
        fmt::format("[config] expected augmentation as JSON; received something else: {}", error.what()));
  }
}

}  // namespace headstart
