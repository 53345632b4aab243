"""A model of what people rate well: the rubric, corrected by what their ratings say."""
