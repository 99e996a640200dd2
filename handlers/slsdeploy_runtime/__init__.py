"""The model service that runs inside Lambda: loads the model once, answers every event source."""
