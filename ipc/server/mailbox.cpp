#include "ipc/server/mailbox.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace tracelink {

void Mailbox::put(Letter letter) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return;
  letters_.push_back(std::move(letter));
  // Posted under the lock: close() must not return while the io_context is in use here.
  if (letters_.size() == 1) {
    boost::asio::post(*io_, [self = shared_from_this()] { self->deliver(); });
  }
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  io_ = nullptr;
  letters_.clear();
}

bool Mailbox::closed() {
  const std::lock_guard lock(mutex_);
  return io_ == nullptr;
}

void Mailbox::deliver() {
  {
    const std::lock_guard lock(mutex_);
    if (io_ == nullptr) return;
    reading_.swap(letters_);
  }
  reader_(reading_);
  reading_.clear();
}

}  // namespace tracelink
