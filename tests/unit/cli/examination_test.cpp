#include "daemon/cli/examination.hpp"

#include <gtest/gtest.h>

namespace tracelink::cli {
namespace {

using State = Finding::State;

TEST(RemedyOfNoAnswer, TellsTheCausesApart) {
  const auto remedy = [](const char* message, const char* proxy = "") {
    return remedy_of_no_answer(message, "http://h:5000", proxy);
  };
  EXPECT_NE(remedy("Could not resolve host: h").find("correct the host"), std::string::npos);
  EXPECT_NE(remedy("SSL certificate problem").find("tracking.ca_file"), std::string::npos);
  EXPECT_NE(remedy("ssl3_get_record:wrong version number").find("http://"), std::string::npos);
  EXPECT_NE(remedy("Failed to connect to h port 5000").find("start the server at http://h:5000"),
            std::string::npos);
  EXPECT_NE(remedy("Connection refused", "https_proxy").find("https_proxy"), std::string::npos);
  EXPECT_NE(remedy("CONNECT tunnel failed, response 407", "https_proxy").find("https_proxy"),
            std::string::npos);
  EXPECT_NE(remedy("SSL certificate problem: certificate has expired", "https_proxy").find("renew"),
            std::string::npos)
      << "the proxy let it through";
  EXPECT_NE(remedy("SSL: no alternative certificate subject name matches target host name 'h'")
                .find("names other hosts"),
            std::string::npos);
  EXPECT_NE(remedy("certificate is not yet valid").find("clock"), std::string::npos);
  EXPECT_NE(remedy("Received HTTP/0.9 when not allowed").find("https://"), std::string::npos);
  EXPECT_NE(remedy("Empty reply from server").find("https://"), std::string::npos);
  EXPECT_NE(remedy("Recv failure: Connection reset by peer").find("https://"), std::string::npos);
}

TEST(ClockFinding, BearsHalfAMinute) {
  using std::chrono::seconds;
  EXPECT_EQ(clock_finding(seconds(-2)).message, "the server's clock is 2 s behind this machine's");
  EXPECT_EQ(clock_finding(seconds(30)).state, State::ok);
  EXPECT_EQ(clock_finding(seconds(31)).state, State::warning);
  EXPECT_EQ(clock_finding(seconds(-31)).state, State::warning);
  EXPECT_EQ(clock_finding(seconds(90)).message,
            "the server's clock is 90 s ahead of this machine's");
}

TEST(OriginOfCredentials, NamesTheKeyAndWhereItIsSet) {
  LoadedConfig loaded;
  loaded.file = "/etc/t.yaml";
  EXPECT_EQ(origin_of_credentials(loaded), "");
  loaded.config.tracking.username = "ada";
  loaded.origins["tracking.username"] = "default";
  EXPECT_EQ(origin_of_credentials(loaded), "tracking.username of tracking.uri");
  loaded.origins["tracking.username"] = "file:12";
  EXPECT_EQ(origin_of_credentials(loaded), "tracking.username of /etc/t.yaml:12");
  loaded.config.tracking.token = "secret";
  loaded.origins["tracking.token"] = "MLFLOW_TRACKING_TOKEN";
  EXPECT_EQ(origin_of_credentials(loaded), "tracking.token of MLFLOW_TRACKING_TOKEN");
}

}  // namespace
}  // namespace tracelink::cli
