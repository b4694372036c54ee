#include <chrono>

#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/forward/forwarder_fixture.hpp"

// What becomes of traces that the destination does not take (docs/design.md#classes-of-answers).
namespace tracelink {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ForwarderRefusalsTest : public ForwarderFixture {
 protected:
  // Batches have their full size afterwards.
  void warm_up() {
    for (std::uint64_t trace = 1; trace <= 300; ++trace) accept(trace);
    run();
    ASSERT_EQ(source.totals().delivered, 300u);
    destination.forget_batches();
  }
  // As long as it takes, one more trace each 20 s.
  void run_beside_others(minutes duration) {
    for (auto left = std::chrono::duration_cast<seconds>(duration); left > seconds(0);
         left -= seconds(20)) {
      accept(++others_);
      run_for(seconds(20));
    }
  }
  void fail_in_experiment_seven(Outcome outcome) {
    destination.follow(ScriptedDestination::each([outcome](const TraceDelivery& delivery) {
      return delivery.experiment == "7" ? outcome : Outcome{};
    }));
  }
  void all_works() {
    destination.follow(ScriptedDestination::each([](auto&&) { return Outcome{}; }));
  }
  void all_fails(const Outcome& outcome) {
    destination.follow(ScriptedDestination::each([outcome](auto&&) { return outcome; }));
  }

  std::uint64_t others_ = 10'000;
};

TEST_F(ForwarderRefusalsTest, ABadSpanInABatchOfAHundredDiesAlone) {
  options.max_traces_per_batch = 100;
  options.connections = 1;
  warm_up();
  for (std::uint64_t trace = 1001; trace <= 1100; ++trace) accept(trace, 1, 4);
  destination.follow(refusing(OutcomeKind::poison, {span(1042, 3)}));
  run_for(minutes(1));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 700, .delivered = 699, .dead_lettered = 1}));
  EXPECT_EQ(destination.delivered_spans(trace_id(1042)), span_set(1042, {1, 2, 4}));
  const auto all = letters();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["trace_id"], trace_id(1042).hex());
  EXPECT_EQ(all[0]["spans"], 1);
  EXPECT_LE(destination.batches().size(), 2u * 7 + 2 * 2 + 2) << "halves, not one by one";
}

TEST_F(ForwarderRefusalsTest, ATraceOfANamedExperimentGoesWhenThatIsThere) {
  destination.refuse(
      [](const LinkHash&, const std::string& experiment) { return experiment == "\nnew"; },
      transient(FailureScope::experiment).failure);
  accept(1, {.experiment = "\nnew"});
  accept(2);
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 1, .queued = 1}));
  destination.refuse({}, {});
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 2}));
  EXPECT_EQ(batch(1)[0].experiment, "\nnew");
  EXPECT_EQ(forwarder->status().held_scopes, 0u);
}

TEST_F(ForwarderRefusalsTest, TracesOfANamedExperimentThatCannotBeAreDeadLettersAfterADay) {
  destination.refuse(
      [](const LinkHash&, const std::string& experiment) { return experiment == "\ndeleted"; },
      misconfigured(FailureScope::experiment).failure);
  accept(1, {.experiment = "\ndeleted"});
  run_beside_others(minutes(5));
  const auto held = forwarder->status().held;
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].scope, "experiment deleted");
  EXPECT_TRUE(letters().empty());
  run_for(hours(24));
  ASSERT_EQ(letters().size(), 1u);
  EXPECT_EQ(letters()[0]["trace_id"], trace_id(1).hex());
}

