#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/send_input.hpp"
#include "ipc/client/unix_http.hpp"

namespace tracelink::cli {

namespace {

constexpr std::chrono::seconds kSendTimeout{15};
constexpr char kNoSpans[] =
    "no spans in it, nothing was sent (OTLP logs or metrics, or another key than resourceSpans?)";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProtobuf = "application/x-protobuf";

// What the daemon said about one request beyond "stored": rejected spans or an error.
std::string complaint_of(const UnixHttpReply& reply) {
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  if (reply.status != 200) {
    return "HTTP " + std::to_string(reply.status) + ": " +
           (json.is_object() ? json.value("message", reply.body) : reply.body);
  }
  if (!json.is_object() || !json.contains("partialSuccess")) return {};
  const auto& partial = json["partialSuccess"];
  return "rejected spans: " + partial.value("rejectedSpans", nlohmann::json("?")).dump() + ": " +
         partial.value("errorMessage", "");
}

// What was stored so far.
struct Sent {
  std::uint64_t spans = 0;
  std::size_t requests = 0;
};

// Of those that were sent. The daemon may count more than were seen here.
std::uint64_t stored(std::uint64_t sent, std::uint64_t rejected) {
  return sent - std::min(sent, rejected);
}

void report(const Context& context, const Sent& sent) {
  if (context.json) {
    print_json(nlohmann::json{{"spans", sent.spans}, {"requests", sent.requests}});
  } else {
    print("{} spans in {} requests stored\n", sent.spans, sent.requests);
  }
}

// As the specification has it, a number or a number as text.
std::uint64_t rejected_in_json(const UnixHttpReply& reply) {
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  if (!json.is_object() || !json.contains("partialSuccess")) return 0;
  const auto rejected = json["partialSuccess"].value("rejectedSpans", nlohmann::json(0));
  if (rejected.is_string()) return std::strtoull(rejected.get<std::string>().c_str(), nullptr, 10);
  return rejected.is_number_unsigned() ? rejected.get<std::uint64_t>() : 0;
}

// The first line of the text, without its line break; the text is what follows then.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

int send_json_lines(const Context& context, const std::string& socket, std::string_view rest) {
  std::size_t number = 0;
  Sent sent;
  int exit_code = kDone;
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = "line " + std::to_string(number);
    const auto spans = spans_in_json(line);
    if (spans == 0) {
      exit_code = fail(kFailed, place + ": " + kNoSpans);
      continue;
    }
    auto reply =
        unix_http_request(socket, "POST", "/v1/traces", kJson, std::string(line), kSendTimeout);
    if (!reply) {
      exit_code = fail(std::move(reply).error().within(place));
      break;
    }
    if (reply->status == 200) {
      sent.spans += stored(spans.value_or(0), rejected_in_json(*reply));
      ++sent.requests;
    }
    if (const std::string complaint = complaint_of(*reply); !complaint.empty()) {
      exit_code = fail(kFailed, place + ": " + complaint);
    }
  }
  report(context, sent);
  return exit_code;
}

int send_json_document(const Context& context, const std::string& socket, std::string input) {
  const auto spans = spans_in_json(input);
  if (spans == 0) return fail(kFailed, kNoSpans);
  const auto reply =
      unix_http_request(socket, "POST", "/v1/traces", kJson, std::move(input), kSendTimeout);
  if (!reply) return fail(reply.error());
  const std::string complaint = complaint_of(*reply);
  const int exit_code = complaint.empty() ? kDone : fail(kFailed, complaint);
  if (reply->status == 200) {
    report(context, {stored(spans.value_or(0), rejected_in_json(*reply)), 1});
  }
  return exit_code;
}

int send_protobuf(const Context& context, const std::string& socket, std::string input) {
  const auto spans = spans_in_protobuf(input);
  if (spans == 0) return fail(kFailed, kNoSpans);
  const auto reply =
      unix_http_request(socket, "POST", "/v1/traces", kProtobuf, std::move(input), kSendTimeout);
  if (!reply) return fail(reply.error());
  const std::string reason = protobuf_reason(reply->status, reply->body);
  if (reply->status != 200) {
    return fail(kFailed, "HTTP " + std::to_string(reply->status) + ": " + reason +
                             "\n  (sent as a protobuf request: it does not begin as JSON does)");
  }
  // An empty ExportTraceServiceResponse has no partial_success: everything was stored.
  const int exit_code =
      reply->body.empty() ? kDone : fail(kFailed, "some spans were rejected: " + reason);
  report(context, {stored(spans.value_or(0), rejected_in_protobuf(reply->body)), 1});
  return exit_code;
}

int send(const Context& context, const std::string& file) {
  auto input = read_send_input(file);
  if (!input) return fail(input.error());
  const auto socket = intake_socket(context);
  if (!socket) return fail(socket.error());
  switch (form_of(*input)) {
    case InputForm::json_document:
      return send_json_document(context, *socket, *std::move(input));
    case InputForm::json_lines:
      return send_json_lines(context, *socket, *input);
    case InputForm::protobuf:
      break;
  }
  return send_protobuf(context, *socket, *std::move(input));
}

}  // namespace

void add_send(CLI::App& app, const Context& context, int& exit_code) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "send", "Send a file of OTLP JSON, one document or one a line, or one protobuf request");
  command->add_option("FILE", *file, "The file, or - for standard input")->required();
  command->footer("Example:\n  tracelink send traces.jsonl\n  curl … | tracelink send -");
  command->callback([&context, &exit_code, file] { exit_code = send(context, *file); });
}

}  // namespace tracelink::cli
