#include "daemon/forward/turns.hpp"

#include <utility>

namespace tracelink {

namespace {

// Between two probes of what peers invented and the server refused.
constexpr std::chrono::milliseconds kBetweenProbes{200};

}  // namespace

Turns::List& Turns::list_of(Kind kind) {
  switch (kind) {
    case Kind::known:
      return known_;
    case Kind::unproven:
      return unproven_;
    case Kind::refused:
      return refused_;
  }
  return known_;
}

void Turns::join(const GroupKey& group, Kind kind) {
  List& list = list_of(kind);
  if (const auto found = places_.find(group); found != places_.end()) {
    Place& place = found->second;
    if (place.kind != kind) list.splice(list.end(), list_of(place.kind), place.at);
    place.kind = kind;
  } else {
    places_.emplace(group, Place{kind, list.insert(list.end(), group)});
  }
}

std::optional<GroupKey> Turns::pop(List& list) {
  if (list.empty()) return std::nullopt;
  GroupKey group = std::move(list.front());
  list.pop_front();
  places_.erase(group);
  return group;
}

std::optional<GroupKey> Turns::next_invention() {
  if (clock_.steady() >= next_probe_) {
    if (auto group = pop(refused_)) return group;
  }
  return pop(unproven_);
}

// All inventions together have the share of one group.
std::optional<GroupKey> Turns::next(bool inventions) {
  if (inventions && (known_.empty() || since_invention_ > known_.size())) {
    if (auto group = next_invention()) {
      since_invention_ = 0;
      return group;
    }
  }
  auto group = pop(known_);
  if (group) ++since_invention_;
  return group;
}

void Turns::probe_sent() { next_probe_ = clock_.steady() + kBetweenProbes; }

std::optional<SteadyTime> Turns::next_probe() const {
  if (refused_.empty()) return std::nullopt;
  return next_probe_;
}

}  // namespace tracelink
