// The preprocessing a network's published weights expect.
#include "headstart/preprocessing.h"

#include <algorithm>
#include <cmath>

#include "headstart/zoo.h"

namespace headstart {

Preprocessing default_preprocessing(const Architecture& architecture, const Graph& graph) {
  Preprocessing preprocessing = with_mode({}, architecture.preprocessing);
  preprocessing.height = static_cast<int>(graph.input_shape().at(0));
  preprocessing.width = static_cast<int>(graph.input_shape().at(1));
  preprocessing.channels = static_cast<int>(graph.input_shape().at(2));
  preprocessing.kernel = architecture.kernel;
  if (architecture.resize_to > 0) {
    preprocessing.fit = ResizeFit::crop;
    // The published ratio of resize to crop, kept at other input sizes.
    const int shorter = std::min(preprocessing.height, preprocessing.width);
    preprocessing.resize_to = static_cast<int>(
        std::lround(static_cast<double>(shorter) * architecture.resize_to / architecture.input_size));
  }
  return preprocessing;
}

}  // namespace headstart
