"""usage: all_cases.py [CASE…]: one trace a case, by MLflow's own SDK; the environment says where they go.

Prints what is true of each, one JSON object a trace: its id, the times of its spans, and what its author meant.
"""

import inspect
import json
import sys
import time

import mlflow
from mlflow.entities import Document, SpanEvent, SpanType
from mlflow.entities.span_status import SpanStatus, SpanStatusCode

try:
    from mlflow.entities import Link
except ImportError:  # before 3.13
    Link = None

QUESTION = "Which ones are 高い?"
LONG = "".join(f"Sentence {number} of a long text, with 😀 and “quotes”. " for number in range(100))
USAGE = "mlflow.chat.tokenUsage"

cases = {}


class Case:
    """The spans of one trace, remembered for their times."""

    def __init__(self, name):
        self.name = name
        self.spans = []

    def span(self, name, span_type=SpanType.UNKNOWN):
        self.spans.append(None)
        return self._Remembering(self, len(self.spans) - 1, mlflow.start_span(name, span_type=span_type))

    class _Remembering:
        def __init__(self, case, index, inner):
            self.case, self.index, self.inner = case, index, inner

        def __enter__(self):
            self.case.spans[self.index] = self.inner.__enter__()
            return self.case.spans[self.index]

        def __exit__(self, *raised):
            return self.inner.__exit__(*raised)


def case(**truth):
    """Registers a case: the function gets the root span. truth: what the author of the application meant."""
    def register(function):
        name = truth.pop("name", function.__name__)

        def run():
            made = Case(name)
            try:
                with made.span(name, SpanType.CHAIN) as root:
                    function(made, root)
            except TimeoutError:
                pass
            root = made.spans[0]
            print(json.dumps({
                "case": function.__name__, "trace_id": f"tr-{root._span.context.trace_id:032x}",
                "name": name, "state": "OK", "tokens": None, "session": None, "user": None, "tags": {},
                "times": {span.name: [span.start_time_ns, span.end_time_ns] for span in made.spans},
                "span_ids": {span.name: span.span_id for span in made.spans}} | truth))
        cases[function.__name__] = run
    return register


def chat_case(name, inputs, outputs, request, response):
    @case(request=request, response=response, name=name)
    def chat(made, root):
        root.set_inputs(inputs)
        root.set_outputs(outputs)
    cases[name] = cases.pop("chat")


@case(request='{"question": "why?"}', response='"because"')
def short(made, root):
    root.set_inputs({"question": "why?"})
    root.set_outputs("because")


@case()
def long(made, root):
    root.set_inputs({"question": LONG})
    root.set_outputs({"answer": LONG * 3})


@case(request="null", response="null")
def nothing(made, root):
    root.set_inputs(None)
    root.set_outputs(None)


@case(request=None, response=None)
def neither_inputs_nor_outputs(made, root):
    with made.span("step"):
        pass


@case(request='["a", 1, null, true, {"b": []}]', response="0.25")
def lists_and_numbers(made, root):
    root.set_inputs(["a", 1, None, True, {"b": []}])
    root.set_outputs(0.25)


@case(request='{"exact": 1000}')
def at_the_limits(made, root):
    """Texts as long as previews (1000) and metadata (250) may be, and one character longer, in code points."""
    root.set_inputs({"exact": 1000})
    with made.span("limits") as span:
        span.set_inputs("é" * 998)
    root.set_outputs("😀" * 998)


@case()
def one_over_the_limits(made, root):
    root.set_inputs("x" * 249)
    root.set_outputs("😀" * 999)


def message(role, content):
    return {"role": role, "content": content}


ANSWER = message("assistant", "The 高い one 😀")
for arguments in (
    ("chat_messages", {"messages": [message("system", "Be brief."), message("user", "first"), message("assistant", "?"),
                                    message("user", QUESTION)]}, {"messages": [ANSWER]}, QUESTION, ANSWER["content"]),
    ("chat_choices", {"messages": [message("user", QUESTION)], "temperature": 0.2},
     {"choices": [{"index": 0, "message": ANSWER, "finish_reason": "stop"}]}, QUESTION, ANSWER["content"]),
    ("chat_responses", {"input": [message("user", QUESTION)]},
     {"output": [{"type": "message", "id": "1", "role": "assistant",
                  "content": [{"type": "output_text", "text": ANSWER["content"]}]}]}, QUESTION, ANSWER["content"]),
    ("chat_request", {"request": {"input": [message("user", QUESTION)], "context": {}}}, {"request": 1}, QUESTION,
     '{"request": 1}'),
    ("chat_parts", {"messages": [message("user", [{"type": "image_url", "image_url": {"url": "data:,"}},
                                                  {"type": "text", "text": QUESTION}, {"type": "text", "text": "no"}])]},
     {"messages": [message("assistant", ["The first", "The second"])]}, QUESTION, "The first"),
    ("chat_without_that_role", {"messages": [message("system", "a"), message("tool", "b")]},
     {"messages": [message("user", "only the user")]}, "b", "only the user"),
    ("chat_without_text", {"messages": [message("user", None)]}, {"messages": [message("assistant", "")]},
     '{"messages": [{"role": "user", "content": null}]}', '{"messages": [{"role": "assistant", "content": ""}]}'),
    ("chat_that_is_none", {"messages": []}, {"messages": "none"}, '{"messages": []}', '{"messages": "none"}'),
    ("chat_incomplete", {"messages": [{"role": "user"}, {"content": "x"}]}, {"choices": []},
     '{"messages": [{"role": "user"}, {"content": "x"}]}', '{"choices": []}'),
    ("chat_long", {"messages": [message("user", LONG)]}, {"messages": [message("assistant", LONG)]}, LONG[:997] + "...",
     LONG[:997] + "..."),
):
    chat_case(*arguments)


