#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace tracelink::cli {

// What CLI11 does not say about the use of commands.

// After a parse that failed: the word in the place of a command that is none, with the nearest; ""
// when the parse failed for another reason.
std::string unknown_command(const CLI::App& app);

// The same for options: the unknown one, with the nearest; "" when there is none.
std::string unknown_option(const CLI::App& app);

// Whether a shell evaluates what is printed, also after a parse that failed: what it gets of a
// command that fails must fail there, since the exit code is lost.
bool is_for_eval(const CLI::App& app, const std::vector<std::string>& arguments);

// "help models create" as "models create --help".
std::vector<std::string> with_help_as_option(std::vector<std::string> arguments);

// Appends to the help of every command, at any depth, where the options are that all have.
void mention_global_options(CLI::App& app);

}  // namespace tracelink::cli
