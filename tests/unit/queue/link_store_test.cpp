#include "daemon/queue/link_store.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/codec/link_codec.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

// Calls back from inside every sync of a directory, where a slow disk would keep its caller.
class SlowDirectories final : public FileSystem {
 public:
  std::function<void()> in_sync = [] {};

  Result<std::unique_ptr<File>> create(const std::filesystem::path& path) override {
    return fs_.create(path);
  }
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override {
    return fs_.open(path);
  }
  Result<std::unique_ptr<File>> open_read_only(const std::filesystem::path& path) const override {
    return fs_.open_read_only(path);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return fs_.rename(from, to);
  }
  Result<void> remove(const std::filesystem::path& path) override { return fs_.remove(path); }
  Result<bool> exists(const std::filesystem::path& path) const override { return fs_.exists(path); }
  Result<std::optional<std::uint64_t>> size_of(const std::filesystem::path& path) const override {
    return fs_.size_of(path);
  }
  Result<void> create_directories(const std::filesystem::path& path) override {
    return fs_.create_directories(path);
  }
  Result<void> sync_directory(const std::filesystem::path& path) override {
    in_sync();
    return fs_.sync_directory(path);
  }
  Result<std::vector<std::string>> list(const std::filesystem::path& directory) const override {
    return fs_.list(directory);
  }
  Result<std::uint64_t> free_bytes(const std::filesystem::path& directory) const override {
    return fs_.free_bytes(directory);
  }

 private:
  FakeFileSystem fs_;
};

LinkDefinition link(std::string name) {
  LinkDefinition definition;
  definition.name = std::move(name);
  return definition;
}

// The thread that serves all clients looks links up; another one stores them.
TEST(LinkStore, LookingUpDoesNotWaitForTheDisk) {
  SlowDirectories fs;
  Quarantine quarantine(fs, "/quarantine", 1000);
  FakeClock clock;
  HeldFiles held(clock);
  DiskReserve reserve(fs, "/reserve", 0);
  LinkStore links(fs, "/links", quarantine, held, reserve);
  const auto known = links.remember(link("known"));
  ASSERT_TRUE(known);
  bool answered = false;
  fs.in_sync = [&] {
    auto found = std::make_shared<std::promise<void>>();
    auto ready = found->get_future();
    std::thread([&links, hash = *known, found] {
      if (links.encoded(hash) && !links.all().empty()) found->set_value();
    }).detach();
    answered = ready.wait_for(std::chrono::seconds(300)) == std::future_status::ready;
  };
  EXPECT_TRUE(links.remember(link("new")));
  EXPECT_TRUE(answered);
}

TEST(LinkStore, WhatTracesNameLeavesTheReserveOfAFullDiskAlone) {
  FakeFileSystem fs;
  FakeClock clock;
  Quarantine quarantine(fs, "/quarantine", 1000);
  HeldFiles held(clock);
  DiskReserve reserve(fs, "/reserve", 64u << 10);
  reserve.restore();
  LinkStore links(fs, "/links", quarantine, held, reserve);
  fs.set_capacity(fs.disk_bytes());
  LinkDefinition named = link("named");
  named.named_by_trace = true;
  const auto hash = links.remember(named);
  ASSERT_TRUE(hash) << hash.error().message;
  EXPECT_EQ(links.find(*hash)->name, "named");
  EXPECT_TRUE(*fs.exists("/reserve"));
  ASSERT_TRUE(links.remember(link("chosen by the operator")));
  EXPECT_FALSE(*fs.exists("/reserve"));

  clock.advance(std::chrono::seconds(1));
  held.retry_due();
  ASSERT_EQ(held.list().size(), 1u) << "the room that was given back is for bookkeeping";
  EXPECT_EQ(held.list().front().path, "/links/" + hash->hex());
  fs.set_capacity(1u << 20);
  clock.advance(std::chrono::seconds(10));
  held.retry_due();
  EXPECT_TRUE(held.list().empty());
  EXPECT_TRUE(*fs.exists("/links/" + hash->hex()));
}

class LinkStoreTest : public ::testing::Test {
 protected:
  FakeFileSystem fs;
  FakeClock clock;
  Quarantine quarantine{fs, "/quarantine", 1000};
  HeldFiles held{clock};
  DiskReserve reserve{fs, "/reserve", 0};
  LinkStore links{fs, "/links", quarantine, held, reserve};
};

TEST_F(LinkStoreTest, WhatASegmentTellsIsKnownThoughItsFileCannotBeWritten) {
  LinkDefinition named = link("named");
  named.named_by_trace = true;
  const std::string encoded = encode_link(link("of a segment"));
  fs.fail_names(hash_link(encoded).hex());
  links.learn(encoded);
  EXPECT_EQ(links.find(hash_link(encoded))->name, "of a segment");
  fs.fail_names(hash_link(encode_link(named)).hex());
  EXPECT_TRUE(links.remember(named)) << "the traces name it again after a restart";
  EXPECT_EQ(held.list().size(), 2u);
  fs.fail_names("");
  clock.advance(std::chrono::seconds(1));
  held.retry_due();
  EXPECT_TRUE(held.list().empty());
  EXPECT_TRUE(*fs.exists("/links/" + hash_link(encoded).hex()));
}

TEST_F(LinkStoreTest, WhatCannotBeRemovedIsKnownUntilItCan) {
  LinkDefinition named = link("named");
  named.named_by_trace = true;
  const auto hash = links.remember(named);
  ASSERT_TRUE(hash);
  fs.fail_names(hash->hex());
  EXPECT_FALSE(links.forget(*hash));
  EXPECT_TRUE(links.find(*hash));
  fs.fail_names("");
  EXPECT_TRUE(links.forget(*hash));
  EXPECT_FALSE(*fs.exists("/links/" + hash->hex()));
}

TEST_F(LinkStoreTest, WhatIsForgottenIsNotWrittenLater) {
  fs.set_capacity(0);
  LinkDefinition named = link("named");
  named.named_by_trace = true;
  const auto hash = links.remember(named);
  ASSERT_TRUE(hash);
  fs.set_capacity(1u << 20);
  ASSERT_TRUE(links.forget(*hash));
  clock.advance(std::chrono::seconds(10));
  held.retry_due();
  EXPECT_FALSE(*fs.exists("/links/" + hash->hex()));
}

}  // namespace
}  // namespace tracelink
