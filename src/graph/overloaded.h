// Helpers to visit the op variant exhaustively: an op that no branch names is a compile error.
#pragma once

#include <concepts>

namespace headstart {

// A visitor made of lambdas: std::visit(Overloaded{[](const Dense& dense) {...}, ...}, op).
template <typename... Branches>
struct Overloaded : Branches... {
  using Branches::operator()...;
};
template <typename... Branches>
Overloaded(Branches...) -> Overloaded<Branches...>;

// One branch for several ops, each of them named: [](const OneOf<Flatten, Reshape> auto&) {...}.
template <typename T, typename... Listed>
concept OneOf = (std::same_as<T, Listed> || ...);

}  // namespace headstart
