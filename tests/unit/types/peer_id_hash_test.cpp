#include "daemon/types/peer_id_hash.hpp"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr std::size_t kIds = 300;

std::size_t buckets() { return std::unordered_set<SpanId, IdHash>(kIds).bucket_count(); }

// As a client can compute them for a hash without a secret.
std::vector<SpanId> ids_of_one_bucket(const std::function<std::size_t(const SpanId&)>& hash) {
  std::vector<SpanId> ids;
  for (std::uint64_t number = 1; ids.size() < kIds; ++number) {
    SpanId id;
    std::memcpy(id.bytes.data(), &number, sizeof number);
    if (hash(id) % buckets() == 0) ids.push_back(id);
  }
  return ids;
}

template <class Hash>
std::size_t longest_bucket(const std::vector<SpanId>& ids, const Hash& hash) {
  std::unordered_set<SpanId, Hash> table(kIds, hash);
  table.insert(ids.begin(), ids.end());
  EXPECT_EQ(table.bucket_count(), buckets());
  std::size_t longest = 0;
  for (std::size_t n = 0; n < table.bucket_count(); ++n)
    longest = std::max(longest, table.bucket_size(n));
  return longest;
}

TEST(PeerIdHash, IdsThatWereChosenForOneBucketAreSpread) {
  const std::vector<SpanId> ids = ids_of_one_bucket(IdHash());
  EXPECT_EQ(longest_bucket(ids, IdHash()), kIds);
  EXPECT_LT(longest_bucket(ids, PeerIdHash()), 16u);
}

TEST(PeerIdHash, WhoKnowsAnotherSecretKnowsNothing) {
  const std::vector<SpanId> ids = ids_of_one_bucket(PeerIdHash(1));
  EXPECT_EQ(longest_bucket(ids, PeerIdHash(1)), kIds);
  EXPECT_LT(longest_bucket(ids, PeerIdHash(2)), 16u);
}

TEST(PeerIdHash, IsTheSameForTheSameIdInThisProcess) {
  const TraceId id = *TraceId::from_bytes("0123456789abcdef");
  TraceId other = id;
  other.bytes.back() ^= 1;
  EXPECT_EQ(PeerIdHash()(id), PeerIdHash()(id));
  EXPECT_NE(PeerIdHash()(id), PeerIdHash()(other));
}

}  // namespace
}  // namespace tracelink
