#include "daemon/mlflow/registration/model_store.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_file_system.hpp"

namespace tracelink {
namespace {

using Names = std::vector<std::string>;

const LinkHash kLink = *LinkHash::from_bytes("0123456789abcdef");
constexpr char kFile[] = "/state/models/30313233343536373839616263646566.json";
constexpr char kGolden[] =
    "{\"format\":1,\"instance\":\"i\",\"model_id\":\"m-1\",\"name\":\"agent\","
    "\"experiment_id\":\"12\",\"experiment_name\":\"/Shared/a\"}\n";
const StoredRegistration kRegistration{"i", "m-1", "agent", "12", "/Shared/a"};

struct ModelStoreTest : testing::Test {
  FakeFileSystem fs;
  ModelStore store{fs, "/state/models"};

  ModelStore::Loaded load() {
    auto loaded = store.load();
    EXPECT_TRUE(loaded);
    return loaded ? *std::move(loaded) : ModelStore::Loaded{};
  }
};

TEST_F(ModelStoreTest, TheFormatIsPinned) {
  ASSERT_TRUE(store.save(kLink, kRegistration));
  EXPECT_EQ(fs.content(kFile), kGolden);
}

TEST_F(ModelStoreTest, AnEmptyPlaceHoldsNothing) {
  EXPECT_TRUE(load().registrations.empty());
  EXPECT_EQ(load().damaged, Names{});
}

TEST_F(ModelStoreTest, WhatIsSavedSurvivesAPowerCut) {
  ASSERT_TRUE(store.save(kLink, kRegistration));
  fs.crash();
  EXPECT_EQ(load().registrations.at(kLink), kRegistration);
}

TEST_F(ModelStoreTest, ASaveReplacesTheOld) {
  ASSERT_TRUE(store.save(kLink, {"i", "", "", "", ""}));
  ASSERT_TRUE(store.save(kLink, kRegistration));
  EXPECT_EQ(load().registrations.at(kLink), kRegistration);
}

TEST_F(ModelStoreTest, ASaveThatFailsAnywhereLeavesTheOldOrTheNew) {
  const StoredRegistration old{"i", "", "", "", ""};
  for (std::uint64_t n = 0;; ++n) {
    FakeFileSystem disk;
    ModelStore place(disk, "/state/models");
    ASSERT_TRUE(place.save(kLink, old));
    disk.lose_power_at(n);
    const bool saved = place.save(kLink, kRegistration).has_value();
    const bool fired = disk.fired();
    disk.crash(FakeFileSystem::Crash::keep_some, static_cast<std::uint32_t>(n));
    const auto loaded = place.load();
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->damaged, Names{});
    const StoredRegistration& found = loaded->registrations.at(kLink);
    EXPECT_TRUE(found == kRegistration || (!saved && found == old)) << n;
    if (!fired) return;
  }
}

TEST_F(ModelStoreTest, ADamagedFileIsSetAsideAndTheRestIsUsed) {
  const LinkHash other = *LinkHash::from_bytes("fedcba9876543210");
  ASSERT_TRUE(store.save(other, kRegistration));
  for (const char* damage : {"", "{", "{}", "[1]", "{\"format\":2}", "\xff\xfe"}) {
    fs.set_content(kFile, damage);
    const auto loaded = load();
    EXPECT_EQ(loaded.damaged, Names{"30313233343536373839616263646566.json"}) << damage;
    EXPECT_EQ(loaded.registrations.size(), 1u);
    EXPECT_EQ(fs.content(std::string(kFile) + ".damaged"), damage);
    EXPECT_EQ(load().damaged, Names{});
  }
}

TEST_F(ModelStoreTest, ForeignFilesAreLeftAlone) {
  for (const char* name : {"notes.txt", "30.json", "3031323334353637383961626364656g.json",
                           "30313233343536373839616263646566.json.tmp", ".json"}) {
    fs.set_content(std::string("/state/models/") + name, "x");
  }
  EXPECT_TRUE(load().registrations.empty());
  EXPECT_EQ(load().damaged, Names{});
}

TEST_F(ModelStoreTest, AFileOfALaterVersionMayHoldMore) {
  fs.set_content(kFile, R"({"format":1,"model_id":"m-1","more":{}})");
  EXPECT_EQ(load().registrations.at(kLink).model_id, "m-1");
}

}  // namespace
}  // namespace tracelink
