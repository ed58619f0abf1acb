// What `headstart_runner` measures: each job gives, for a variant's name, a function that does it once.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "headstart/engine.h"
#include "headstart/model.h"

namespace headstart {

// The command line of a job, "--key value" pairs.
using JobOptions = std::map<std::string, std::string>;
std::string text_of(const JobOptions& options, const std::string& key, const std::string& otherwise);
int number_of(const JobOptions& options, const std::string& key, int otherwise);

using Work = std::function<void()>;
using Job = std::function<Work(const std::string& variant)>;

// The base of --network, without its top.
Graph network_of(const JobOptions& options);

// Inference of the base, "f32" or "bf16"; "bare f32" and "bare bf16" are its primitives alone.
Job frozen_job(const JobOptions& options);
// One step of training with loss and RMSprop, the frozen part included but for "cached f32" and "cached
// bf16";
// --from: the first layer that trains, or "none" for the whole network.
Job step_job(const JobOptions& options);
// One epoch of the head on cached features: 2,000 x 8,192 to 256 to 1, batches of 20.
Job head_job(const JobOptions& options);
// Photos of --data through the base, "decode", "compute" or "both", with "f32" or "bf16" behind it.
Job pipeline_job(const JobOptions& options);

}  // namespace headstart
