#include "ipc/server/grpc_call.hpp"

#include "ipc/server/experiment_header.hpp"
#include "ipc/wire/grpc_text.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kExportPath =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

bool is_grpc_protobuf(std::string_view content_type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!content_type.starts_with(kGrpc)) return false;
  const std::string_view rest = content_type.substr(kGrpc.size());
  return rest.empty() || rest.front() == ';' || rest == "+proto" || rest.starts_with("+proto;");
}

}  // namespace

void GrpcCall::read_header(HeaderField field) {
  constexpr std::size_t kFieldCost = 32;
  header_bytes_ += field.name.size() + field.value.size() + kFieldCost;
  if (has_large_header()) return;
  if (field.name == ":method") {
    post_ = field.value == "POST";
  } else if (field.name == ":path") {
    export_path_ = field.value == kExportPath;
  } else if (field.name == "content-type") {
    grpc_content_ = is_grpc_protobuf(field.value);
  } else if (field.name == "grpc-timeout") {
    timeout_ = parse_grpc_timeout(field.value);
  } else if (field.name == "grpc-encoding") {
    const auto encoding = parse_content_encoding(field.value);
    unknown_encoding_ = !encoding;
    if (encoding) encoding_ = *encoding;
  } else if (field.name == kExperimentHeader) {
    experiment_ = join_experiment(field.value, split_experiment(experiment_).run);
  } else if (field.name == kRunHeader) {
    experiment_ = join_experiment(split_experiment(experiment_).experiment, field.value);
  }
  if (experiment_.size() > kMaxExperimentHeaderBytes) {
    long_experiment_ = true;
    experiment_.clear();
  }
}

std::optional<GrpcCall::HttpRefusal> GrpcCall::http_refusal() const {
  if (post_ && grpc_content_) return std::nullopt;
  constexpr std::string_view kWhatToDo =
      "over HTTP/2 this socket takes gRPC only (application/grpc): send OTLP/HTTP over HTTP/1.1, "
      "or "
      "set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc";
  return HttpRefusal{post_ ? "415" : "405", kWhatToDo};
}

std::optional<Reply> GrpcCall::refusal() const {
  if (has_large_header()) {
    return refuse(RpcCode::resource_exhausted, "the request header is over 16384 bytes");
  }
  if (!export_path_) {
    return refuse(RpcCode::unimplemented, "only " + std::string(kExportPath) + " is served");
  }
  if (unknown_encoding_) return refuse(RpcCode::unimplemented, "grpc-encoding is not supported");
  if (long_experiment_) return refuse(RpcCode::invalid_argument, kLongExperiment);
  return std::nullopt;
}

std::optional<Reply> GrpcCall::incomplete() const {
  if (!deframer.complete()) {
    return refuse(RpcCode::invalid_argument, "the stream ended inside the message");
  }
  if (deframer.compressed() && encoding_ == ContentEncoding::identity) {
    return refuse(RpcCode::internal, "compressed message without a grpc-encoding");
  }
  return std::nullopt;
}

ContentEncoding GrpcCall::message_encoding() const {
  return deframer.compressed() ? encoding_ : ContentEncoding::identity;
}

}  // namespace tracelink
