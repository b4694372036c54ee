#include "config/load.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <tuple>
#include <utility>

#include <unistd.h>

#include "config/checks.hpp"
#include "config/databricks.hpp"
#include "config/environment_source.hpp"
#include "config/file_content.hpp"
#include "config/key_table.hpp"
#include "config/merge.hpp"
#include "config/value.hpp"
#include "config/yaml_source.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

constexpr std::size_t kMostFileBytes = 16u << 20;  // more than a person writes

// What TRACELINK_CONFIG names; empty: nothing.
std::string file_of_variable(const LoadContext& context) {
  const auto variable = context.environment.find("TRACELINK_CONFIG");
  if (variable == context.environment.end()) return "";
  return std::string(without_blank_ends(variable->second));
}

// Empty: no file.
std::string file_to_read(const LoadContext& context) {
  if (context.config_flag) return *context.config_flag;
  if (std::string named = file_of_variable(context); !named.empty()) return named;
  std::error_code unreadable;  // then it is there, and reading it tells why it cannot be used
  const bool there = std::filesystem::exists(context.default_file, unreadable);
  return there || unreadable ? context.default_file : "";
}

// Nothing, after saying why: what the file sets is not known.
std::optional<Settings> read_file(const std::string& file, const LoadContext& context,
                                  std::vector<ConfigProblem>& errors,
                                  std::vector<ConfigProblem>& warnings) {
  if (file.empty()) return Settings{};
  const auto content = file_content(file, kMostFileBytes);
  if (!content) {
    errors.push_back(
        {file, 0, 0, "",
         content.error().message + "; --config, then TRACELINK_CONFIG, name the file"});
    return std::nullopt;
  }
  return read_yaml(*content, file, context.environment, errors, warnings);
}

void cut_blanks_of(Settings& source) {
  for (Setting& setting : source) {
    const Key& key = *find_key(setting.key);
    if (auto* text = std::get_if<std::string>(&setting.value)) *text = cut_blanks(key, *text);
    if (auto* list = std::get_if<std::vector<std::string>>(&setting.value)) {
      for (std::string& item : *list) item = cut_blanks(key, item);
    }
  }
}

// Checks every value, also those that a stronger source overrides: a mistake stays one. Removes the
// wrong ones.
void check_values(Settings& source, std::vector<ConfigProblem>& errors) {
  Config scratch;
  std::erase_if(source, [&](const Setting& setting) {
    const auto wrong = assign(*find_key(setting.key), setting, scratch);
    if (wrong) errors.push_back(setting.place.problem(setting.key, *wrong));
    return wrong.has_value();
  });
}

void check(Settings& source, std::vector<ConfigProblem>& errors) {
  cut_blanks_of(source);
  check_values(source, errors);
  check_identities(source, errors);
}

std::string origin_of(const Setting& setting) {
  return setting.place.line > 0 ? "file:" + std::to_string(setting.place.line)
                                : setting.place.source;
}

void apply(Draft& draft) {
  LoadedConfig& loaded = draft.loaded;
  for (const Key& key : key_table()) loaded.origins[std::string(key.path)] = "default";
  for (const auto& [path, setting] : draft.settings) {
    const Key& key = *find_key(path);
    if (assign(key, setting, loaded.config)) std::abort();  // check_values() removed those
    loaded.origins[path] = origin_of(setting);
    if (setting.from_file_expansion) loaded.secrets.insert(path);
  }
}

// What the file sets in vain.
void note_overridden(const Settings& in_file, LoadedConfig& loaded) {
  for (const Setting& setting : in_file) {
    if (!loaded.origins[setting.key].starts_with("file:")) {
      loaded.overridden.insert_or_assign(setting.key, text_of(setting));
    }
  }
}

}  // namespace

std::string ConfigProblem::to_string() const {
  std::string text = source;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!key.empty()) text += ": " + key;
  return text + ": " + message;
}

LoadResult load_config(const LoadContext& context) {
  Draft draft;
  draft.loaded.file = file_to_read(context);
  std::vector<Settings> sources;
  sources.push_back(read_tracelink_variables(context.environment, draft.loaded.warnings));
  sources.push_back(read_mlflow_variables(context.environment, draft.loaded.warnings));
  auto in_file = read_file(draft.loaded.file, context, draft.errors, draft.loaded.warnings);
  draft.file_unknown = !in_file;
  sources.push_back(std::move(in_file).value_or(Settings{}));
  for (Settings& source : sources) check(source, draft.errors);
  const Settings file_settings = sources.back();
  take_credentials_of_uri(sources);
  add_databricks_sources(sources, context, draft.errors);
  for (Settings& source : sources) check_values(source, draft.errors);  // of what is new
  draft.settings = merge(sources);
  apply(draft);
  note_overridden(file_settings, draft.loaded);
  complete(draft, context);

  if (draft.errors.empty()) return {std::move(draft.loaded), {}, {}, {}, false};
  std::ranges::sort(draft.errors, {}, [](const ConfigProblem& problem) {
    return std::tie(problem.line, problem.column, problem.key, problem.message);
  });
  auto warnings = std::exchange(draft.loaded.warnings, {});
  return {std::nullopt, std::move(draft.errors), std::move(warnings), std::move(draft.loaded),
          draft.file_unknown};
}

std::vector<std::string> lines_of(const LoadResult& result) {
  std::vector<std::string> lines;
  lines.reserve(result.errors.size() + result.warnings.size());
  for (const ConfigProblem& error : result.errors) lines.push_back("error: " + error.to_string());
  for (const ConfigProblem& warning : result.warnings) {
    lines.push_back("warning: " + warning.to_string());
  }
  return lines;
}

bool names_file(const LoadContext& context) {
  return context.config_flag || !file_of_variable(context).empty();
}

LoadContext context_of_process() {
  LoadContext context;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const auto equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    context.environment.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  std::ifstream cgroup("/proc/self/cgroup");
  std::getline(cgroup, context.cgroup);
  context.uid = geteuid();
  context.is_root = context.uid == 0;
  return context;
}

}  // namespace tracelink
