#include <chrono>

#include "tests/unit/forward/forwarder_fixture.hpp"

// Traces of which an MLflow SDK has told the info.
namespace tracelink {
namespace {

using std::chrono::minutes;

class ForwarderInfoTest : public ForwarderFixture {
 protected:
  Position accept_info(std::uint64_t trace, const std::string& session = "s-1",
                       const std::string& model = "") {
    nlohmann::json info = {
        {"trace_id", "tr-" + trace_id(trace).hex()},
        {"state", "OK"},
        {"request_time", "2026-11-23T11:54:31.043Z"},
        {"execution_duration", "1s"},
        {"trace_metadata",
         {{"mlflow.trace.session", session}, {"mlflow.trace.sizeStats", R"({"num_spans": 40})"}}}};
    if (!model.empty()) info["trace_metadata"]["mlflow.modelId"] = model;
    Record record;
    record.accepted_at = clock.wall();
    record.link = link_of('a');
    record.slice.trace_id = trace_id(trace);
    record.slice.root_seen = true;
    record.slice.info = info.dump();
    return source.append(std::move(record));
  }
  std::string session(std::size_t batch_index) {
    return batch(batch_index).at(0).trace.info.metadata.at("mlflow.trace.session");
  }
};

TEST_F(ForwarderInfoTest, GoesWithTheSpansInEitherOrder) {
  accept(1, 1, 3);
  const Position after = accept_info(1);
  const Position before = accept_info(2);
  accept(2, 1, 3);
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  ASSERT_EQ(batch(0).size(), 2u);
  for (const TraceDelivery& delivery : batch(0)) {
    EXPECT_EQ(delivery.mode, Mode::whole);
    EXPECT_EQ(delivery.trace.span_count, 3u);
    EXPECT_TRUE(delivery.trace.info.is_of_client);
    EXPECT_EQ(delivery.trace.info.metadata.at("mlflow.trace.session"), "s-1");
  }
  for (const Position position : {after, before}) {
    ASSERT_TRUE(source.completion(position));
    EXPECT_EQ(source.completion(position)->delivered, 0u);
  }
  EXPECT_EQ(source.totals(), (Totals{.accepted = 6, .delivered = 6}));
}

// A server shows no trace that has fewer spans than its info says, and a later piece may be
// refused.
TEST_F(ForwarderInfoTest, OfATraceInPiecesItSaysNoNumberOfSpans) {
  options.max_batch_bytes = 400;
  accept_info(1);
  for (std::uint64_t n = 1; n <= 40; ++n) accept(1, n, n);
  run();
  ASSERT_GT(destination.batches().size(), 1u);
  EXPECT_EQ(session(0), "s-1");
  EXPECT_FALSE(batch(0).at(0).trace.info.metadata.contains("mlflow.trace.sizeStats"));
}

TEST_F(ForwarderInfoTest, StandsForARootThatDoesNotCome) {
  accept(1, 2, 3);
  accept_info(1);
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  EXPECT_EQ(batch(0)[0].mode, Mode::whole);
  accept(1, 1, 1);
  run();
  EXPECT_EQ(batch(1)[0].mode, Mode::spans_only) << "the info has said all that the root would";
}

TEST_F(ForwarderInfoTest, AloneGoesAlone) {
  accept_info(1);
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  EXPECT_EQ(batch(0)[0].mode, Mode::whole);
  EXPECT_EQ(batch(0)[0].trace.span_count, 0u);
}

TEST_F(ForwarderInfoTest, IsToldAlsoWhereTheSpansHaveGone) {
  accept(1, 1, 2);
  run();
  accept_info(1);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_EQ(batch(1)[0].mode, Mode::final_info);
  EXPECT_EQ(batch(1)[0].trace.span_count, 0u);
  EXPECT_EQ(session(1), "s-1");
}

TEST_F(ForwarderInfoTest, TheLastOneCounts) {
  accept_info(1, "first");
  accept_info(1, "second");
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  EXPECT_EQ(session(0), "second");
}

TEST_F(ForwarderInfoTest, IsToldAgainAfterACrash) {
  accept(1, 1, 2);
  accept_info(1);
  destination.hold_answers(true);
  run();
  crash();
  destination.hold_answers(false);
  run();
  ASSERT_EQ(destination.batches().size(), 2u);
  EXPECT_TRUE(batch(1)[0].repeated);
  EXPECT_EQ(session(1), "s-1");
  EXPECT_EQ(batch(1)[0].trace.span_count, 2u);
}

TEST_F(ForwarderInfoTest, ThatIsRefusedIsADeadLetterWithWhatItSays) {
  destination.follow(ScriptedDestination::each(
      [](const TraceDelivery&) { return failed(OutcomeKind::poison, FailureClass::poison); }));
  accept_info(1);
  run();
  ASSERT_EQ(letters().size(), 1u);
  EXPECT_EQ(letters()[0]["spans"], 0);
  const auto letter = nlohmann::json::parse(*store->read_json(letters()[0]["id"]));
  EXPECT_EQ(letter["trace_info"]["trace_metadata"]["mlflow.trace.session"], "s-1");
}

TEST_F(ForwarderInfoTest, ObeysTheModelThatTheApplicationChose) {
  const std::string model = "m-0123456789abcdef0123456789abcdef";
  accept(1, 1, 2);
  accept_info(1, "s-1", model);
  run();
  ASSERT_EQ(destination.batches().size(), 1u);
  EXPECT_EQ(source.link(batch(0)[0].link)->id, model);
}

TEST_F(ForwarderInfoTest, ObeysTheModelThatTheApplicationChoseAlsoWhereTheSpansHaveGone) {
  const std::string model = "m-0123456789abcdef0123456789abcdef";
  accept(1, 1, 2);
  run();
  accept_info(1, "s-1", model);
  run();
  accept(1, 1, 2);
  run();
  ASSERT_EQ(destination.batches().size(), 3u);
  EXPECT_EQ(batch(1)[0].mode, Mode::final_info);
  EXPECT_EQ(source.link(batch(1)[0].link)->id, model);
  EXPECT_EQ(batch(2)[0].link, batch(1)[0].link) << "what follows goes where the trace is now";
}

}  // namespace
}  // namespace tracelink
