// Every network of the registry comes back from JSON as it was.
#include "graph/serialize.h"

#include <gtest/gtest.h>

#include "headstart/zoo.h"
#include "support/graph_equality.h"

namespace headstart {
namespace {

TEST(SerializeZoo, EveryArchitectureRoundTrips) {
  for (const Architecture& architecture : architectures()) {
    for (const bool top : {true, false}) {
      SCOPED_TRACE(architecture.name);
      Graph graph = build_architecture(architecture, {.include_top = top});
      graph.set_trainable(graph.output() / 2, false);
      test::expect_equal(graph, graph_from_json(graph_to_json(graph)));
    }
  }
}

}  // namespace
}  // namespace headstart
