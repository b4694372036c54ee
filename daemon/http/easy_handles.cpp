#include "daemon/http/easy_handles.hpp"

#include <cstddef>
#include <cstdlib>

namespace tracelink {
namespace {

// More transfers than that at a time are rare, and their handles would stay for ever.
constexpr std::size_t kMostIdle = 8;

}  // namespace

EasyHandles::~EasyHandles() {
  for (CURL* easy : idle_) curl_easy_cleanup(easy);
}

CURL* EasyHandles::take() {
  if (idle_.empty()) {
    CURL* easy = curl_easy_init();
    if (easy == nullptr) std::abort();  // out of memory
    return easy;
  }
  CURL* easy = idle_.back();
  idle_.pop_back();
  return easy;
}

void EasyHandles::put_back(CURL* easy) {
  if (idle_.size() == kMostIdle) return curl_easy_cleanup(easy);
  curl_easy_reset(easy);
  idle_.push_back(easy);
}

}  // namespace tracelink
