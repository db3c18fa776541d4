"""Metrics by name; one heading each in `docs/metrics.md`."""

METRICS: dict[str, str] = {
    "selection_rate": "audit.metrics.choice:SELECTION_RATE",
    "choice_logit": "audit.metrics.choice:CHOICE_LOGIT",
    "flip_rate": "audit.metrics.choice:FLIP_RATE",
    "impact_ratio": "audit.metrics.choice:IMPACT_RATIO",
    "rating": "audit.metrics.rating:RATING",
    "rank_first": "audit.metrics.ranking:RANK_FIRST",
    "refusal": "audit.metrics.refusal:REFUSAL",
    "unparsed": "audit.metrics.unparsed:UNPARSED",
    "length": "audit.metrics.length:LENGTH",
    "attribution_share_shap": "audit.metrics.attribution:SHARE_SHAP",
    "attribution_share_lime": "audit.metrics.attribution:SHARE_LIME",
    "attribution_shift_shap": "audit.metrics.attribution:SHIFT_SHAP",
    "attribution_shift_lime": "audit.metrics.attribution:SHIFT_LIME",
}
