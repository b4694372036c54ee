#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/base/mutex.hpp"
#include "daemon/base/result.hpp"
#include "ipc/server/decode.hpp"
#include "ipc/server/memory_budget.hpp"

namespace tracelink {

struct Stored {
  Result<void> result;
};
struct Decoded {
  Result<DecodedRequest> result;
};
struct IoCompletion {
  RequestId id = 0;
  std::variant<Stored, Decoded> content;
};

// Brings answers of other threads to the io thread, all that came meanwhile with one wake-up: the
// queue's writer answers a whole group after each sync.
//
// Threads: put() any; close() the io thread. After close() completions are dropped and neither the
// io_context nor the reader is touched again.
class CompletionQueue : public std::enable_shared_from_this<CompletionQueue> {
 public:
  using Reader = std::function<void(std::vector<IoCompletion>&)>;
  CompletionQueue(boost::asio::io_context& io, Reader reader)
      : io_(&io), reader_(std::move(reader)) {}

  void put(IoCompletion completion);
  void close();
  bool closed();

 private:
  void deliver();

  Mutex mutex_;
  boost::asio::io_context* io_ GUARDED_BY(mutex_);  // null once closed
  std::vector<IoCompletion> completions_ GUARDED_BY(mutex_);
  Reader reader_;                      // io thread
  std::vector<IoCompletion> reading_;  // io thread; kept for its capacity
};

}  // namespace tracelink
