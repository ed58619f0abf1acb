// A tiny network and pictures that it can learn, for tests of training.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "headstart/model.h"
#include "headstart/train.h"

namespace headstart::test {

struct TinyOptions {
  int classes = 2;
  std::string head = "gap,dense:8:relu,dropout:0.25,dense";
  std::uint64_t seed = 3;
};
// An 8x8x3 base "tiny" (block1_conv, block1_bn, block2_conv, a residual add, block3_conv) with a head; the
// base is frozen.
Model tiny_model(const TinyOptions& options = {});

// Noise with a bright patch whose place and colour are the class; labels 0, 1, ... in turn.
MemoryDataset tiny_images(int count, int classes, std::uint64_t key);

// The same as PNG files in class folders under `folder`.
void write_tiny_images(const std::filesystem::path& folder, int count, int classes, std::uint64_t key);

// Every `step`-th sample.
Dataset thinned(const Dataset& dataset, std::size_t step);

std::vector<char> bytes_of_file(const std::string& path);

// Asks for a stop after a number of steps of the whole run.
class StopAfter : public TrainObserver {
 public:
  explicit StopAfter(int steps) : left_(steps) {}
  void step_done(const EpochProgress&) override {
    if (--left_ == 0) {
      request_stop(true);
    }
  }

 private:
  int left_;
};

}  // namespace headstart::test
