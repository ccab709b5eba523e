"""What the demo is asked in these programs, and what it answers: SAID to SAY, and so on."""

from __future__ import annotations

SAID = "Penstock lets the water through."
SAY = f"Say exactly: {SAID}"
THINK = f"Think aloud. {SAY}"
THOUGHT = "The user says:"
REFUSE = "Refuse."
REFUSAL = "I'm sorry, but I can't help with that."
CALL = 'Call get_weather with {"city": "Paris"} and get_weather with {"city": "London"}.'
CITIES = ["Paris", "London"]
FAIL = "Fail after 3 tokens with too_many_requests."
FAILURE = "The demo fails, as the prompt asks it to."
NAMED = "My name is Alice."
NAME = "What is my name?"
PERSON = 'Ada, whose name is "Ada", is 36 years old.'
