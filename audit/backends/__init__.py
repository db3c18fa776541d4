"""Kinds of model that `--model KIND:NAME` knows, and the schema of each one's model file."""

BACKENDS = {
    "callable": "audit.backends.callable:PythonFunction",
    "endpoint": "audit.backends.endpoint:Endpoint",
    "hf": "audit.backends.huggingface:HuggingFace",
    "recorded": "audit.backends.recorded:RecordedAnswers",
    "reference": "audit.backends.huggingface:HuggingFace",
}
