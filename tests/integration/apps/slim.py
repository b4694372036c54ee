"""usage: slim.py APP [ARGUMENT…]: an application of this folder by `mlflow-tracing` alone, which records nothing before code tells it the experiment."""

import os
import pathlib
import runpy
import sys

import mlflow

mlflow.set_experiment(os.environ["MLFLOW_EXPERIMENT_NAME"])
del sys.argv[0]
runpy.run_path(pathlib.Path(__file__).parent / sys.argv[0], run_name="__main__")
