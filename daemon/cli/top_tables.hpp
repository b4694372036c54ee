#pragma once

#include <cstddef>

#include "daemon/cli/top_text.hpp"
#include "daemon/cli/top_view.hpp"

// The tables of `tracelink top`: a heading, then a row each, the busiest first.
namespace tracelink::cli {

Lines model_table(const TopView& view, std::size_t columns);

// Empty if no service is known.
Lines service_table(const TopView& view, std::size_t columns);

}  // namespace tracelink::cli
