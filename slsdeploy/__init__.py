"""From a trained model to AWS Lambda."""

__version__ = "0.1.0"
