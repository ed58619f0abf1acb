// Data as the commands that measure a model take it.
#pragma once

#include <string>

#include "headstart/dataset.h"
#include "headstart/progress.h"

namespace headstart::app {

// As read_dataset with `labels`; where the training of `model` held photos out of the same data itself, they
// are the validation part, which is said when no `split` is asked for.
DatasetSplits read_divided(const std::string& data, const std::string& model, const std::string& split,
                           Progress& progress, LabelsOfPhoto labels = LabelsOfPhoto::one);

}  // namespace headstart::app
