#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.hpp"
#include "daemon/http/http_client.hpp"

namespace tracelink {

// The experiments and logged models of an MLflow server, in memory, with the behaviour measured on
// real ones: names are not unique, some are refused, params are insert-only, what is deleted is not
// found. Put it behind a FakeHttpClient. Threads: one.
class FakeMlflow {
 public:
  using Values = std::map<std::string, std::string>;

  struct Model {
    std::string id, experiment_id, name, type, source_run_id;
    std::string status = "LOGGED_MODEL_PENDING";
    std::int64_t created_ms = 0;
    Values tags{}, params{};
    bool deleted = false;
  };
  struct Experiment {
    std::string name;
    bool deleted = false;
  };

  explicit FakeMlflow(const Clock& clock) : clock_(clock) {}

  HttpResponse answer(const HttpRequest& request);
  static HttpResponse error(int status, std::string_view code, std::string_view message);

  std::map<std::string, Experiment> experiments = {{"0", {"Default"}}};
  std::vector<Model> models;               // in order of creation
  std::vector<std::string> linked_models;  // ids that traces have
  std::size_t page_size = 50;              // of searches, if smaller than asked
  std::vector<std::string> calls;          // "PATCH logged-models/*/tags"
  // How long before a model becomes visible its timestamp is taken.
  std::function<std::chrono::milliseconds()> commit_time = [] {
    return std::chrono::milliseconds(0);
  };

  // What happens just before a call is done, and which are answered otherwise.
  std::function<void(const std::string& call)> before = [](const std::string&) {};
  std::function<std::optional<HttpResponse>(const std::string& call)> refuse =
      [](const std::string&) { return std::nullopt; };

  // A model that another client made.
  std::string add(std::string name, const std::string& status, std::string experiment_id = "0");
  Model& model(const std::string& id);  // precondition: it exists
  std::vector<std::string> ids_with(const std::string& status) const;
  std::size_t count(const std::string& call) const;

 private:
  Model& insert(Model model);

  const Clock& clock_;
};

}  // namespace tracelink
