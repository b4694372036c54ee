#pragma once

#include <CLI/CLI.hpp>

#include "daemon/cli/common.hpp"

namespace tracelink::cli {

// Each adds its subcommand to `app`; when it is chosen, the exit code is stored in `exit_code`.
// `context` and `exit_code` outlive the parse.
void add_status(CLI::App& app, const Context& context, int& exit_code);
void add_health(CLI::App& app, const Context& context, int& exit_code);
void add_tap(CLI::App& app, const Context& context, int& exit_code);
void add_top(CLI::App& app, const Context& context, int& exit_code);
void add_reload(CLI::App& app, const Context& context, int& exit_code);
void add_upgrade(CLI::App& app, const Context& context, int& exit_code);
void add_doctor(CLI::App& app, const Context& context, int& exit_code);
void add_config(CLI::App& app, const Context& context, int& exit_code);
void add_env(CLI::App& app, const Context& context, int& exit_code);
void add_run(CLI::App& app, const Context& context, int& exit_code);
void add_send(CLI::App& app, const Context& context, int& exit_code);
void add_models(CLI::App& app, const Context& context, int& exit_code);
void add_model_traces(CLI::App& models, const Context& context, int& exit_code);
void add_change_models(CLI::App& models, const Context& context, int& exit_code);
void add_create_model(CLI::App& models, const Context& context, int& exit_code);
void add_compare_models(CLI::App& models, const Context& context, int& exit_code);
void add_active_models(CLI::App& models, const Context& context, int& exit_code);
void add_dead_letters(CLI::App& app, const Context& context, int& exit_code);

}  // namespace tracelink::cli
