#include "daemon/destination/databricks/span_forms.hpp"

#include <array>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <protozero/exception.hpp>
#include <protozero/pbf_writer.hpp>

#include "daemon/codec/otlp_schema.hpp"
#include "daemon/destination/databricks/trace_bodies.hpp"
#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/mlflow/rest/trace_name.hpp"
#include "daemon/mlflow/trace/python_json.hpp"
#include "daemon/mlflow/trace/span_view.hpp"
#include "daemon/mlflow/trace/traces_data.hpp"
#include "daemon/text/base64.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kRequestId = "mlflow.traceRequestId";

// Attributes of the root that Unity Catalog's views read, and the metadata they come from.
struct Copy {
  const char* attribute;
  const char* metadata;
};
constexpr std::array<Copy, 2> kOfRoot = {
    {{"user.id", "mlflow.trace.user"}, {"session.id", "mlflow.trace.session"}}};

void add_text_attribute(std::string& span, std::string_view key, std::string_view text) {
  protozero::pbf_writer(span).add_message(9, write_key_value(key, write_string_value(text)));
}

std::string unity_catalog_span(const LocatedSpan& located, const std::string& request_id,
                               const TraceInfo& info) {
  std::string span(located.encoded);
  const auto view = read_span(located.encoded);
  if (!view) return span;  // prepare_trace() lets none pass
  add_text_attribute(span, kRequestId, request_id);
  if (view->parent) return span;
  for (const Copy& copy : kOfRoot) {
    const auto value = info.metadata.find(copy.metadata);
    if (value == info.metadata.end() || view->attribute(copy.attribute)) continue;
    add_text_attribute(span, copy.attribute, value->second);
  }
  return span;
}

// Without a tree, which would be many times as large as the text.
bool is_array_or_object(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  const bool has_bracket =
      begin != std::string_view::npos && (text[begin] == '{' || text[begin] == '[');
  return has_bracket && Json::accept(text);
}

// MLflow keeps each attribute as JSON text. A text that is a JSON array or object already is the
// inputs or outputs that an application wrote so, and stays itself, as on MLflow's own servers.
std::string attribute_text(const AnyValue& value) {
  if (value.kind == ValueKind::string && is_array_or_object(value.data)) {
    return std::string(value.data);
  }
  std::string text;
  append_json_value(text, value, NonAscii::as_is);
  return text;
}

class TracesJson {
 public:
  explicit TracesJson(TraceId trace_id) : trace_id_(trace_id) {}

  // A span of another file, as it is there.
  void add(const Json& span) {
    next();
    out_ += to_text(span);
  }
  void add(const SpanView& span) {
    next();
    out_ += "{\"trace_id\": \"" + base64(trace_id_.view()) + "\", \"span_id\": \"" +
            base64(span.id.view()) + "\", \"parent_span_id\": ";
    out_ += span.parent ? "\"" + base64(span.parent->view()) + "\"" : "null";
    text("name", span.name);
    text("kind", otlp::span_kind_name(span.kind));
    out_ += ", \"start_time_unix_nano\": " + std::to_string(span.start_ns);
    out_ += ", \"end_time_unix_nano\": " + std::to_string(span.end_ns);
    events(span);
    out_ += ", \"status\": {\"code\": \"";
    out_ += otlp::status_code_name(static_cast<int>(span.status));
    out_ += '"';
    text("message", span.status_message);
    out_ += '}';
    attributes(span);
    links(span);
    out_ += '}';
  }
  std::string finish() && { return std::move(out_) + "]}"; }

