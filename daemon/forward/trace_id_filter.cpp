#include "daemon/forward/trace_id_filter.hpp"

#include <array>
#include <cstring>

#include "daemon/base/mix64.hpp"

namespace tracelink {

namespace {

constexpr std::size_t kHashes = 6;
constexpr std::size_t kBitsEach = 16;

std::array<std::size_t, kHashes> places(const TraceId& id, std::uint64_t secret, std::size_t size) {
  std::array<std::uint64_t, 2> words{};
  static_assert(sizeof(words) == sizeof(id.bytes));
  std::memcpy(words.data(), id.bytes.data(), sizeof(words));
  const std::uint64_t first = mix64(mix64(words[0] ^ secret) ^ words[1]);
  const std::uint64_t step = mix64(first + secret) | 1;
  std::array<std::size_t, kHashes> found{};
  for (std::size_t n = 0; n < kHashes; ++n) {
    found[n] = static_cast<std::size_t>((first + n * step) % size);
  }
  return found;
}

}  // namespace

void TraceIdFilter::add(const TraceId& id) {
  if (bits_.empty()) bits_.resize(max_ids_ * kBitsEach);
  bool is_new = false;
  for (const std::size_t place : places(id, secret_, bits_.size())) {
    is_new |= !bits_[place];
    bits_[place] = true;
  }
  if (is_new) ++added_;
}

bool TraceIdFilter::contains(const TraceId& id) const {
  if (added_ == 0 || added_ > max_ids_) return false;
  for (const std::size_t place : places(id, secret_, bits_.size())) {
    if (!bits_[place]) return false;
  }
  return true;
}

void TraceIdFilter::clear() {
  bits_ = {};
  added_ = 0;
}

}  // namespace tracelink
