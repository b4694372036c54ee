#include "daemon/cli/usage.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/nearest.hpp"

namespace tracelink::cli {

namespace {

constexpr const char* kGlobalOptions =
    "\n\n--config, --control, --json and the exit codes: tracelink --help";

bool all(const CLI::App* /*command*/) { return true; }

const CLI::App& last_parsed(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : last_parsed(*parsed.back());
}

}  // namespace

std::string unknown_command(const CLI::App& app) {
  const CLI::App& parent = last_parsed(app);
  const auto words = app.remaining(true);
  const auto is_command = [](const std::string& word) { return !word.starts_with('-'); };
  const auto unknown = std::ranges::find_if(words, is_command);
  if (parent.get_require_subcommand_min() == 0 || unknown == words.end()) return "";
  std::vector<std::string> names;
  for (const CLI::App* command : parent.get_subcommands(all)) names.push_back(command->get_name());
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string near = nearest_word(*unknown, candidates);
  return "there is no command '" + *unknown + "'" +
         (near.empty() ? "" : "; did you mean '" + near + "'?");
}

std::string unknown_option(const CLI::App& app) {
  const auto words = app.remaining(true);
  const auto unknown =
      std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("--"); });
  if (unknown == words.end()) return "";
  const std::string option = unknown->substr(0, unknown->find('='));
  std::vector<std::string> names;
  for (const CLI::App* command = &last_parsed(app); command != nullptr;
       command = command->get_parent()) {
    for (const CLI::Option* known : command->get_options()) {
      for (const std::string& name : known->get_lnames()) names.push_back("--" + name);
    }
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string near = nearest_word(option, candidates);
  return "there is no option '" + option + "'" +
         (near.empty() ? "" : "; did you mean '" + near + "'?");
}

bool is_for_eval(const CLI::App& app, const std::vector<std::string>& arguments) {
  return last_parsed(app).get_name() == "env" && std::ranges::count(arguments, "--shell") > 0;
}

std::vector<std::string> with_help_as_option(std::vector<std::string> arguments) {
  if (arguments.empty() || arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.emplace_back("--help");
  return arguments;
}

void mention_global_options(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands(all)) {
    command->footer(command->get_footer() + kGlobalOptions);
    mention_global_options(*command);
  }
}

}  // namespace tracelink::cli
