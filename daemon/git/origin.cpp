#include "daemon/git/origin.hpp"

#include <array>

#include "daemon/git/repository_url.hpp"

namespace tracelink {
namespace {

using Environment = std::map<std::string, std::string>;

std::string variable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(std::string(name));
  return found == environment.end() ? "" : found->second;
}

// The first one that is set.
std::string first_of(const Environment& environment, std::string_view first,
                     std::string_view second) {
  std::string value = variable(environment, first);
  return value.empty() ? variable(environment, second) : value;
}

std::string github_job(const Environment& environment) {
  const std::string server = variable(environment, "GITHUB_SERVER_URL");
  const std::string repository = variable(environment, "GITHUB_REPOSITORY");
  const std::string run = variable(environment, "GITHUB_RUN_ID");
  if (server.empty() || repository.empty() || run.empty()) return "";
  return without_credentials(server + "/" + repository) + "/actions/runs/" + run;
}

std::string azure_job(const Environment& environment) {
  const std::string collection = variable(environment, "SYSTEM_COLLECTIONURI");
  const std::string project = variable(environment, "SYSTEM_TEAMPROJECT");
  const std::string build = variable(environment, "BUILD_BUILDID");
  if (collection.empty() || project.empty() || build.empty()) return "";
  return without_credentials(collection + project) + "/_build/results?buildId=" + build;
}

template <const char* Name>
std::string address_in(const Environment& environment) {
  return without_credentials(variable(environment, Name));
}
constexpr char kGitlabJob[] = "CI_JOB_URL";
constexpr char kBuildkiteJob[] = "BUILDKITE_BUILD_URL";
constexpr char kCircleJob[] = "CIRCLE_BUILD_URL";
constexpr char kJenkinsJob[] = "BUILD_URL";

struct CiSystem {
  std::string (*job)(const Environment&);
  std::string_view actor, other_actor;
};
// Jenkins last: other systems may set a BUILD_URL too.
constexpr std::array<CiSystem, 6> kSystems{
    {{github_job, "GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"},
     {address_in<kGitlabJob>, "GITLAB_USER_LOGIN", "GITLAB_USER_NAME"},
     {azure_job, "BUILD_REQUESTEDFOR", "BUILD_QUEUEDBY"},
     {address_in<kBuildkiteJob>, "BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_CREATOR_EMAIL"},
     {address_in<kCircleJob>, "CIRCLE_USERNAME", "CIRCLE_PROJECT_USERNAME"},
     {address_in<kJenkinsJob>, "BUILD_USER_ID", "BUILD_USER"}}};

// "0::/system.slice/tracelinkd.service"
std::string unit_in(std::string_view cgroup) {
  constexpr std::string_view kService = ".service";
  const std::string_view line = cgroup.substr(0, cgroup.find('\n'));
  const auto slash = line.rfind('/');
  if (slash == std::string_view::npos || !line.ends_with(kService)) return "";
  return std::string(line.substr(slash + 1));
}

// Kubernetes, Podman and systemd-nspawn say that this is a container; its name is that of its host.
std::string container(const Environment& environment) {
  const std::string sign = first_of(environment, "KUBERNETES_SERVICE_HOST", "container");
  return sign.empty() ? "" : variable(environment, "HOSTNAME");
}

}  // namespace

Origin origin_in(const std::map<std::string, std::string>& environment, std::string_view cgroup) {
  for (const CiSystem& system : kSystems) {
    const std::string job = system.job(environment);
    if (job.empty()) continue;
    return {first_of(environment, system.actor, system.other_actor), job, true};
  }
  const std::string unit = unit_in(cgroup);
  return {first_of(environment, "USER", "LOGNAME"), unit.empty() ? container(environment) : unit,
          false};
}

}  // namespace tracelink