// MLflow shows no trace with fewer spans than its info says.
TEST_F(ForwarderRefusalsTest, TheInfoOfATraceWithABadSpanIsCorrected) {
  accept(1, 1, 3);
  destination.follow(refusing(OutcomeKind::poison, {span(1, 2)}));
  run();
  const auto size_stats = [this](std::size_t index) {
    const TraceDelivery& delivery = batch(index).at(0);
    EXPECT_EQ(delivery.mode, Mode::whole);
    return nlohmann::json::parse(delivery.trace.info.metadata.at("mlflow.trace.sizeStats"));
  };
  EXPECT_EQ(size_stats(0)["num_spans"], 3);
  for (std::size_t i = 1; i < destination.batches().size(); ++i) {
    EXPECT_FALSE(size_stats(i).contains("num_spans"));
    EXPECT_GT(size_stats(i)["total_size_bytes"], 0);
  }
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

// The crash falls between the letter's file and the journal: the letter says how the record ends,
// even if the server would take the trace now.
TEST_F(ForwarderRefusalsTest, ARecordWhoseLetterOutlivedItsJournalEndsAsTheLetterSays) {
  all_fails(failed(OutcomeKind::poison, FailureClass::poison));
  accept(1);
  run_for(milliseconds(2'500));
  ASSERT_EQ(letters().size(), 1u);
  ASSERT_EQ(source.unsynced(), 1u);
  crash();
  ASSERT_EQ(source.totals(), (Totals{.accepted = 1, .queued = 1}));
  all_works();
  destination.forget_batches();
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 1, .dead_lettered = 1}));
  EXPECT_TRUE(destination.batches().empty());
  EXPECT_EQ(letters().size(), 1u);
  EXPECT_EQ(source.external_bytes(), store->bytes());
  EXPECT_EQ(source.unsynced(), 0u);
  EXPECT_FALSE(store->has_pending());
}

TEST_F(ForwarderRefusalsTest, ALetterThatCannotBeReadKeepsTheRecordsOfItsTraceAlone) {
  all_fails(failed(OutcomeKind::poison, FailureClass::poison));
  accept(1);
  run_for(milliseconds(2'500));
  const std::string letter = letters().at(0).at("id");
  fs.fail_reads(letter);
  crash();
  all_works();
  destination.forget_batches();
  accept(2);
  run_for(std::chrono::minutes(3));
  EXPECT_EQ(traces_of(0), trace_ids({2}));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 1, .queued = 1}));
  EXPECT_TRUE(store->has_pending());

  fs.heal();
  ASSERT_TRUE(store->load_letter(letter));
  run_for(std::chrono::minutes(3));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 1, .dead_lettered = 1}));
  EXPECT_EQ(destination.batches().size(), 1u);
  EXPECT_FALSE(store->has_pending());
}

TEST_F(ForwarderRefusalsTest, ATraceWhoseInfoIsRefusedWhileItsSpansAreTriedIsADeadLetterWhole) {
  accept(1, 1, 3);
  destination.follow([](const ScriptedDestination::Batch& batch) {
    Outcome outcome = failed(OutcomeKind::poison, FailureClass::poison);
    outcome.info_stored = batch[0].trace.span_count == 3;
    return std::vector<Outcome>{outcome};
  });
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 3, .dead_lettered = 3}));
  EXPECT_EQ(destination.batches().size(), 2u);
}

TEST_F(ForwarderRefusalsTest, SeveralBadSpansDieAndNothingElse) {
  for (std::uint64_t trace = 1; trace <= 20; ++trace) accept(trace, 1, 5);
  destination.follow(
      refusing(OutcomeKind::poison, {span(3, 1), span(3, 5), span(4, 2), span(20, 4)}));
  run_for(minutes(1));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 100, .delivered = 96, .dead_lettered = 4}));
  EXPECT_EQ(destination.delivered_spans(trace_id(3)), span_set(3, {2, 3, 4}));
  EXPECT_EQ(letters().size(), 3u);
}

TEST_F(ForwarderRefusalsTest, ATraceThatLosesARecordInTheSearchIsSearchedAnew) {
  const Position first = accept(1, 1, 2);
  accept(1, 3, 4);
  destination.follow(refusing(OutcomeKind::poison, {span(1, 4)}));
  run_for(seconds(2));
  while (destination.batches().size() < 2) forwarder->step(seconds(1));
  source.lose(first);
  run();
  EXPECT_EQ(source.totals(),
            (Totals{.accepted = 4, .delivered = 1, .dead_lettered = 1, .damaged = 2}));
  EXPECT_TRUE(destination.delivered_spans(trace_id(1)).contains(span_id(span(1, 3))));
}

TEST_F(ForwarderRefusalsTest, LateSpansOfATraceWithABadSpanStillCome) {
  accept(1, 1, 3);
  destination.follow(refusing(OutcomeKind::poison, {span(1, 2)}));
  run();
  accept(1, 4, 4);
  run();
  EXPECT_EQ(destination.delivered_spans(trace_id(1)), span_set(1, {1, 3, 4}));
  EXPECT_EQ(destination.batches().back()[0].mode, Mode::spans_only);
}

