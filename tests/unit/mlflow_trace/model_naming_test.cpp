#include "daemon/mlflow/trace/model_naming.hpp"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/mlflow_trace/span_builder.hpp"

namespace tracelink {
namespace {

using Attributes = std::vector<std::pair<std::string, std::string>>;  // key, encoded value

std::string name_of(std::string_view text) { return text_value(text); }

SpanBuilder root(char id = 'r') { return SpanBuilder(id).name("root"); }
SpanBuilder child(char id = 'c') { return SpanBuilder(id).parent('r').name("child"); }

// One ResourceSpans; several of them after each other are one TracesData.
std::string spans_of(const Attributes& resource, std::initializer_list<SpanBuilder> spans) {
  std::string resource_bytes, scope, resource_spans, all;
  for (const auto& [key, value] : resource) {
    protozero::pbf_writer(resource_bytes).add_message(1, key_value(key, value));
  }
  for (const SpanBuilder& span : spans) protozero::pbf_writer(scope).add_message(2, span.build());
  protozero::pbf_writer writer(resource_spans);
  writer.add_message(1, resource_bytes);
  writer.add_message(2, scope);
  protozero::pbf_writer(all).add_message(1, resource_spans);
  return all;
}

ModelNaming naming(const std::string& traces_data, FromTraces allowed = FromTraces::names) {
  return read_model_naming(traces_data, allowed);
}

void expect_name(const ModelNaming& found, NamedAt at, const std::string& name) {
  EXPECT_EQ(found.at, at);
  EXPECT_EQ(found.name, name);
  EXPECT_EQ(found.id, "");
}

TEST(ModelNaming, IsNothingWithoutAnAttribute) {
  EXPECT_EQ(naming(spans_of({{"service.name", name_of("cart")}}, {root()})).at, NamedAt::nowhere);
  EXPECT_EQ(naming("").at, NamedAt::nowhere);
}

TEST(ModelNaming, ComesFromTheRootSpan) {
  const auto spans = spans_of({}, {child(), root().text("mlflow.modelName", "cart-2")});
  expect_name(naming(spans), NamedAt::root_span, "cart-2");
}

TEST(ModelNaming, HasNoBlankEnds) {
  expect_name(naming(spans_of({{"mlflow.modelName", name_of("cart-2\n")}}, {root()})),
              NamedAt::root_resource, "cart-2");
  const auto id = naming(spans_of({{"mlflow.modelId", name_of(" m-1\r\n")}}, {root()}));
  EXPECT_EQ(id.id, "m-1");
  EXPECT_EQ(naming(spans_of({{"mlflow.modelName", name_of(" \n")}}, {root()})).at,
            NamedAt::nowhere);
}

TEST(ModelNaming, OfAnotherSpanSaysNothing) {
  const auto spans = spans_of({}, {child().text("mlflow.modelName", "cart-2"), root()});
  EXPECT_EQ(naming(spans).at, NamedAt::nowhere);
}

TEST(ModelNaming, AParentOfZerosIsNone) {
  const auto spans =
      spans_of({}, {root().parent_bytes(std::string(8, '\0')).text("mlflow.modelName", "cart")});
  expect_name(naming(spans), NamedAt::root_span, "cart");
}

TEST(ModelNaming, ComesFromTheResource) {
  const Attributes resource{{"service.name", name_of("x")}, {"mlflow.modelName", name_of("cart")}};
  expect_name(naming(spans_of(resource, {child()})), NamedAt::resource, "cart");
  expect_name(naming(spans_of(resource, {child(), root()})), NamedAt::root_resource, "cart");
}

TEST(ModelNaming, TheRootIsStrongerThanItsResourceAndThatThanOthers) {
  const auto other = spans_of({{"mlflow.modelName", name_of("other")}}, {child()});
  const auto with_root = [](SpanBuilder span) {
    return spans_of({{"mlflow.modelName", name_of("resource")}}, {std::move(span)});
  };
  expect_name(naming(other + with_root(root().text("mlflow.modelName", "span"))),
              NamedAt::root_span, "span");
  expect_name(naming(other + with_root(root())), NamedAt::root_resource, "resource");
  expect_name(naming(with_root(root()) + other), NamedAt::root_resource, "resource");
  expect_name(naming(other + spans_of({}, {root()})), NamedAt::resource, "other");
}

TEST(ModelNaming, AnIdComesBeforeANameInOnePlace) {
  const auto both = root().text("mlflow.modelName", "cart").text("mlflow.modelId", "m-1");
  const auto found = naming(spans_of({}, {both}));
  EXPECT_EQ(found.id, "m-1");
  EXPECT_EQ(found.name, "");
  const auto spans =
      spans_of({{"mlflow.modelId", name_of("m-1")}}, {root().text("mlflow.modelName", "cart")});
  expect_name(naming(spans), NamedAt::root_span, "cart");
}

TEST(ModelNaming, ReadsJsonAsMlflowsSdkWritesIt) {
  const auto spans = spans_of({}, {root().text("mlflow.modelName", "\"caf\\u00e9 \\\"2\\\"\"")});
  expect_name(naming(spans), NamedAt::root_span, "café \"2\"");
}

TEST(ModelNaming, WhatIsNoTextOrEmptySaysNothing) {
  const Attributes resource{{"mlflow.modelName", name_of("cart")}};
  for (const auto& value : {int_value(5), bool_value(true), name_of(""), std::string()}) {
    const auto spans = spans_of(resource, {root().attribute("mlflow.modelName", value)});
    expect_name(naming(spans), NamedAt::root_resource, "cart");
  }
}

TEST(ModelNaming, TakesOnlyWhatIsAllowed) {
  const auto spans =
      spans_of({{"mlflow.modelId", name_of("m-1")}}, {root().text("mlflow.modelName", "cart")});
  EXPECT_EQ(naming(spans, FromTraces::off).at, NamedAt::nowhere);
  EXPECT_EQ(naming(spans, FromTraces::ids).id, "m-1");
  EXPECT_EQ(naming(spans, FromTraces::ids).at, NamedAt::root_resource);
}

TEST(ModelNaming, ReadsNothingFromWhatIsNoTracesData) {
  const std::string whole = spans_of({{"mlflow.modelName", name_of("cart")}}, {root()});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(naming(whole.substr(0, size)).at, NamedAt::nowhere) << size;
  }
}

std::map<std::string, std::string> attributes(const std::string& traces_data) {
  return read_resource_attributes(traces_data, {"service.name", "service.version"}).values;
}

TEST(ResourceAttributes, AreThoseOfTheRootsResource) {
  const auto other = spans_of({{"service.name", name_of("stock")}}, {child()});
  const auto with_root = spans_of({{"service.name", name_of("cart")}}, {root()});
  EXPECT_EQ(attributes(other + with_root).at("service.name"), "cart");
  EXPECT_TRUE(read_resource_attributes(other + with_root, {}).of_root);
  EXPECT_EQ(attributes(other + other).at("service.name"), "stock");
  EXPECT_FALSE(read_resource_attributes(other, {}).of_root);
}

TEST(ResourceAttributes, AreScalarsThatAreAskedFor) {
  const auto spans = spans_of({{"service.name", name_of("cart")},
                               {"service.version", int_value(3)},
                               {"host.name", name_of("h")}},
                              {root()});
  EXPECT_EQ(attributes(spans), (std::map<std::string, std::string>{{"service.name", "cart"},
                                                                   {"service.version", "3"}}));
  EXPECT_TRUE(attributes(spans_of({{"service.name", name_of("")}}, {root()})).empty());
  EXPECT_TRUE(attributes("").empty());
}

}  // namespace
}  // namespace tracelink
