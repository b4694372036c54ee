"""usage: mlflow_files_server.py: an MLflow server that serves the SQLite file which the last line of its input names.

Prints its address, and a line whenever it serves another file.
"""

import pathlib
import socket
import sys
import threading
import time

import uvicorn
from mlflow.server import handlers
from mlflow.server.fastapi_app import app

listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
threading.Thread(target=server.run, args=([listener],), daemon=True).start()
while not server.started:
    time.sleep(0.05)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
for line in sys.stdin:
    file = pathlib.Path(line.rstrip("\n"))
    handlers._tracking_store = handlers._model_registry_store = None
    handlers.initialize_backend_stores(f"sqlite:///{file}", default_artifact_root=file.parent.as_uri())
    print(file, flush=True)