@case(state="ERROR")
def exception(made, root):
    root.set_inputs({"question": QUESTION})
    with made.span("tool", SpanType.TOOL) as span:
        span.set_inputs({"city": "Köln"})
        raise TimeoutError("no answer from “tool”\nin time")


@case()
def exception_that_was_handled(made, root):
    root.set_inputs("try")
    try:
        with made.span("attempt"):
            raise ValueError("")
    except ValueError:
        root.set_outputs("fallback")


@case(state="ERROR")
def status_set_by_hand(made, root):
    with made.span("fine") as span:
        span.set_status("OK")
    root.set_status(SpanStatus(SpanStatusCode.ERROR, "the caller said so, 高い"))


@case()
def typed_attributes(made, root):
    with made.span("typed") as span:
        span.set_attributes({
            "text": "plain", "empty": "", "integer": 42, "negative": -7, "zero": 0, "large": 2**53 + 1, "largest": 2**63 - 1,
            "float": 0.2, "whole float": 3.0, "tiny": 1e-300, "huge": 1.5e300, "yes": True, "no": False, "none": None,
            "list": [1, "two", 3.0, None, [True]], "empty list": [], "dict": {"b": 1, "a": {"nested": [{}]}}, "empty dict": {},
            "floats": [0.1, 0.2], "words": ["a", "b"], "tuple": (1, 2),
        })
    with made.span("texts that look like JSON") as span:
        span.set_attributes({
            "number": "0.2", "integer": "42", "true": "true", "null": "null", "object": '{"a": 1}', "list": "[1, 2]",
            "quoted": '"quoted"', "almost": '{"a": ', "spaces": "  1 ", "NaN": "NaN", "Infinity": "-Infinity",
        })


@case()
def numbers_that_json_lacks(made, root):
    with made.span("numbers") as span:
        span.set_attributes({"nan": float("nan"), "infinity": float("inf"), "inside": [float("nan"), {"Infinity": -float("inf")}]})


@case()
def integers_beyond_64_bits(made, root):
    with made.span("integers") as span:
        span.set_attributes({"integer": 2**63, "negative": -2**63 - 1, "inside": [float("nan"), 2**70]})


@case()
def objects(made, root):
    with made.span("values") as span:
        span.set_attributes({"bytes": b"\x00\xff", "set": {1}, "status": SpanStatusCode.OK, "date": time.gmtime(0)})
        span.set_inputs(Document(page_content="a dataclass", metadata={"k": 1}))


@case()
def events(made, root):
    with made.span("eventful") as span:
        span.add_event(SpanEvent("cache miss"))
        span.add_event(SpanEvent("retry", attributes={"attempt": 2, "delay": 0.5, "last": False, "hosts": ["a", "b"],
                                                      "reason": '{"not": "parsed"}', "高い": "😀"}))
        span.add_event(SpanEvent("cache miss"))


@case(name="回答 😀 \u200b", request='{"質問": "値段は?\\\\u00e9 \\\\\\\\ \\"引用\\""}')
def unicode(made, root):
    root.set_inputs({"質問": '値段は?\\u00e9 \\\\ "引用"'})
    root.set_outputs("e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 \ufeff \u2028 \x7f \x01")
    with made.span("ταμείο") as span:
        span.set_attribute("ключ", "значение")


@case(request='{"question": "before\\u0000after"}')
def nul(made, root):
    root.set_inputs({"question": "before\x00after"})
    root.set_outputs({"messages": [message("assistant", "one\x00two")]})
    with made.span("step") as span:
        span.set_attribute("with NUL", "a\x00b")


@case(tags={"team": "ml", "高い": "値", "json": '{"a": 1}', "number": "5", "empty": ""})
def trace_tags(made, root):
    mlflow.update_current_trace(tags={"team": "ml", "高い": "値", "json": '{"a": 1}', "number": "5", "empty": ""})


