#include "daemon/mlflow/rest/export_answer.hpp"

#include <algorithm>
#include <string>

#include <protozero/exception.hpp>

#include "daemon/mlflow/rest/remedies.hpp"
#include "daemon/mlflow/rest/rest_answers.hpp"
#include "daemon/mlflow/trace/wire.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

bool has_type(const HttpResponse& response, std::string_view type) {
  return response.header("content-type").value_or("").starts_with(type);
}

// ExportTracePartialSuccess: rejected_spans = 1, error_message = 2.
std::string refused_spans(std::string_view partial_success) {
  protozero::pbf_reader reader = reader_of(partial_success);
  std::int64_t rejected = 0;
  std::string_view message;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varint_field(1):
        rejected = reader.get_int64();
        break;
      case bytes_field(2):
        message = take_bytes(reader);
        break;
      default:
        reader.skip();
    }
  }
  std::string text = "rejected " + std::to_string(rejected) + " spans";
  if (!message.empty()) text.append(": ").append(message);
  return text;
}

// ExportTraceServiceResponse: partial_success = 1. Empty if the bytes are none, or no protobuf.
std::string read_partial_success(std::string_view body) {
  try {
    protozero::pbf_reader reader = reader_of(body);
    if (reader.next(1, protozero::pbf_wire_type::length_delimited))
      return refused_spans(take_bytes(reader));
    return {};
  } catch (const protozero::exception&) {
    return {};
  }
}

// {"partialSuccess": null}, as 3.6 says it under either type.
bool is_empty_json(const std::string& body) {
  const Json json = parse_answer(body);
  return json.is_object() && std::ranges::all_of(json.items(), [](const auto& item) {
           return item.key() == "partialSuccess" && item.value().empty();
         });
}

bool is_mlflows(const HttpResponse& response) {
  if (response.body.empty()) return has_type(response, kProtobuf);
  return (has_type(response, kProtobuf) || has_type(response, kJson)) &&
         is_empty_json(response.body);
}

std::string said(const HttpResponse& response) {
  const std::string type(response.header("content-type").value_or("no content type"));
  std::string partial =
      has_type(response, kProtobuf) ? read_partial_success(response.body) : std::string();
  if (!partial.empty()) return partial;
  return response.body.empty() ? "an empty answer of " + type : "an answer of " + type;
}

}  // namespace

Answer<void> read_export_answer(const Result<HttpResponse>& answer) {
  const bool accepted = answer && answer->status >= 200 && answer->status < 300;
  if (!accepted) return classify(Operation::otlp, answer);
  if (answer->status == 200 && is_mlflows(*answer)) return {};
  return not_mlflow(*answer,
                    "POST /v1/traces is answered with " + std::to_string(answer->status) + ", " +
                        said(*answer) + ", which is not MLflow's",
                    remedy::kSpansElsewhere);
}

}  // namespace tracelink
