#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <protozero/pbf_writer.hpp>

namespace tracelink {

// Encoded AnyValues and spans for tests; each adder returns the builder.

inline std::string text_value(std::string_view text) {
  std::string out;
  protozero::pbf_writer(out).add_string(1, text.data(), text.size());
  return out;
}

inline std::string bool_value(bool value) {
  std::string out;
  protozero::pbf_writer(out).add_bool(2, value);
  return out;
}

inline std::string int_value(std::int64_t value) {
  std::string out;
  protozero::pbf_writer(out).add_int64(3, value);
  return out;
}

inline std::string double_value(double value) {
  std::string out;
  protozero::pbf_writer(out).add_double(4, value);
  return out;
}

inline std::string key_value(std::string_view key, const std::string& value) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_string(1, key.data(), key.size());
  writer.add_message(2, value);
  return out;
}

class SpanBuilder {
 public:
  explicit SpanBuilder(char id) {
    protozero::pbf_writer writer(bytes_);
    writer.add_bytes(1, std::string(16, 'T'));
    writer.add_bytes(2, std::string(8, id));
  }
  SpanBuilder& parent(char id) { return bytes(4, std::string(8, id)); }
  SpanBuilder& parent_bytes(const std::string& id) { return bytes(4, id); }
  SpanBuilder& name(std::string_view name) { return bytes(5, std::string(name)); }
  SpanBuilder& times(std::uint64_t start_ns, std::uint64_t end_ns) {
    protozero::pbf_writer writer(bytes_);
    writer.add_fixed64(7, start_ns);
    writer.add_fixed64(8, end_ns);
    return *this;
  }
  SpanBuilder& attribute(std::string_view key, const std::string& value) {
    return bytes(9, key_value(key, value));
  }
  SpanBuilder& text(std::string_view key, std::string_view value) {
    return attribute(key, text_value(value));
  }
  // As an MLflow SDK marks its spans in OTLP mode.
  SpanBuilder& from_mlflow() { return text("mlflow.traceRequestId", "\"tr-x\""); }
  SpanBuilder& status(int code) {
    std::string status;
    protozero::pbf_writer(status).add_enum(3, code);
    return bytes(15, status);
  }
  SpanBuilder& bytes(std::uint32_t field, const std::string& value) {
    protozero::pbf_writer(bytes_).add_bytes(field, value);
    return *this;
  }
  SpanBuilder& raw(std::string_view fields) {
    bytes_.append(fields);
    return *this;
  }
  const std::string& build() const { return bytes_; }

 private:
  std::string bytes_;
};

// A TracesData of one resource with one string attribute, and one scope.
inline std::string traces_data(std::initializer_list<SpanBuilder> spans,
                               const std::string& service = "svc") {
  std::string resource, scope_spans, resource_spans, out;
  protozero::pbf_writer(resource).add_message(1, key_value("service.name", text_value(service)));
  for (const SpanBuilder& span : spans)
    protozero::pbf_writer(scope_spans).add_message(2, span.build());
  protozero::pbf_writer writer(resource_spans);
  writer.add_message(1, resource);
  writer.add_message(2, scope_spans);
  protozero::pbf_writer(out).add_message(1, resource_spans);
  return out;
}

}  // namespace tracelink
