#pragma once

#include <cstdint>
#include <cstring>

#include "daemon/base/mix64.hpp"
#include "daemon/base/random_source.hpp"
#include "daemon/types/ids.hpp"

namespace tracelink {

// Of this process, chosen when it is first asked for.
inline std::uint64_t process_secret() {
  static const std::uint64_t secret = SystemRandomSource().next();
  return secret;
}

// Hashes ids that peers choose, trace and span ids, with a secret: nobody can choose ids that fall
// into one bucket of a table, each of which would cost a walk past all the others.
class PeerIdHash {
 public:
  explicit PeerIdHash(std::uint64_t secret = process_secret()) : secret_(secret) {}

  template <class Tag, std::size_t N>
  std::size_t operator()(const Id<Tag, N>& id) const noexcept {
    static_assert(N % sizeof(std::uint64_t) == 0);
    std::uint64_t hash = secret_;
    for (std::size_t at = 0; at < N; at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, id.bytes.data() + at, sizeof word);
      hash = mix64(hash ^ word);
    }
    return hash;
  }

 private:
  std::uint64_t secret_;
};

}  // namespace tracelink
