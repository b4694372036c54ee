#include "daemon/databricks/oauth_messages.hpp"

#include <charconv>
#include <cstdint>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "daemon/text/ascii_case.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/control.hpp"
#include "daemon/text/json_text.hpp"
#include "daemon/text/percent.hpp"
#include "daemon/text/utf8.hpp"

namespace tracelink {
namespace {

using nlohmann::json;

constexpr std::size_t kMostErrorBytes = 300;
constexpr std::size_t kMaxOAuthValues = 10'000;

// application/x-www-form-urlencoded, in the order of the fields.
class Form {
 public:
  Form& add(const std::string& name, const std::string& value) {
    text_ += (text_.empty() ? "" : "&") + encoded(name) + "=" + encoded(value);
    return *this;
  }
  Form& add_if_set(const std::string& name, const std::string& value) {
    return value.empty() ? *this : add(name, value);
  }
  HttpRequest to(std::string url) {
    HttpRequest request;
    request.method = "POST";
    request.url = std::move(url);
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = std::move(text_);
    return request;
  }

 private:
  static std::string encoded(const std::string& text) {
    std::string result;
    for (const char c : text) result += c == ' ' ? "+" : percent_encode({&c, 1});
    return result;
  }
  std::string text_;
};

// Of a text, or of a number as some answers have it.
std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (found->is_number_integer()) return found->dump();
  return found->is_string() ? found->get<std::string>() : "";
}

// An object, or nothing; of few values, since they take far more memory than their bytes.
json object_of(const HttpResponse& answer) {
  if (json_extent(answer.body).values > kMaxOAuthValues) return json::object();
  json body = json::parse(answer.body, nullptr, false);
  return body.is_object() ? body : json(json::value_t::object);
}

// As a success says it.
json success_of(const HttpResponse& answer) {
  return answer.status == 200 ? object_of(answer) : json(json::value_t::object);
}

// Blanks and commas separate them; each once, in the order of the alphabet.
std::string scopes_of(const DatabricksValues& values) {
  std::set<std::string> scopes;
  std::string scope;
  for (const char c : values.scopes + " ") {
    if (c != ' ' && c != ',') {
      scope += c;
    } else if (!scope.empty()) {
      scopes.insert(std::exchange(scope, {}));
    }
  }
  std::string text;
  for (const std::string& each : scopes) text += (text.empty() ? "" : " ") + each;
  return text.empty() ? "all-apis" : text;
}

std::string first_of(const json& body, const char* name, const char* other) {
  const std::string text = text_at(body, name);
  return text.empty() ? text_at(body, other) : text;
}

// PUBLIC, USGOVERNMENT or CHINA. Older configurations write AzureChinaCloud.
std::string azure_cloud(const DatabricksWorkspace& workspace) {
  if (workspace.host.ends_with(".databricks.azure.us")) return "USGOVERNMENT";
  if (workspace.host.ends_with(".databricks.azure.cn")) return "CHINA";
  if (workspace.host.ends_with(".azuredatabricks.net")) return "PUBLIC";
  std::string name = upper_case(workspace.values.azure_environment);
  if (name.starts_with("AZURE")) name.erase(0, 5);
  if (name.ends_with("CLOUD")) name.resize(name.size() - 5);
  return name;
}

}  // namespace

HostMetadata read_host_metadata(const HttpResponse& answer) {
  const json body = success_of(answer);
  return {.oidc_endpoint = text_at(body, "oidc_endpoint"),
          .account_id = text_at(body, "account_id"),
          .workspace_id = text_at(body, "workspace_id")};
}

std::optional<std::string> read_token_endpoint(const HttpResponse& answer) {
  std::string endpoint = text_at(success_of(answer), "token_endpoint");
  if (endpoint.empty()) return std::nullopt;
  return endpoint;
}

std::optional<AccessToken> read_access_token(const HttpResponse& answer) {
  const json body = success_of(answer);
  AccessToken token{.type = text_at(body, "token_type"),
                    .text = text_at(body, "access_token"),
                    .lifetime = std::chrono::seconds(0)};
  if (token.type.empty()) token.type = "Bearer";
  const std::string lifetime = text_at(body, "expires_in");  // a text at Entra's older endpoint
  std::uint32_t seconds = 0;
  const auto parsed = std::from_chars(lifetime.data(), lifetime.data() + lifetime.size(), seconds);
  if (token.text.empty() || parsed.ec != std::errc()) return std::nullopt;
  token.lifetime = std::chrono::seconds(seconds);
  return token;
}

std::string read_token_error(const HttpResponse& answer) {
  const json body = object_of(answer);
  std::string code = first_of(body, "errorCode", "error");
  if (code.empty()) code = text_at(body, "error_code");
  std::string summary = first_of(body, "errorSummary", "error_description");
  if (summary.empty()) summary = text_at(body, "message");
  const std::string text = code.empty() || summary.empty() ? code + summary : code + ": " + summary;
  return one_line(cut_text(text, kMostErrorBytes));
}

std::optional<std::string> read_azure_tenant(const HttpResponse& answer) {
  if (answer.status / 100 != 3) return std::nullopt;
  const std::string_view location = answer.header("location").value_or("");
  const auto scheme = location.find("://");
  if (scheme == location.npos) return std::nullopt;
  const auto path = location.find('/', scheme + 3);
  if (path == location.npos) return std::nullopt;
  const std::string_view rest = location.substr(path + 1);
  std::string tenant(rest.substr(0, rest.find_first_of("/?#")));
  if (tenant.empty()) return std::nullopt;
  return tenant;
}

HttpRequest client_credentials_request(const DatabricksValues& values, std::string endpoint) {
  HttpRequest request = Form()
                            .add("grant_type", "client_credentials")
                            .add("scope", scopes_of(values))
                            .add_if_set("assume_group", values.group_id)
                            .to(std::move(endpoint));
  request.headers.emplace_back("Authorization",
                               "Basic " + base64(values.client_id + ":" + values.client_secret));
  return request;
}

HttpRequest token_exchange_request(const DatabricksValues& values, std::string endpoint,
                                   const std::string& id_token) {
  return Form()
      .add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
      .add("scope", scopes_of(values))
      .add("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
      .add("subject_token", id_token)
      .add_if_set("assume_group", values.group_id)
      .add_if_set("client_id", values.client_id)
      .to(std::move(endpoint));
}

AzureEndpoints azure_endpoints(const DatabricksWorkspace& workspace) {
  const std::string cloud = azure_cloud(workspace);
  if (cloud == "USGOVERNMENT") {
    return {.login = "https://login.microsoftonline.us/",
            .management = "https://management.core.usgovcloudapi.net/"};
  }
  if (cloud == "CHINA") {
    return {.login = "https://login.chinacloudapi.cn/",
            .management = "https://management.core.chinacloudapi.cn/"};
  }
  return {.login = "https://login.microsoftonline.com/",
          .management = "https://management.core.windows.net/"};
}

HttpRequest azure_token_request(const DatabricksWorkspace& workspace, const std::string& tenant,
                                const std::string& resource) {
  const DatabricksValues& values = workspace.values;
  return Form()
      .add("grant_type", "client_credentials")
      .add("scope", scopes_of(values))
      .add("resource", resource)
      .add("client_id", values.azure_client_id)
      .add("client_secret", values.azure_client_secret)
      .to(azure_endpoints(workspace).login + tenant + "/oauth2/token");
}

}  // namespace tracelink
