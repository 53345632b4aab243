"""A model of what people rate well: the rubric, corrected by what their ratings say."""

SCORER = "reward"

__all__ = ["SCORER"]