TEST_F(ForwarderRefusalsTest, ATraceOfOneRefusedSpanBecomesADeadLetter) {
  accept(1);
  destination.follow(refusing(OutcomeKind::poison, {span(1, 1)}));
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 1, .dead_lettered = 1}));
  EXPECT_EQ(letters()[0]["reason"], "the server refuses it: no");
}

TEST_F(ForwarderRefusalsTest, ATraceWhoseInfoIsRefusedBecomesADeadLetterWhole) {
  accept(1, 1, 3);
  accept(2);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.trace.info.trace_id == trace_id(1)
               ? failed(OutcomeKind::poison, FailureClass::poison)
               : Outcome{};
  }));
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 4, .delivered = 1, .dead_lettered = 3}));
  EXPECT_EQ(destination.batches().size(), 1u) << "no search: it is not about the spans";
}

TEST_F(ForwarderRefusalsTest, ARefusalThatNoSpanIsToBlameForIsADeadLetterWhole) {
  accept(1, 1, 3);
  Outcome refused;
  refused.kind = OutcomeKind::poison;
  refused.failure.failure_class = FailureClass::poison;
  refused.info_stored = refused.indivisible = true;
  all_fails(refused);
  run();
  EXPECT_EQ(destination.batches().size(), 1u) << "no search";
  const auto all = letters();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["spans"], 3);
}

TEST_F(ForwarderRefusalsTest, AnUnknownAnswerIsJudgedInSecondsWhileAllElseGoesThrough) {
  accept(1, 1, 3);
  destination.follow(refusing(OutcomeKind::unknown, {span(1, 2)}));
  run_for(seconds(20));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 3, .delivered = 2, .dead_lettered = 1}));
  EXPECT_EQ(destination.delivered_spans(trace_id(1)), span_set(1, {1, 3}));
}

// Something else has a transient failure, each time anew.
TEST_F(ForwarderRefusalsTest, AnUnknownAnswerIsJudgedAfterMinutesBesideTrouble) {
  accept(1, 1, 1);
  accept(2, {.experiment = "7"});
  destination.follow([](const ScriptedDestination::Batch& batch) {
    if (batch[0].experiment == "7") return std::vector<Outcome>(batch.size(), transient());
    return refusing(OutcomeKind::unknown, {span(1, 1)})(batch);
  });
  run_beside_others(minutes(2));
  EXPECT_EQ(source.totals().dead_lettered, 0u);
  run_beside_others(minutes(15));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
  EXPECT_EQ(source.totals().queued, 1u);
}

// A firewall refuses its body: the daemon takes that for a setting, until others go through.
TEST_F(ForwarderRefusalsTest, OneTraceThatIsRefusedLikeASettingHoldsNoOthersForLong) {
  for (std::uint64_t trace = 1; trace <= 20; ++trace) accept(trace);
  destination.follow([](const ScriptedDestination::Batch& batch) {
    const auto is_bad = [](const TraceDelivery& delivery) {
      return delivery.trace.info.trace_id == trace_id(1);
    };
    std::vector<Outcome> outcomes(batch.size());
    if (std::ranges::none_of(batch, is_bad)) return outcomes;
    for (std::size_t i = 0; i < batch.size(); ++i) {  // the others are not sent then
      outcomes[i] = misconfigured(FailureScope::link);
      outcomes[i].batch = !is_bad(batch[i]);
    }
    return outcomes;
  });
  run_for(minutes(3));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 20, .delivered = 19, .queued = 1}));
  for (int hour = 0; hour < 26; ++hour) {
    accept(++others_);
    run_for(seconds(20));
    EXPECT_EQ(source.totals().delivered, 20u + static_cast<unsigned>(hour)) << "not held again";
    run_for(hours(1));
  }
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

TEST_F(ForwarderRefusalsTest, ManyTracesThatAreRefusedLikeASettingHoldNoOthersForLong) {
  for (std::uint64_t trace = 1; trace <= 80; ++trace) accept(trace);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.trace.info.trace_id < trace_id(71) ? misconfigured(FailureScope::link)
                                                       : Outcome{};
  }));
  run_for(minutes(3));
  EXPECT_EQ(source.totals().delivered, 10u);
  accept(++others_);
  run_for(seconds(20));
  EXPECT_EQ(source.totals().delivered, 11u) << "not held again";
}

