#pragma once

#include <string>

namespace tracelink {

struct Experiment {
  std::string id, name;
  bool deleted = false;
};

}  // namespace tracelink
