#include "daemon/databricks/settings/databricks_workspace.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <span>
#include <utility>

namespace tracelink {
namespace {

using Environment = std::map<std::string, std::string>;
using Member = std::string DatabricksValues::*;
using OriginOf = std::function<std::string(std::string_view)>;

struct Named {
  std::string_view name;
  Member member;
};

constexpr Named kToken{"token", &DatabricksValues::token};
constexpr Named kUsername{"username", &DatabricksValues::username};
constexpr Named kPassword{"password", &DatabricksValues::password};
constexpr Named kClientId{"client_id", &DatabricksValues::client_id};
constexpr Named kClientSecret{"client_secret", &DatabricksValues::client_secret};
constexpr Named kTokenEnv{"oidc_token_env", &DatabricksValues::oidc_token_env};
constexpr Named kTokenFile{"oidc_token_filepath", &DatabricksValues::oidc_token_filepath};
constexpr Named kResourceId{"azure_workspace_resource_id",
                            &DatabricksValues::azure_workspace_resource_id};
constexpr Named kAzureId{"azure_client_id", &DatabricksValues::azure_client_id};
constexpr Named kAzureSecret{"azure_client_secret", &DatabricksValues::azure_client_secret};
constexpr Named kAzureTenant{"azure_tenant_id", &DatabricksValues::azure_tenant_id};

// What a value is a credential of; two of these at once are a contradiction.
enum class Kind { pat, basic, oauth, env_oidc, file_oidc, azure };
struct Credential {
  Kind kind;
  std::string_view kind_name;
  Named value;
};
constexpr Credential kCredentials[] = {
    {Kind::pat, "pat", kToken},
    {Kind::basic, "basic", kUsername},
    {Kind::basic, "basic", kPassword},
    {Kind::oauth, "oauth", kClientSecret},
    {Kind::oauth, "oauth", kClientId},
    {Kind::env_oidc, "env-oidc", kTokenEnv},
    {Kind::file_oidc, "file-oidc", kTokenFile},
    {Kind::azure, "azure", kAzureSecret},
    {Kind::azure, "azure", kAzureId},
    {Kind::azure, "azure", kAzureTenant},
    {Kind::azure, "azure", kResourceId},
};

// In the order in which they are tried; the last of `needs` is the one that is shown to people.
struct Method {
  DatabricksAuth auth;
  std::string_view name;
  std::array<Named, 2> needs;
  std::size_t count;
  bool takes_group;
  std::span<const Named> values() const { return {needs.data(), count}; }
};
constexpr Method kMethods[] = {
    {DatabricksAuth::pat, "pat", {kToken}, 1, false},
    {DatabricksAuth::basic, "basic", {kUsername, kPassword}, 2, false},
    {DatabricksAuth::oauth_m2m, "oauth-m2m", {kClientId, kClientSecret}, 2, true},
    {DatabricksAuth::env_oidc, "env-oidc", {}, 0, true},
    {DatabricksAuth::file_oidc, "file-oidc", {kTokenFile}, 1, true},
    {DatabricksAuth::azure_client_secret,
     "azure-client-secret",
     {kAzureId, kAzureSecret},
     2,
     false},
};

const Method& method_of(DatabricksAuth auth) {
  return *std::ranges::find(kMethods, auth, &Method::auth);
}

std::string token_variable(const DatabricksValues& values) {
  return values.oidc_token_env.empty() ? "DATABRICKS_OIDC_TOKEN" : values.oidc_token_env;
}

std::string text_of(const Environment& environment, const std::string& variable) {
  const auto found = environment.find(variable);
  return found == environment.end() ? "" : found->second;
}

std::string methods_text() {
  std::string text;
  for (const Method& method : kMethods)
    text += (text.empty() ? "" : ", ") + std::string(method.name);
  return text;
}

class Resolver {
 public:
  Resolver(const DatabricksValues& values, const Environment& environment, const OriginOf& origin)
      : values_(values), environment_(environment), origin_(origin) {
    workspace_.values = values;
  }

  DatabricksResolution resolve() {
    resolve_host();
    resolve_auth();
    if (problems_.empty()) return {std::move(workspace_), {}};
    return {std::nullopt, std::move(problems_)};
  }

 private:
  void fail(std::string_view name, std::string message) {
    problems_.push_back({std::string(name), std::move(message)});
  }
  bool is_set(const Named& value) const { return !(values_.*value.member).empty(); }
  // "databricks.token (DATABRICKS_TOKEN)"
  std::string shown(std::string_view name) const {
    return "databricks." + std::string(name) + " (" + origin_(name) + ")";
  }

  void resolve_host();
  void resolve_auth();
  const Credential* other_kind() const;
  bool belongs_to_federation(const Credential& credential) const;
  void use(const Method& method);
  void use_named();
  void explain_missing();
  bool is_complete(const Method& method) const;
  std::string missing_of(const Method& method) const;

