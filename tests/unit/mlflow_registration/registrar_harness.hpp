#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/mlflow/registration/registration.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_file_system.hpp"
#include "tests/support/fake_http_client.hpp"
#include "tests/support/fake_mlflow.hpp"
#include "tests/support/fake_random_source.hpp"

namespace tracelink {

inline LinkHash link_hash(char fill = 'L') {
  return *LinkHash::from_bytes(std::string(sizeof(LinkHash::bytes), fill));
}

// One daemon's registrar with its disk, before a server that it may share with others. A crash
// keeps the disk.
class Replica {
 public:
  Replica(FakeMlflow& mlflow, FakeClock& clock, std::uint64_t seed = 1)
      : mlflow_(mlflow), clock_(clock), random_(seed) {
    start();
  }

  LinkDefinition link{.id = "",
                      .name = "agent",
                      .version = "v1",
                      .name_policy = NamePolicy::automatic,
                      .type = "",
                      .source_run_id = "",
                      .params = {},
                      .tags = {},
                      .experiment = {}};
  Registrar::Options options{.directory = "/state/models"};
  TracesInTables traces_in_tables = TracesInTables::of_no_experiment;
  FakeFileSystem fs;

  // Reads the disk, as a new process does.
  void start() {
    process_ = std::make_unique<Process>(*this);
    const auto damaged_files = registrar().load();
    ASSERT_TRUE(damaged_files) << damaged_files.error().message;
    damaged = *damaged_files;
  }
  // The process is killed between two of its steps, or the power is gone.
  void crash() {
    process_.reset();
    fs.crash();
    start();
  }

  Registrar& registrar() { return process_->registrar; }
  FakeHttpClient& http() { return process_->http; }

  void want() { registrar().want(link_hash(), link); }
  RegistrationStatus status() { return *registrar().status(link_hash()); }
  // Of the model that traces may be sent to; empty: none yet.
  std::string ready_id() {
    const auto* model = registrar().ready(link_hash());
    return model == nullptr ? "" : model->model_id;
  }

  // Half a request, if one is under way or due; whether there was.
  bool step() {
    registrar().advance();
    if (http().idle()) return false;
    http().step();
    ++steps;
    return true;
  }
  // Lets time pass until something is due.
  void wait() {
    const auto due = registrar().next_due();
    if (due && *due > clock_.steady()) clock_.advance(*due - clock_.steady());
  }
  // Until the model is ready and verified, or the last attempt has failed.
  void run() {
    want();
    const auto is_over = [this] { return status().verified || status().failure; };
    run_until(is_over);
  }
  void run_until_ready() {
    want();
    run_until([this] { return status().verified; });
  }
  template <class Condition>
  void run_until(const Condition& condition) {
    for (int i = 0; !condition(); ++i) {
      ASSERT_LT(i, 5'000) << "never ends; last failure: "
                          << (status().failure ? status().failure->message : "none");
      if (!step()) wait();
    }
  }

  std::vector<std::string> damaged;
  int steps = 0;

 private:
  struct Process {
    explicit Process(Replica& replica)
        : http([&replica](const HttpRequest& request) { return replica.mlflow_.answer(request); }),
          client({.uri = "http://host:5000",
                  .credentials = {},
                  .read_credentials = {},
                  .workspace = "",
                  .user_agent = "test",
                  .traces_in_tables = replica.traces_in_tables},
                 http),
          registrar(replica.options, client, replica.fs, replica.clock_, replica.random_) {}
    FakeHttpClient http;
    TrackingClient client;
    Registrar registrar;
  };

  FakeMlflow& mlflow_;
  FakeClock& clock_;
  FakeRandomSource random_;
  std::unique_ptr<Process> process_;
};

struct RegistrarHarness {
  using Ids = std::vector<std::string>;
  using Values = FakeMlflow::Values;

  FakeClock clock;
  FakeMlflow mlflow{clock};
  Replica replica{mlflow, clock};

  // Time between two events of the test.
  void pass(std::chrono::milliseconds time = std::chrono::seconds(10)) { clock.advance(time); }
};

}  // namespace tracelink
