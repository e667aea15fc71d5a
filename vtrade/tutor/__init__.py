"""The tutor: evidence, offline answers, dialogue with a language model."""