  const DatabricksValues& values_;
  const Environment& environment_;
  const OriginOf& origin_;
  DatabricksWorkspace workspace_;
  std::vector<DatabricksProblem> problems_;
};

void Resolver::resolve_host() {
  std::string_view host = values_.host;
  if (host.empty()) {
    return fail("host", is_set(kResourceId)
                            ? "the workspace's address is not looked up by its resource id; set "
                              "databricks.host (DATABRICKS_HOST) too"
                            : "no workspace: set databricks.host, DATABRICKS_HOST, or host in the "
                              "profile, such as https://dbc-a1b2345c-d6e7.cloud.databricks.com");
  }
  const auto scheme_end = host.find("://");
  const std::string scheme(scheme_end == host.npos ? "https" : host.substr(0, scheme_end));
  if (scheme_end != host.npos) host.remove_prefix(scheme_end + 3);
  const auto end = std::min(host.find_first_of("/?#"), host.size());
  const std::string_view rest = host.substr(end);
  std::string_view authority = host.substr(0, end);
  if (scheme != "https" && scheme != "http") {
    return fail("host", "a workspace is at https://, found " + scheme + "://");
  }
  if (authority.empty() || authority.find_first_of("@ \t") != authority.npos) {
    return fail("host", "allowed: https://HOST of the workspace, without a user or blanks");
  }
  const std::string_view path = rest.substr(0, rest.find_first_of("?#"));
  if (path.find_first_not_of('/') != path.npos) {
    return fail("host", "a workspace has no path; write only https://" + std::string(authority));
  }
  if (authority.ends_with(":443")) authority.remove_suffix(4);
  if (authority.starts_with("accounts.") || authority.starts_with("accounts-dod.")) {
    return fail("host", "that is the account console; set the address of a workspace");
  }
  workspace_.host = scheme + "://" + std::string(authority);
}

// A client id without a secret names the service principal that a federated token stands for.
bool Resolver::belongs_to_federation(const Credential& credential) const {
  return credential.kind == Kind::oauth && !is_set(kClientSecret) &&
         (is_set(kTokenEnv) || is_set(kTokenFile));
}

// The credential that contradicts the first one; nullptr if all are of one kind.
const Credential* Resolver::other_kind() const {
  const Credential* first = nullptr;
  for (const Credential& credential : kCredentials) {
    if (!is_set(credential.value) || belongs_to_federation(credential)) continue;
    if (first == nullptr) first = &credential;
    if (credential.kind != first->kind) return &credential;
  }
  return nullptr;
}

bool Resolver::is_complete(const Method& method) const {
  if (method.auth == DatabricksAuth::env_oidc) {
    return !text_of(environment_, token_variable(values_)).empty();
  }
  return std::ranges::all_of(method.values(), [&](const Named& value) { return is_set(value); });
}

// The keys that a method needs and does not have.
std::string Resolver::missing_of(const Method& method) const {
  if (method.auth == DatabricksAuth::env_oidc) {
    return "the variable " + token_variable(values_) + ", which holds the token";
  }
  std::string text;
  for (const Named& value : method.values()) {
    if (is_set(value)) continue;
    text += (text.empty() ? "databricks." : " and databricks.") + std::string(value.name);
  }
  return text;
}

void Resolver::use(const Method& method) {
  if (!values_.group_id.empty() && !method.takes_group) {
    return fail("group_id", "auth type " + std::string(method.name) +
                                " cannot assume a group; use OAuth, or remove group_id");
  }
  workspace_.auth = method.auth;
  if (method.auth == DatabricksAuth::env_oidc) {
    workspace_.id_token = text_of(environment_, token_variable(values_));
    workspace_.credential = "the variable " + token_variable(values_);
  } else {
    workspace_.credential = shown(method.values().back().name);
  }
}

void Resolver::use_named() {
  const auto method = std::ranges::find(kMethods, values_.auth_type, &Method::name);
  if (method == std::end(kMethods)) {
    return fail("auth_type", "found " + values_.auth_type + ", allowed: " + methods_text());
  }
  if (!is_complete(*method)) {
    return fail("auth_type", values_.auth_type + " needs " + missing_of(*method));
  }
  use(*method);
}

void Resolver::resolve_auth() {
  if (!values_.auth_type.empty()) return use_named();
  if (const Credential* other = other_kind()) {
    const auto first = std::ranges::find_if(kCredentials, [&](const Credential& credential) {
      return is_set(credential.value) && !belongs_to_federation(credential);
    });
    return fail(other->value.name,
                "two kinds of credential: " + shown(first->value.name) + " is " +
                    std::string(first->kind_name) + ", " + shown(other->value.name) + " is " +
                    std::string(other->kind_name) +
                    "; remove one, or choose by databricks.auth_type (DATABRICKS_AUTH_TYPE)");
  }
  const auto method = std::ranges::find_if(kMethods, [&](const Method& candidate) {
    return is_complete(candidate) && (values_.group_id.empty() || candidate.takes_group);
  });
  if (method != std::end(kMethods)) return use(*method);
  explain_missing();
}

// What there is of a credential, and what it lacks.
void Resolver::explain_missing() {
  for (const Method& method : kMethods) {
    if (is_complete(method) && method.auth != DatabricksAuth::env_oidc) return use(method);
    for (const Named& value : method.values()) {
      if (!is_set(value)) continue;
      return fail(value.name, shown(value.name) + " alone is no credential: set " +
                                  missing_of(method) + " too");
    }
  }
  if (is_set(kTokenEnv)) {
    return fail(kTokenEnv.name, "the variable " + values_.oidc_token_env + " is not set or empty");
  }
  fail("token",
       "no credential: set databricks.token (DATABRICKS_TOKEN), or databricks.client_id and "
       "databricks.client_secret (DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET), or name a "
       "profile: tracking.uri: databricks://PROFILE");
}

}  // namespace

std::string_view to_string(DatabricksAuth auth) { return method_of(auth).name; }

DatabricksResolution resolve_workspace(const DatabricksValues& values,
                                       const Environment& environment, const OriginOf& origin_of) {
  return Resolver(values, environment, origin_of).resolve();
}

bool needs_profile(const DatabricksValues& values) {
  if (!values.profile.empty()) return true;
  const bool has_credential = std::ranges::any_of(kCredentials, [&](const Credential& credential) {
    return !(values.*credential.value.member).empty();
  });
  return values.host.empty() && !has_credential;
}

}  // namespace tracelink
