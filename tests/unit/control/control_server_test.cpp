#include "daemon/control/control_server.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_directory.hpp"

namespace tracelink {
namespace {

class ControlServerTest : public testing::Test {
 protected:
  Result<std::unique_ptr<ControlServer>> open() {
    return ControlServer::open(io_, path(),
                               [](const ControlRequest&) { return [] { return ControlReply{}; }; });
  }
  std::string path() const { return directory_.file("control.sock"); }

 private:
  TempDirectory directory_;
  boost::asio::io_context io_;
};

TEST_F(ControlServerTest, ASecondOneLeavesTheSocketToTheFirst) {
  auto first = open();
  ASSERT_TRUE(first) << first.error().message;
  {
    const auto second = open();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::rejected);
    EXPECT_TRUE(second.error().message.starts_with("control.socket: ")) << second.error().message;
    EXPECT_NE(second.error().message.find("pid " + std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_socket(path()));
  (*first)->stop();
  EXPECT_FALSE(std::filesystem::exists(path()));
  const auto third = open();
  EXPECT_TRUE(third) << third.error().message;
}

TEST_F(ControlServerTest, AFileThatIsNoSocketStays) {
  std::ofstream(path()) << "precious";
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid);
  EXPECT_TRUE(std::filesystem::is_regular_file(path()));
}

}  // namespace
}  // namespace tracelink
