// Exact comparison of two graphs: names, ops, inputs, shapes, trainable flags, scopes, output.
#pragma once

#include "headstart/graph.h"

namespace headstart::test {

void expect_equal(const Graph& expected, const Graph& actual);

}  // namespace headstart::test
