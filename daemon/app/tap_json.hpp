#pragma once

#include <string>

#include "daemon/app/delivery.hpp"
#include "daemon/app/tap.hpp"
#include "daemon/queue/queue.hpp"

namespace tracelink {

// The body of `GET /tap` (docs/control-api.md). `queue` knows the models' names, `delivery` their
// ids.
std::string tap_json(const Tap::View& view, const Queue& queue, const Delivery& delivery);

}  // namespace tracelink