// Where one of a batch is refused, those behind it are not sent.
TEST_F(ForwarderRefusalsTest, WhatWasNotSentForTheSakeOfARefusedTraceGoesAtOnce) {
  options.connections = 1;
  warm_up();
  for (std::uint64_t trace = 1001; trace <= 1020; ++trace) accept(trace);
  destination.follow([](const ScriptedDestination::Batch& batch) {
    std::vector<Outcome> outcomes;
    bool refused = false;
    for (const TraceDelivery& delivery : batch) {
      const bool is_bad = delivery.trace.info.trace_id == trace_id(1006);
      outcomes.push_back(refused || is_bad ? misconfigured(FailureScope::link) : Outcome{});
      outcomes.back().batch = refused;
      refused |= is_bad;
    }
    return outcomes;
  });
  run();
  EXPECT_EQ(source.totals().delivered, 300u + 19);
}

// It makes the server's worker die, or a proxy close: the others' answers tell that it is not the
// server.
TEST_F(ForwarderRefusalsTest, SpansThatNoAnswerComesToAreFoundWhileOthersGoThrough) {
  accept(1, 1, 3);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    if (delivery.trace.info.trace_id != trace_id(1)) return Outcome{};
    Outcome outcome = transient();
    outcome.info_stored = true;
    return outcome;
  }));
  for (int second = 0; second < 1800; ++second) {
    accept(++others_);
    run_for(seconds(1));
  }
  run_for(seconds(20));
  EXPECT_EQ(source.totals().dead_lettered, 3u);
  EXPECT_EQ(source.totals().queued, 0u);
}

// A proxy says that its server is gone, and then is gone itself.
TEST_F(ForwarderRefusalsTest, AProbeThatNoAnswerComesToIsFollowedByAnother) {
  accept(1);
  run();
  Outcome gone = transient();
  gone.failure.http_status = 503;
  all_fails(gone);
  accept(2);
  run_for(milliseconds(2'001));
  all_fails(transient());
  run_for(milliseconds(1'500));
  ASSERT_EQ(destination.batches().size(), 3u) << "one that went through, one that did not, a probe";
  all_works();
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 2u);
}

TEST_F(ForwarderRefusalsTest, AnInfoWhoseAnswerStaysUnknownIsGivenUpAfterADay) {
  accept(1, 1, 3);
  int asked = 0;
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    if (delivery.trace.info.trace_id != trace_id(1)) return Outcome{};
    Outcome outcome = failed(OutcomeKind::unknown, FailureClass::unknown);
    outcome.failure.message = asked++ == 0 ? "KeyError: 'a'" : "KeyError: 'b'";
    return outcome;
  }));
  for (int hour = 0; hour < 23; ++hour) {
    accept(++others_);
    run_for(hours(1));
  }
  EXPECT_EQ(source.totals().queued, 3u);
  accept(++others_);
  run_for(hours(2));
  EXPECT_EQ(source.totals().queued, 0u);
  EXPECT_EQ(source.totals().dead_lettered, 3u);
  const auto all = letters();
  ASSERT_EQ(all.size(), 1u);
  const std::string reason = all[0]["reason"];
  EXPECT_NE(reason.find("at first: KeyError: 'a'"), std::string::npos) << reason;
  EXPECT_NE(reason.find("at last: KeyError: 'b'"), std::string::npos) << reason;
}

// Many of them would take the turns of the others.
TEST_F(ForwarderRefusalsTest, AnInfoThatIsUnclearBesideOthersIsAskedAboutLessAndLess) {
  accept(1);
  int asked = 0;
  destination.follow(ScriptedDestination::each([&](const TraceDelivery& delivery) {
    if (delivery.trace.info.trace_id != trace_id(1)) return Outcome{};
    ++asked;
    return failed(OutcomeKind::unknown, FailureClass::unknown);
  }));
  run_beside_others(minutes(6 * 60));
  EXPECT_GE(asked, 6 * 4);
  EXPECT_LE(asked, 6 * 8 + 12);
}

// The daemon was stopped in between, so that nobody has asked for a day.
TEST_F(ForwarderRefusalsTest, AnOldInfoIsGivenUpOnceOthersGoThrough) {
  accept(1);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.trace.info.trace_id == trace_id(1)
               ? failed(OutcomeKind::unknown, FailureClass::unknown)
               : Outcome{};
  }));
  clock.advance(hours(30));
  run_for(minutes(1));
  EXPECT_EQ(source.totals().queued, 1u);
  run_beside_others(minutes(5));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

