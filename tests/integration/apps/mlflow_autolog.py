"""usage: mlflow_autolog.py MODELS_URI: calls of language models that MLflow traces by itself.

Prints one JSON object: by case, the trace's id.
"""

import json
import sys

import anthropic
import mlflow
import openai
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

uri = sys.argv[1]
mlflow.openai.autolog()
mlflow.anthropic.autolog()
mlflow.langchain.autolog()
gpt = openai.OpenAI(base_url=uri + "/v1", api_key="none", max_retries=0)
claude = anthropic.Anthropic(base_url=uri, api_key="none", max_retries=0)
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why ü?"}]


def stream() -> None:
    for _ in gpt.chat.completions.create(model="gpt-5", messages=QUESTION, stream=True, stream_options={"include_usage": True}):
        pass


def chain() -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
    model = ChatOpenAI(base_url=uri + "/v1", api_key="none", model="gpt-5", max_retries=0)
    (prompt | model | StrOutputParser()).invoke({"question": "Why?"})


def inside_a_span() -> None:
    with mlflow.start_span("agent") as span:
        span.set_inputs({"question": "Why?"})
        claude.messages.create(model="claude-5", max_tokens=10, messages=QUESTION[1:])
        gpt.chat.completions.create(model="gpt-5", messages=QUESTION)


CASES = {
    "openai": lambda: gpt.chat.completions.create(model="gpt-5", messages=QUESTION, temperature=0.5),
    "openai, streamed": stream,
    "openai, refused": lambda: gpt.chat.completions.create(model="none", messages=QUESTION),
    "anthropic": lambda: claude.messages.create(model="claude-5", max_tokens=10, messages=QUESTION[1:]),
    "langchain": chain,
    "inside a span": inside_a_span,
}
made = {}
for case, call in CASES.items():
    try:
        call()
    except openai.NotFoundError:
        assert case == "openai, refused"
    mlflow.flush_trace_async_logging()
    made[case] = mlflow.get_last_active_trace_id()
print(json.dumps(made))
