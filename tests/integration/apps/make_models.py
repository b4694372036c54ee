"""usage: make_models.py EXPERIMENT NAME STATUS…: LoggedModels of one name by MLflow's own SDK; prints their ids.

STATUS is READY or PENDING, as an application that ended before it was ready leaves it.
"""

import json
import sys

import mlflow

experiment, name, *statuses = sys.argv[1:]
mlflow.set_experiment(experiment)
made = []
for status in statuses:
    make = mlflow.create_external_model if status == "READY" else mlflow.initialize_logged_model
    made.append(make(name=name).model_id)
print(json.dumps(made))
