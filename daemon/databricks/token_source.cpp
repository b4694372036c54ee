#include "daemon/databricks/token_source.hpp"

#include <algorithm>
#include <deque>

#include "daemon/base/retry_delay.hpp"
#include "daemon/databricks/token_fetch.hpp"

namespace tracelink {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// Azure Databricks refuses tokens in their last 30 s.
constexpr seconds kExpiresEarly{40};
// Longer than an authorization server is down.
constexpr minutes kRefreshAhead{20};
constexpr minutes kFirstPause{1};  // after a failed refresh while the old token is good
constexpr int kMostDoublings = 3;
constexpr RetryDelay kDelay{};  // without a good token

std::string agent_of(const TokenSource::Options& options) {
  return options.user_agent + " os/linux auth/" + std::string(to_string(options.workspace.auth));
}

}  // namespace

struct TokenSource::Impl {
  Impl(Options given, HttpClient& http, const FileSystem& fs, const Clock& clock_given,
       RandomSource& random_given)
      : options(std::move(given)),
        clock(clock_given),
        random(random_given),
        fetch(http, fs, options.timeout, agent_of(options)) {}

  bool is_good() const { return held && clock.steady() < good_until; }
  std::optional<Authorization> current();
  void get(Handler handler);
  void drop(std::uint64_t number);

  void start_fetch();
  void read_again_if_refused();
  void fetched(std::variant<TokenGrant, TokenRefusal> result);
  void take(TokenGrant grant);
  void failed(const TokenRefusal& refusal);
  void answer_all(const std::variant<Authorization, Refusal>& answer);

  Options options;
  const Clock& clock;
  RandomSource& random;
  TokenFetch fetch;
  std::optional<Authorization> held;
  SteadyTime held_since, good_until, refresh_at;
  std::deque<Handler> waiting;
  bool fetching = false;
  bool was_refused = false;  // the credential may have been rotated
  int failures = 0;
  std::optional<TokenRefusal> last_refusal;
  SteadyTime pause_until = SteadyTime::min();
  std::uint64_t last_number = 0;
};

std::optional<Authorization> TokenSource::Impl::current() {
  if (!is_good()) return std::nullopt;
  if (clock.steady() >= refresh_at && !fetching) start_fetch();
  return held;
}

void TokenSource::Impl::get(Handler handler) {
  if (const auto authorization = current()) return handler(*authorization);
  if (last_refusal && clock.steady() < pause_until) {
    return handler(Refusal(*last_refusal));
  }
  waiting.push_back(std::move(handler));
  if (!fetching) start_fetch();
}

void TokenSource::Impl::drop(std::uint64_t number) {
  if (!held || held->number != number) return;
  held.reset();
  was_refused = true;
}

void TokenSource::Impl::start_fetch() {
  fetching = true;
  read_again_if_refused();
  fetch.start(options.workspace, [this](auto result) { fetched(std::move(result)); });
}

// The host and the kind of credential stay: what was kept for one workspace is not sent to another.
void TokenSource::Impl::read_again_if_refused() {
  if (!was_refused || !options.read_again) return;
  auto again = options.read_again();
  if (!again || again->host != options.workspace.host || again->auth != options.workspace.auth) {
    return;
  }
  options.workspace = *std::move(again);
}

void TokenSource::Impl::fetched(std::variant<TokenGrant, TokenRefusal> result) {
  fetching = false;
  if (auto* grant = std::get_if<TokenGrant>(&result)) {
    take(std::move(*grant));
  } else {
    failed(std::get<TokenRefusal>(result));
  }
}

void TokenSource::Impl::take(TokenGrant grant) {
  const SteadyTime now = clock.steady();
  held = Authorization{.headers = std::move(grant.headers), .number = ++last_number};
  held_since = now;
  good_until = SteadyTime::max();
  refresh_at = SteadyTime::max();
  if (grant.lifetime) {
    good_until = now + *grant.lifetime - kExpiresEarly;
    refresh_at = now + *grant.lifetime -
                 std::min<std::chrono::milliseconds>(*grant.lifetime / 2, kRefreshAhead);
  }
  failures = 0;
  was_refused = false;
  last_refusal.reset();
  answer_all(*held);
}

void TokenSource::Impl::failed(const TokenRefusal& refusal) {
  const auto* error = std::get_if<Error>(&refusal);
  const bool cancelled = error != nullptr && error->code == ErrorCode::closed;
  if (!cancelled) {
    ++failures;
    last_refusal = refusal;
    was_refused = was_refused || error == nullptr;
    pause_until = clock.steady() + kDelay.after(failures, random);
    refresh_at = clock.steady() + kFirstPause * (1 << std::min(failures - 1, kMostDoublings));
  }
  answer_all(Refusal(refusal));
}

// Handlers may ask again.
void TokenSource::Impl::answer_all(const std::variant<Authorization, Refusal>& answer) {
  for (const Handler& handler : std::exchange(waiting, {})) handler(answer);
}

TokenSource::TokenSource(Options options, HttpClient& http, const FileSystem& fs,
                         const Clock& clock, RandomSource& random)
    : impl_(std::make_unique<Impl>(std::move(options), http, fs, clock, random)) {}

TokenSource::~TokenSource() = default;

void TokenSource::get(Handler handler) { impl_->get(std::move(handler)); }

void TokenSource::drop(std::uint64_t number) { impl_->drop(number); }

std::optional<std::chrono::milliseconds> TokenSource::age() const {
  if (!impl_->held) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(impl_->clock.steady() -
                                                               impl_->held_since);
}

const DatabricksWorkspace& TokenSource::workspace() const { return impl_->options.workspace; }

std::string TokenSource::user_agent() const { return agent_of(impl_->options); }

std::string TokenSource::remedy() const { return credential_remedy(impl_->options.workspace); }

}  // namespace tracelink
