// What a server of a model answers, without the network: bytes of pictures in, JSON, PNG and a page out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headstart/engine.h"
#include "headstart/model.h"

namespace headstart {

// A picture that somebody sent: anything, until it has been decoded.
struct Upload {
  std::string name{};
  std::string bytes{};
};

// `status` as in HTTP: 200; 400 for what cannot be answered as it was asked; 413 for too much; 422 for
// pictures that cannot be read.
struct Answer {
  int status = 200;
  std::string type = "application/json";
  std::string body{};
  std::string note{};  // what a picture cannot say of itself; ASCII
};
// {"error": message}.
Answer refusal(int status, const std::string& message);

struct ServiceOptions {
  int top = 5;  // classes of a prediction
  // automatic: f32, as predict has it for a few photos.
  Precision precision = Precision::automatic;
  int threads = 0;                           // of the network; 0: all cores
  std::size_t maximum_pictures = 64;         // of one request
  std::int64_t maximum_pixels = 64'000'000;  // of one picture
};

// A classifier that is loaded, compiled and warm. All functions may be called from any number of threads at
// once: pictures are decoded on the caller's thread, and one thread computes for all, a few pictures at a
// time in turn.
class Service {
 public:
  // `name`: what the model is called in answers. Throws Error when the model is no classifier of pictures.
  Service(Model model, std::string name, const ServiceOptions& options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // predictions_json with the uploads' names; 422 when no picture can be read, 400 without any, 413 for more
  // than `maximum_pictures`.
  Answer predict(const std::vector<Upload>& pictures);
  // Grad-CAM over the picture as a PNG of at most 1024 pixels a side. `class_name`: as find_class takes it;
  // empty: the most probable one.
  Answer explain(const Upload& picture, const std::string& class_name);
  // By the class's number, where a name may be a number too, or stand twice.
  Answer explain(const Upload& picture, int class_index);
  // {"model", "network", "input_size": [height, width], "classes": [{"index", "id", "name"}], "parameters",
  // "precision", "top", "maximum_pictures"}.
  Answer description() const;
  // One HTML document that needs nothing else.
  static Answer page();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headstart
