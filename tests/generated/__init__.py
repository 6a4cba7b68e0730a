"""Requests that nobody thought of: made by Hypothesis from the OpenAPI document, sent to a real service, and judged by it.

``values`` makes JSON that fits a schema, and JSON that does not; ``asks`` whole requests; ``world`` keeps things alive that requests
can be about; ``wire`` sends; ``judge`` says what is wrong with an answer.
"""