TEST_F(ForwarderRefusalsTest, ALoneInfoIsGivenUpToo) {
  accept(1);
  all_fails(failed(OutcomeKind::unknown, FailureClass::unknown));
  run_for(hours(23));
  EXPECT_EQ(source.totals().queued, 1u);
  run_for(hours(2));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

// A server, or its network, is away now and then.
TEST_F(ForwarderRefusalsTest, ALoneInfoIsGivenUpADayAfterTheLastTrouble) {
  accept(1);
  all_fails(failed(OutcomeKind::unknown, FailureClass::unknown));
  run_for(hours(6));
  all_fails(transient());
  run_for(minutes(5));
  all_fails(failed(OutcomeKind::unknown, FailureClass::unknown));
  run_for(hours(20));
  EXPECT_EQ(source.totals().queued, 1u);
  run_for(hours(5));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

// Their requests end the connection, the server's worker or the proxy's patience, each time.
TEST_F(ForwarderRefusalsTest, InfosThatNoAnswerComesToAreGivenUpAfterADayBesideOthers) {
  accept(1, 1, 3);
  accept(2, 1, 3);
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    if (delivery.trace.info.trace_id != trace_id(1) &&
        delivery.trace.info.trace_id != trace_id(2)) {
      return Outcome{};
    }
    Outcome outcome = transient();
    outcome.failure.http_status = delivery.trace.info.trace_id == trace_id(1) ? 0 : 502;
    return outcome;
  }));
  run_beside_others(hours(23));
  EXPECT_EQ(source.totals().dead_lettered, 0u);
  run_beside_others(hours(2));
  EXPECT_EQ(source.totals().dead_lettered, 6u);
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderRefusalsTest, AnOutageOfDaysGivesNoTraceUp) {
  warm_up();
  Outcome away = transient();
  away.failure.http_status = 0;
  for (std::uint64_t trace = 1; trace <= 20; ++trace) accept(trace);
  all_fails(away);
  run_for(hours(30));
  // It is back for a moment, and away again.
  int left = 5;
  destination.follow(
      ScriptedDestination::each([&left, away](auto&&) { return left-- > 0 ? Outcome{} : away; }));
  run_for(hours(30));
  all_works();
  run_for(minutes(5));
  EXPECT_EQ(source.totals().queued, 0u);
  EXPECT_EQ(source.totals().dead_lettered, 0u);
}

TEST_F(ForwarderRefusalsTest, AnUnknownAnswerIsJudgedWhenOnlyTheInfoGoesThrough) {
  accept(1);
  destination.follow(refusing(OutcomeKind::unknown, {span(1, 1)}));
  run_for(minutes(10));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

TEST_F(ForwarderRefusalsTest, ABadSpanIsFoundWithoutOtherTraffic) {
  accept(1, 1, 3);
  destination.follow(refusing(OutcomeKind::unknown, {span(1, 1)}));
  run_for(minutes(30));
  EXPECT_EQ(source.totals(), (Totals{.accepted = 3, .delivered = 2, .dead_lettered = 1}));
}

TEST_F(ForwarderRefusalsTest, AnUnknownAnswerIsNotJudgedWhileNothingElseGoesThrough) {
  accept(1, 1, 3);
  accept(2);
  all_fails(failed(OutcomeKind::unknown, FailureClass::unknown));  // not even the info
  run_for(hours(48));
  EXPECT_EQ(source.totals().queued, 4u);
  all_works();
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 4u);
}

TEST_F(ForwarderRefusalsTest, AnUnknownAnswerIsNotJudgedWhileTheServerHasTrouble) {
  accept(1, 1, 1);
  accept(2, {.experiment = "7"});
  destination.follow([](const ScriptedDestination::Batch& batch) {
    Outcome outcome = failed(OutcomeKind::unknown, FailureClass::unknown);
    outcome.info_stored = true;
    if (batch[0].experiment == "7") outcome = transient();
    return std::vector<Outcome>(batch.size(), outcome);
  });
  run_for(hours(2));
  EXPECT_EQ(source.totals().queued, 2u);
}

TEST_F(ForwarderRefusalsTest, ADoubtfulTraceDoesNotDelayTheOthersForLong) {
  accept(1, 1, 3);
  destination.follow(refusing(OutcomeKind::unknown, {span(1, 2)}));
  for (int n = 0; n < 60; ++n) {
    accept(++others_);
    run_for(seconds(10));
    EXPECT_FALSE(destination.delivered_spans(trace_id(others_)).empty()) << n;
  }
}

