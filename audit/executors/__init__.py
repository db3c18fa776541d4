"""Where a model is asked: the places that `--executor` knows."""

EXECUTORS = {
    "local": "audit.executors.local:local",
    "ray": "audit.executors.ray:on_ray",
}