@case(tags={"a": "1", "b": "2", "c": "3"}, tokens={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
def trace_tags_and_tokens(made, root):
    with made.span("chat", SpanType.CHAT_MODEL) as span:
        mlflow.update_current_trace(tags={"a": "1", "b": "2", "c": "3"})
        span.set_attribute(USAGE, {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})


@case(tokens={"input_tokens": 40, "output_tokens": 12, "total_tokens": 52})
def tokens_of_leaves(made, root):
    for number in range(2):
        with made.span(f"agent {number}", SpanType.AGENT):
            with made.span(f"model {number}", SpanType.CHAT_MODEL) as span:
                span.set_attribute(USAGE, {"input_tokens": 20, "output_tokens": 6, "total_tokens": 26})


@case(tokens={"input_tokens": 30, "output_tokens": 10, "total_tokens": 40})
def tokens_rolled_up(made, root):
    root.set_attribute(USAGE, {"input_tokens": 30, "output_tokens": 10, "total_tokens": 40})
    with made.span("model", SpanType.CHAT_MODEL) as span:
        span.set_attribute(USAGE, {"input_tokens": 30, "output_tokens": 10, "total_tokens": 40})


@case(tokens={"input_tokens": 15, "output_tokens": 6, "total_tokens": 21,
              "cache_read_input_tokens": 7, "cache_creation_input_tokens": 2})
def tokens_cached(made, root):
    with made.span("one", SpanType.CHAT_MODEL) as span:
        span.set_attribute(USAGE, {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8})
    with made.span("two", SpanType.CHAT_MODEL) as span:
        span.set_attribute(USAGE, {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13,
                                   "cache_read_input_tokens": 7, "cache_creation_input_tokens": 2})


@case(tokens={"input_tokens": 1000, "output_tokens": 500, "total_tokens": 1500})
def priced_model(made, root):
    with made.span("chat", SpanType.CHAT_MODEL) as span:
        span.set_inputs({"messages": [message("user", "hi")], "model": "gpt-4o"})
        span.set_attributes({"mlflow.llm.model": "gpt-4o", "mlflow.llm.provider": "openai", "mlflow.message.format": "openai",
                             USAGE: {"input_tokens": 1000, "output_tokens": 500, "total_tokens": 1500}})
        span.set_outputs({"choices": [{"message": ANSWER}]})


@case(session="session-高い", user="ada@example.org")
def session_and_user(made, root):
    """As an application has to say them over OTLP."""
    root.set_attributes({"session.id": "session-高い", "user.id": "ada@example.org"})


@case(session="42", user="0007")
def session_and_user_of_a_child(made, root):
    with made.span("turn") as span:
        span.set_attributes({"session.id": "42", "user.id": "0007"})


@case()
def retriever(made, root):
    with made.span("retrieve", SpanType.RETRIEVER) as span:
        span.set_inputs({"query": QUESTION, "k": 2})
        span.set_outputs([Document("page one", {"doc_uri": "a", "score": 0.5}, id="1"), Document("page two")])


@case()
def tools(made, root):
    with made.span("agent", SpanType.AGENT):
        with made.span("model", SpanType.CHAT_MODEL) as span:
            span.set_attribute("mlflow.chat.tools", [{"type": "function", "function": {
                "name": "weather", "description": "…", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}])
            span.set_outputs(message("assistant", None) | {"tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}]})
        with made.span("weather", SpanType.TOOL) as span:
            span.set_inputs({"city": "Köln"})
            span.set_outputs({"temperature": -1.5})


@case()
def span_types(made, root):
    root.set_span_type("MY TYPE 高い")
    with made.span("none", None):
        pass
    with made.span("", SpanType.MEMORY):
        pass


@case(request='{"a": 1, "b": {"c": "d"}}', response='"1d"')
def decorated_function(made, root):
    @mlflow.trace(name="decorated", span_type=SpanType.TOOL, attributes={"version": 3})
    def join(a, b):
        made.spans.append(mlflow.get_current_active_span())
        return f"{a}{b['c']}"
    root.set_inputs({"a": 1, "b": {"c": "d"}})
    root.set_outputs(join(1, b={"c": "d"}))


@case()
def set_on_the_trace(made, root):
    """What MLflow's SDK keeps for itself in OTLP mode."""
    who, metadata = {"session_id": "s-1", "user": "u-1"}, {"environment": "production"}
    if not who.keys() <= inspect.signature(mlflow.update_current_trace).parameters.keys():  # an older SDK
        who, metadata = {}, metadata | {"mlflow.trace.session": "s-1", "mlflow.trace.user": "u-1"}
    mlflow.update_current_trace(metadata=metadata, client_request_id="request-1", request_preview="by hand",
                                response_preview="by hand", **who)
    root.set_inputs("the input")
    root.set_outputs("the output")


@case()
def a_child_that_outlives_its_root(made, root):
    child = mlflow.start_span_no_context("background", parent_span=root)
    made.spans.append(child)
    child.end(end_time_ns=child.start_time_ns + 10**10)


if Link is not None:
    @case()
    def links(made, root):
        with made.span("first") as first:
            pass
        with made.span("second") as second:
            second.add_link(Link(trace_id=first.trace_id, span_id=first.span_id, attributes={"why": "follows", "n": 1}))


for chosen in sys.argv[1:] or cases:
    cases[chosen]()