TEST_F(ForwarderRefusalsTest, ATransientFailureIsRetriedForEver) {
  accept(1);
  all_fails(transient());
  run_for(hours(72));
  EXPECT_EQ(source.totals().queued, 1u);
  const std::size_t attempts = destination.batches().size();
  EXPECT_GT(attempts, 72u * 60) << "each minute at least";
  EXPECT_LT(attempts, 72u * 130) << "no more than two a minute once it lasts";
  all_works();
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 1u);
}

TEST_F(ForwarderRefusalsTest, AMomentOfAskingTheServerIsNoHold) {
  destination.refuse([](const LinkHash&, const std::string&) { return true; }, Failure{});
  accept(1);
  run_for(milliseconds(2'900));  // the trace's grace, and what a question takes
  EXPECT_TRUE(forwarder->status().held.empty());
  EXPECT_EQ(forwarder->status().held_scopes, 0u);
  run_for(seconds(1));
  run_for(seconds(1));  // a round tells what there was at its begin
  ASSERT_EQ(forwarder->status().held.size(), 1u);
  EXPECT_EQ(forwarder->status().held.at(0).scope, "server");
  EXPECT_EQ(forwarder->status().held_scopes, 1u);
}

TEST_F(ForwarderRefusalsTest, ADeadServerIsProbedWithOneTrace) {
  for (std::uint64_t trace = 1; trace <= 50; ++trace) accept(trace);
  all_fails(transient());
  run_for(minutes(10));
  for (std::size_t i = 2; i < destination.batches().size(); ++i) EXPECT_EQ(batch(i).size(), 1u);
  EXPECT_EQ(forwarder->status().held.at(0).scope, "server");
  EXPECT_EQ(forwarder->status().held.at(0).traces, 50u);
  all_works();
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 50u);
  EXPECT_TRUE(forwarder->status().held.empty());
}

TEST_F(ForwarderRefusalsTest, RetryAfterIsHonoured) {
  accept(1);
  Outcome busy = transient();
  busy.failure.retry_after = minutes(10);
  all_fails(busy);
  run_for(minutes(9));
  EXPECT_EQ(destination.batches().size(), 1u);
  run_for(minutes(2));
  EXPECT_EQ(destination.batches().size(), 2u);
}

TEST_F(ForwarderRefusalsTest, AConfigurationFailureHoldsOnlyItsScope) {
  fail_in_experiment_seven(misconfigured(FailureScope::experiment));
  for (std::uint64_t trace = 1; trace <= 10; ++trace) {
    accept(trace, {.experiment = trace % 2 == 0 ? "7" : ""});
  }
  run();
  EXPECT_EQ(source.totals().delivered, 5u);
  const auto held = forwarder->status().held;
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].scope, "experiment 7");
  EXPECT_TRUE(held[0].remedy.starts_with("repair it A client chose it"));
  EXPECT_EQ(held[0].traces, 5u);
  all_works();
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 10u);
}

TEST_F(ForwarderRefusalsTest, AMisconfiguredLinkHoldsOnlyItsTraces) {
  destination.follow(ScriptedDestination::each([](const TraceDelivery& delivery) {
    return delivery.link == link_of('b') ? misconfigured(FailureScope::link) : Outcome{};
  }));
  accept(1, {.link = 'b'});
  accept(2);
  run();
  EXPECT_EQ(source.totals().delivered, 1u);
  EXPECT_EQ(forwarder->status().held.at(0).scope, "link model-b");
}

TEST_F(ForwarderRefusalsTest, AnUnknownExperimentOfAClientIsNotTheOperatorsMistake) {
  Outcome unknown = misconfigured(FailureScope::experiment);
  unknown.failure.remedy = remedy::kUnknownExperiment;
  fail_in_experiment_seven(unknown);
  accept(1, {.experiment = "7"});
  run();
  const ForwardStatus status = forwarder->status();
  ASSERT_EQ(status.held.size(), 1u);
  for (const std::string& told : {status.held[0].remedy, status.last_error->remedy}) {
    EXPECT_NE(told.find("header x-mlflow-experiment-id"), std::string::npos) << told;
    EXPECT_NE(told.find("dead letters after 24 hours"), std::string::npos) << told;
    EXPECT_EQ(told.find("experiment.id"), std::string::npos) << told;
  }
}

