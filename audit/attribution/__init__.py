"""Explanation methods: name → a frozen dataclass whose fields are those of `ExplainSettings` that it needs."""

ATTRIBUTORS: dict[str, str] = {
    "lime": "audit.attribution.lime_weights:Lime",
    "shap": "audit.attribution.shap_values:Shap",
}
