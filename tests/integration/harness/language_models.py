"""Answers as OpenAI and Anthropic do, always the same: for SDKs that have to believe that they talk to one."""

import http.server
import json
import threading

USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
TEXT = "because of the disk"


def completion(model: str) -> dict:
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "usage": USAGE,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TEXT}}]}


def chunks(model: str) -> list[dict]:
    def chunk(delta: dict, end: str | None, usage: dict | None) -> dict:
        return {"id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": model, "usage": usage,
                "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
    words = TEXT.split()
    return [chunk({"role": "assistant", "content": ""}, None, None), *(chunk({"content": word + " "}, None, None) for word in words),
            chunk({}, "stop", USAGE)]


def message(model: str) -> dict:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn", "stop_sequence": None,
            "content": [{"type": "text", "text": TEXT}], "usage": {"input_tokens": 12, "output_tokens": 5}}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["model"] == "none":
            self._send(404, "application/json", json.dumps({"error": {"message": "no such model", "type": "not_found"}}))
        elif self.path.endswith("/messages"):
            self._send(200, "application/json", json.dumps(message(asked["model"])))
        elif asked.get("stream"):
            events = [json.dumps(chunk) for chunk in chunks(asked["model"])] + ["[DONE]"]
            self._send(200, "text/event-stream", "".join(f"data: {event}\n\n" for event in events))
        else:
            self._send(200, "application/json", json.dumps(completion(asked["model"])))

    def _send(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class LanguageModels:
    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