 private:
  void next() {
    out_ += first_ ? "" : ", ";
    first_ = false;
  }
  void text(std::string_view key, std::string_view value) {
    out_.append(", \"").append(key).append("\": ");
    append_json_string(out_, value, NonAscii::escaped);
  }
  void typed(const std::vector<KeyValue>& pairs) {
    out_ += '{';
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (i > 0) out_ += ", ";
      append_json_string(out_, pairs[i].key, NonAscii::escaped);
      out_ += ": ";
      append_json_value(out_, read_any_value(pairs[i].value), NonAscii::escaped);
    }
    out_ += '}';
  }
  void events(const SpanView& span) {
    out_ += ", \"events\": [";
    for (std::size_t i = 0; i < span.events.size(); ++i) {
      out_ += i > 0 ? ", {\"name\": " : "{\"name\": ";
      append_json_string(out_, span.events[i].name, NonAscii::escaped);
      out_ +=
          ", \"time_unix_nano\": " + std::to_string(span.events[i].time_ns) + ", \"attributes\": ";
      typed(span.events[i].attributes);
      out_ += '}';
    }
    out_ += ']';
  }
  void attributes(const SpanView& span) {
    out_ += ", \"attributes\": {";
    append_json_string(out_, kRequestId, NonAscii::escaped);
    out_ += ": ";
    append_json_string(out_, "\"" + trace_name(trace_id_) + "\"", NonAscii::escaped);
    for (const KeyValue& pair : span.attributes) {
      text(json_key(pair.key), attribute_text(read_any_value(pair.value)));
    }
    out_ += '}';
  }
  // text() puts its key between quotes as it is.
  static std::string json_key(std::string_view key) {
    const std::string quoted = json_string(key, NonAscii::escaped);
    return quoted.substr(1, quoted.size() - 2);
  }
  void links(const SpanView& span) {
    out_ += ", \"links\": [";
    for (std::size_t i = 0; i < span.links.size(); ++i) {
      const SpanLink& link = span.links[i];
      out_ += i > 0 ? ", {" : "{";
      out_ += "\"trace_id\": \"tr-" + to_hex(link.trace_id) + "\", \"span_id\": \"" +
              to_hex(link.span_id) + "\", \"attributes\": ";
      if (link.attributes.empty()) {
        out_ += "null";
      } else {
        typed(link.attributes);
      }
      out_ += '}';
    }
    out_ += ']';
  }

  const TraceId trace_id_;
  bool first_ = true;
  std::string out_ = "{\"spans\": [";
};

// Those spans of a file that are not among `later`.
Result<std::vector<Json>> earlier_spans(std::string_view file, const std::set<SpanId>& later) {
  std::set<std::string> replaced;
  for (const SpanId& id : later) replaced.insert(base64(id.view()));
  const Json json = parse_answer(file);
  const Json& spans = member(json, "spans");
  if (!spans.is_array()) return Error{ErrorCode::corrupt, "not a traces.json"};
  std::vector<Json> kept;
  for (const Json& span : spans) {
    const std::string id = text_at(span, "span_id");
    if (id.empty()) return Error{ErrorCode::corrupt, "a span of the traces.json has no id"};
    if (!replaced.contains(id)) kept.push_back(span);
  }
  return kept;
}

Error not_otlp(const protozero::exception& error) {
  return {ErrorCode::corrupt, std::string("not OTLP: ") + error.what()};
}

}  // namespace

Result<std::string> unity_catalog_spans(const PreparedTrace& trace, const TraceStorage& storage) {
  try {
    SpanSet set;
    read_traces_data(trace.otlp, set);
    const std::string request_id = trace_name_in(storage, trace.info.trace_id);
    std::deque<std::string> spans;
    TracesDataBuilder builder;
    for (const LocatedSpan& located : set.spans) {
      const std::string& span =
          spans.emplace_back(unity_catalog_span(located, request_id, trace.info));
      builder.add(*located.resource, *located.scope, span);
    }
    return builder.build();
  } catch (const protozero::exception& error) {
    return not_otlp(error);
  }
}

Result<std::string> traces_json(const PreparedTrace& trace, std::string_view stored) {
  try {
    TracesJson json(trace.info.trace_id);
    if (!stored.empty()) {
      const auto later = span_ids_of(trace.otlp);
      if (!later) return later.error();
      const auto earlier = earlier_spans(stored, *later);
      if (!earlier) return earlier.error();
      for (const Json& span : *earlier) json.add(span);
    }
    SpanSet set;
    read_traces_data(trace.otlp, set);
    for (const LocatedSpan& located : set.spans) {
      if (const auto view = read_span(located.encoded)) json.add(*view);
    }
    return std::move(json).finish();
  } catch (const protozero::exception& error) {
    return not_otlp(error);
  }
}

Result<std::set<SpanId>> span_ids_of(std::string_view otlp) {
  try {
    SpanSet set;
    read_traces_data(otlp, set);
    std::set<SpanId> ids;
    for (const LocatedSpan& located : set.spans) {
      if (const auto view = read_span(located.encoded)) ids.insert(view->id);
    }
    return ids;
  } catch (const protozero::exception& error) {
    return not_otlp(error);
  }
}

}  // namespace tracelink
