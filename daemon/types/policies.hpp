#pragma once

namespace tracelink {

// What happens at the queue's bound: clients wait, are refused, or the oldest segments are dropped.
enum class OnFull { wait, reject, drop_oldest };

// What traces may name: a model by its name or id, an existing one by its id, none.
enum class FromTraces { names, ids, off };

}  // namespace tracelink
