#include "daemon/base/random_source.hpp"

#include <cstdlib>

#include <sys/random.h>

namespace tracelink {

std::uint64_t SystemRandomSource::next() {
  std::uint64_t value = 0;
  // Reads of up to 256 bytes are never short and never interrupted (getrandom(2)).
  if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) std::abort();
  return value;
}

}  // namespace tracelink
