#pragma once

#include <vector>

#include <curl/curl.h>

namespace tracelink {

// Easy handles of ended transfers, for the next ones: each takes buffers of many kilobytes, which
// cost more than a small request. Threads: one.
class EasyHandles {
 public:
  EasyHandles() = default;
  ~EasyHandles();
  EasyHandles(const EasyHandles&) = delete;
  EasyHandles& operator=(const EasyHandles&) = delete;

  // With no option set.
  CURL* take();
  // Precondition: no multi handle holds it. What its options point at may go afterwards.
  void put_back(CURL* easy);

 private:
  std::vector<CURL*> idle_;
};

}  // namespace tracelink
