#include "daemon/base/result.hpp"

namespace tracelink {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::io:
      return "io";
    case ErrorCode::no_space:
      return "no_space";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::rejected:
      return "rejected";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::closed:
      return "closed";
  }
  return "unknown";
}

}  // namespace tracelink
