"""Words the answer: what the tumour is, and how sure the forest is of it."""


def postprocess(outputs):
    return [
        {"diagnosis": label, "certainty": round(float(max(votes)), 3)}
        for label, votes in zip(outputs["label"], outputs["probabilities"], strict=True)
    ]
