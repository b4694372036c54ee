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
PartialSuccess read_rejection(std::string_view encoded) {
  PartialSuccess partial;
  protozero::pbf_reader reader = reader_of(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case varint_field(1):
        partial.rejected_spans = reader.get_int64();
        break;
      case bytes_field(2):
        partial.message = std::string(take_bytes(reader));
        break;
      default:
        reader.skip();
    }
  }
  return partial;
}

// Empty if the body says nothing of spans that were not taken.
std::string refused_spans(std::string_view body) {
  const auto read = read_partial_success(body);
  if (!read || !*read) return {};
  const PartialSuccess& partial = **read;
  std::string text = "rejected " + std::to_string(partial.rejected_spans) + " spans";
  if (!partial.message.empty()) text.append(": ").append(partial.message);
  return text;
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
  std::string refused =
      has_type(response, kProtobuf) ? refused_spans(response.body) : std::string();
  if (!refused.empty()) return refused;
  return response.body.empty() ? "an empty answer of " + type : "an answer of " + type;
}

}  // namespace

// ExportTraceServiceResponse: partial_success = 1.
Result<std::optional<PartialSuccess>> read_partial_success(std::string_view body) {
  try {
    protozero::pbf_reader reader = reader_of(body);
    if (!reader.next(1, protozero::pbf_wire_type::length_delimited)) {
      return std::optional<PartialSuccess>();
    }
    return std::optional(read_rejection(take_bytes(reader)));
  } catch (const protozero::exception& error) {
    return Error{ErrorCode::invalid, std::string("no protobuf: ") + error.what()};
  }
}

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
