#include "daemon/mlflow/rest/tracking_client.hpp"

#include <utility>

#include "daemon/mlflow/rest/answer_text.hpp"
#include "daemon/mlflow/rest/rest_answers.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/percent.hpp"
#include "daemon/text/secret.hpp"

namespace tracelink {

TrackingClient::TrackingClient(TrackingOptions options, HttpClient& http)
    : options_(std::move(options)), http_(http) {}

void TrackingClient::move_to(std::string uri, Credentials credentials) {
  options_.uri = std::move(uri);
  options_.credentials = std::move(credentials);
  refused_ = false;
  spans_at_root_ = false;
  ++connections_;
}

void TrackingClient::set_capabilities(const Capabilities& capabilities) {
  capabilities_ = capabilities;
}

std::vector<std::pair<std::string, std::string>> TrackingClient::common_headers() const {
  std::vector<std::pair<std::string, std::string>> headers = {{"User-Agent", options_.user_agent}};
  const Credentials& credentials = options_.credentials;
  if (!credentials.username.empty()) {
    const std::string basic = base64(credentials.username + ":" + credentials.password);
    headers.emplace_back("Authorization", "Basic " + basic);
  } else if (!credentials.token.empty()) {
    headers.emplace_back("Authorization", "Bearer " + credentials.token);
  }
  if (!options_.workspace.empty()) {
    headers.emplace_back("X-MLFLOW-WORKSPACE", options_.workspace);
  }
  return headers;
}

HttpRequest TrackingClient::request(std::string method, const std::string& path, std::string body) {
  if (refused_) read_credentials_again();
  HttpRequest request;
  request.method = std::move(method);
  request.url = options_.uri + path;
  request.headers = common_headers();
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  request.timeout = options_.timeout;
  return request;
}

void TrackingClient::send(HttpRequest request, Read read) {
  const bool needs_none = request.url.ends_with("/version");  // on most servers
  http_.send(std::move(request),
             [this, needs_none, read = std::move(read)](Result<HttpResponse> answer) {
               if (answer && answer->status != 200) hide_secrets(answer->body);
               if (answer && answer->new_connection) ++connections_;
               if (answer && (answer->status == 401 || answer->status == 403)) {
                 refused_ = true;
               } else if (answer && !needs_none) {
                 refused_ = false;
               }
               read(answer);
             });
}

void TrackingClient::hide_secrets(std::string& text) const {
  const Credentials& credentials = options_.credentials;
  hide_secret(text, credentials.token);
  hide_secret(text, credentials.password);
  if (credentials.username.empty()) return;
  hide_secret(text, base64(credentials.username + ":" + credentials.password));
}

// They may have been rotated.
void TrackingClient::read_credentials_again() {
  if (!options_.read_credentials) return;
  if (auto credentials = options_.read_credentials(options_.uri))
    options_.credentials = *std::move(credentials);
}

void TrackingClient::get_version(AnswerHandler<ServerVersion> handler) {
  if (options_.known_version) return handler(*options_.known_version);
  send(request("GET", "/version"),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         const bool is_web_page = answer && answer->status >= 400 && answer->status < 500 &&
                                  read_answer_text(*answer).html;
         const Failure refusal = classify(Operation::experiment, answer);
         if (is_web_page && refusal.failure_class == FailureClass::unknown) {
           return handler(not_mlflow(*answer, refusal.message));
         }
         if (!is_success(answer)) return handler(refusal);
         if (auto version = parse_server_version(answer->body)) return handler(*version);
         handler(not_mlflow(*answer, "GET /version answers with something else than a version"));
       });
}

void TrackingClient::get_experiment(const std::string& id, AnswerHandler<Experiment> handler) {
  const std::string path = "/api/2.0/mlflow/experiments/get?experiment_id=" + percent_encode(id);
  send(request("GET", path),
       [id, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         const auto read = [&id](const Json& json) {
           auto experiment = read_experiment(json);
           if (experiment && experiment->id != id) experiment.reset();
           return experiment;
         };
         handler(read_answer<Experiment>(Operation::experiment, answer, read));
       });
}

void TrackingClient::get_experiment_by_name(const std::string& name,
                                            AnswerHandler<std::optional<Experiment>> handler) {
  const std::string path =
      "/api/2.0/mlflow/experiments/get-by-name?experiment_name=" + percent_encode(name);
  send(request("GET", path),
       [name, handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (is_unknown_resource(answer)) return handler(std::optional<Experiment>());
         const auto read = [&name](const Json& json) {
           auto experiment = read_experiment(json);
           // Databases such as MySQL compare names without regard to case.
           if (experiment && !equal_ignoring_case(experiment->name, name)) experiment.reset();
           return experiment;
         };
         handler(optional_of(read_answer<Experiment>(Operation::experiment, answer, read)));
       });
}

void TrackingClient::create_experiment(const std::string& name,
                                       AnswerHandler<std::optional<std::string>> handler) {
  const Json body = {{"name", name}};
  send(request("POST", "/api/2.0/mlflow/experiments/create", to_text(body)),
       [handler = std::move(handler)](const Result<HttpResponse>& answer) {
         if (has_error_code(answer, "RESOURCE_ALREADY_EXISTS")) {
           return handler(std::optional<std::string>());
         }
         const auto read_id = [](const Json& json) -> std::optional<std::string> {
           std::string id = text_at(json, "experiment_id");
           if (id.empty()) return std::nullopt;
           return id;
         };
         handler(optional_of(read_answer<std::string>(Operation::experiment, answer, read_id)));
       });
}

}  // namespace tracelink
