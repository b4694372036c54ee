#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <sysexits.h>

namespace tracelink {
namespace {

// "Section.Name" -> value.
std::map<std::string, std::string> unit(const std::string& name) {
  std::ifstream file(std::string(TRACELINK_UNITS) + "/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  std::map<std::string, std::string> settings;
  std::string section;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    if (line.front() == '[') {
      section = line.substr(1, line.find(']') - 1);
    } else {
      settings[section + "." + line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return settings;
}

TEST(Units, NothingClosesTheSocketWhileTheServiceRestarts) {
  const auto service = unit("tracelinkd.service");
  const auto socket = unit("tracelinkd.socket");
  EXPECT_EQ(service.at("Unit.StartLimitIntervalSec"), "0");
  EXPECT_EQ(socket.at("Socket.TriggerLimitIntervalSec"), "0");
  EXPECT_EQ(service.at("Service.RuntimeDirectoryPreserve"), "yes");
  EXPECT_EQ(service.at("Service.Restart"), "always");
  EXPECT_EQ(service.at("Unit.Requires"), "tracelinkd.socket");
}

TEST(Units, TheServiceIsBackBeforeClientsGiveUp) {
  const auto service = unit("tracelinkd.service");
  const std::string stop = service.at("Service.TimeoutStopSec");
  const std::string pause = service.at("Service.RestartSec");
  ASSERT_TRUE(stop.ends_with("s") && !stop.ends_with("ms")) << stop;
  ASSERT_TRUE(pause.ends_with("ms")) << pause;
  EXPECT_LE(std::stoi(stop) * 1000 + std::stoi(pause), 6000) << "2 s are left for the start";
}

TEST(Units, AConfigurationThatCannotWorkIsNotTriedAgainAtOnce) {
  const auto service = unit("tracelinkd.service");
  EXPECT_EQ(service.at("Service.RestartPreventExitStatus"), std::to_string(EX_CONFIG));
  EXPECT_NE(service.at("Service.ExecStopPost").find("!= 78 ] || exec sleep 4"), std::string::npos);
}

TEST(Units, AgreeOnUserAndPlaces) {
  const auto service = unit("tracelinkd.service");
  const auto socket = unit("tracelinkd.socket");
  EXPECT_EQ(service.at("Service.User"), "tracelink");
  EXPECT_EQ(socket.at("Socket.SocketGroup"), service.at("Service.Group"));
  EXPECT_EQ(socket.at("Socket.SocketMode"), "0660");
  EXPECT_EQ(socket.at("Socket.ListenStream"),
            "/run/" + service.at("Service.RuntimeDirectory") + "/tracelink.sock");
  EXPECT_EQ(service.at("Service.StateDirectory"), "tracelink");
}

}  // namespace
}  // namespace tracelink
