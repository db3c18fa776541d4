"""Explanation methods: name → a frozen dataclass whose fields are those of `ExplainSettings` that it needs."""

ATTRIBUTORS: dict[str, str] = {
    "gradient_x_input": "audit.attribution.gradients:GradientXInput",
    "integrated_gradients": "audit.attribution.gradients:IntegratedGradients",
    "lime": "audit.attribution.lime_weights:Lime",
    "lime_enumerated": "audit.attribution.lime_weights:LimeEnumerated",
    "lime_text": "audit.attribution.lime_weights:LimeText",
    "saliency": "audit.attribution.gradients:Saliency",
    "shap": "audit.attribution.shap_values:Shap",
    "shap_exact": "audit.attribution.shap_values:ShapExact",
    "shap_interactions": "audit.attribution.shap_values:ShapInteractions",
    "shap_kernel": "audit.attribution.shap_values:ShapKernel",
    "shap_partition": "audit.attribution.shap_values:ShapPartition",
    "shap_permutation": "audit.attribution.shap_values:ShapPermutation",
}