TEST_F(ForwarderRefusalsTest, AnExperimentThatAPeerChoseIsGivenUpAfterTheLongestHold) {
  fail_in_experiment_seven(misconfigured(FailureScope::experiment));
  accept(1, 1, 3, {.experiment = "7"});
  run_for(hours(23));
  EXPECT_EQ(source.totals().queued, 3u);
  accept(2, {.experiment = "7"});
  run_for(hours(2));
  EXPECT_EQ(source.totals().dead_lettered, 3u);
  EXPECT_EQ(source.totals().queued, 1u) << "the younger one has time";
  EXPECT_EQ(letters()[0]["reason"], "held too long: no");
}

TEST_F(ForwarderRefusalsTest, AnOldTraceIsNotGivenUpAtTheFirstRefusal) {
  fail_in_experiment_seven(misconfigured(FailureScope::experiment));
  accept(1, {.experiment = "7"});
  clock.advance(hours(48));  // the daemon was down
  run_for(seconds(90));
  EXPECT_EQ(source.totals().queued, 1u);
  run_for(minutes(10));
  EXPECT_EQ(source.totals().dead_lettered, 1u);
}

TEST_F(ForwarderRefusalsTest, WhatTheOperatorChoseIsHeldWithoutLimit) {
  all_fails(misconfigured(FailureScope::experiment));  // the link's own experiment
  accept(1);
  run_for(hours(24 * 14));
  EXPECT_EQ(source.totals().queued, 1u);
  all_works();
  run_for(minutes(2));
  EXPECT_EQ(source.totals().delivered, 1u);
}

TEST_F(ForwarderRefusalsTest, ARefusingServerHoldsEverythingWithoutLimit) {
  all_fails(misconfigured(FailureScope::server));
  accept(1, {.experiment = "7"});
  run_for(hours(24 * 14));
  EXPECT_EQ(source.totals().queued, 1u);
}

TEST_F(ForwarderRefusalsTest, WhatFindsNoRoomAmongTheDeadLettersStaysInTheQueue) {
  dead_letter_bytes = 10;
  destination.follow(refusing(OutcomeKind::poison, {span(1, 1)}));
  accept(1);
  accept(2);
  run();
  EXPECT_EQ(source.totals(), (Totals{.accepted = 2, .delivered = 1, .queued = 1}));
  EXPECT_EQ(forwarder->status().parked_traces, 1u);
  EXPECT_NE(forwarder->status().last_error->remedy.find("make room"), std::string::npos);
  dead_letter_bytes = 1u << 20;
  restart();
  run();
  EXPECT_EQ(source.totals().dead_lettered, 1u);
  EXPECT_EQ(source.totals().queued, 0u);
}

TEST_F(ForwarderRefusalsTest, DeadLettersCountAgainstTheQueuesBound) {
  destination.follow(refusing(OutcomeKind::poison, {span(1, 1)}));
  accept(1);
  run();
  EXPECT_EQ(source.external_bytes(), store->bytes());
  const auto bytes = store->bytes();
  restart();
  EXPECT_EQ(source.external_bytes(), bytes);
}

TEST_F(ForwarderRefusalsTest, AttemptsAreCountedByTheirEnd) {
  fail_in_experiment_seven(misconfigured(FailureScope::experiment));
  accept(1);
  accept(2, {.experiment = "7"});
  run();
  const ForwardCounters counters = forwarder->status().counters;
  EXPECT_EQ(counters.batches, 2u);
  EXPECT_EQ(counters.delivered_traces, 1u);
  EXPECT_EQ(counters.failures[FailureClass::configuration], 1u);
  EXPECT_EQ(counters.failures.total(), 1u);
}

TEST_F(ForwarderRefusalsTest, DeliveriesAreCountedByModelAndByLag) {
  fail_in_experiment_seven(misconfigured(FailureScope::experiment));
  accept(1);
  accept(2, {.link = 'b', .experiment = "7"});
  run();
  const ForwardStatus status = forwarder->status();
  ASSERT_EQ(status.models.size(), 2u);
  EXPECT_EQ(status.models[0].model + " " + status.models[1].model, "model-a model-b");
  EXPECT_EQ(status.models[0].delivered_traces, 1u);
  EXPECT_EQ(status.models[1].failures, 1u);
  EXPECT_DOUBLE_EQ(status.counters.lag.sum_seconds(),
                   std::chrono::duration<double>(options.trace_grace).count());
}

}  // namespace
}  // namespace tracelink
