"""The GraphQL schema of a model's signature: what it says, and that GraphQL itself takes it."""

from __future__ import annotations

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from slsdeploy_runtime.events import Signature
from slsdeploy_runtime.graphql import field_name, schema

IRIS = Signature("iris", [("x", "FP32", (-1, 4))], [("label", "INT64", (-1,)), ("scores", "FP32", (-1, 3))])
ODD = Signature(
    "7 up-and down",
    [("input:0", "BYTES", (-1, 1)), ("__mask", "BOOL", (2,)), ("größe", "UINT8", ())],
    [("output/0", "INT32", (-1,)), ("any", "FP32", ())],
)
# of AppSync: https://docs.aws.amazon.com/appsync/latest/devguide/scalars.html
SCALARS = "scalar AWSJSON\n"


def built(text: str) -> GraphQLSchema:
    return build_schema(SCALARS + text)


def test_it_is_the_signature() -> None:
    assert schema([IRIS], ()) == (
        "schema {\n  query: Query\n}\n\n"
        "type Query {\n  iris(inputs: IrisInputs!): IrisOutputs\n}\n\n"
        "input IrisInputs {\n  x: [[Float!]!]!\n}\n\n"
        "type IrisOutputs {\n  label: [Float!]!\n  scores: [[Float]!]!\n}\n"
    )


@pytest.mark.parametrize("functions", [(), ("preprocess",), ("postprocess",), ("preprocess", "predict", "postprocess")])
@pytest.mark.parametrize("models", [[IRIS], [ODD], [IRIS, ODD]])
def test_graphql_takes_it(models: list[Signature], functions: tuple[str, ...]) -> None:
    made = built(schema(models, functions))
    assert made.query_type is not None
    assert list(made.query_type.fields) == [field_name(model.name) for model in models]


def test_a_query_of_the_signature_is_valid_and_others_are_not() -> None:
    made = built(schema([IRIS], ()))
    good = "query { iris(inputs: {x: [[5.1, 3, 1.4, 0.2]]}) { label scores } }"
    assert validate(made, parse(good)) == []
    for bad in (
        "query { iris { label } }",
        'query { iris(inputs: {x: [["a"]]}) { label } }',
        "query { iris(inputs: {x: [[null]]}) { label } }",
        "query { iris(inputs: {}) { label } }",
        "query { iris(inputs: {x: [[1]]}) { other } }",
    ):
        assert validate(made, parse(bad)) != []


def test_names_that_graphql_does_not_take_are_changed() -> None:
    text = schema([ODD], ())
    assert "_7_up_and_down(inputs: _7UpAndDownInputs!): _7UpAndDownOutputs" in text
    assert "  input_0: [[String!]!]!\n  _mask: [Boolean!]!\n  gr__e: Int!\n" in text
    assert "  output_0: [Int!]!\n  any: AWSJSON\n" in text  # an output without a shape may have any


def test_names_that_become_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'a:0' and 'a/0' are both a_0 in GraphQL: rename one of them"):
        schema([Signature("m", [("a:0", "FP32", ()), ("a/0", "FP32", ())], [])], ())
    with pytest.raises(ValueError, match="'a-b' and 'a_b' are both a_b"):
        schema([Signature("a-b", [], []), Signature("a_b", [], [])], ())
    with pytest.raises(ValueError, match="'a-b' and 'AB' are both AB"):
        schema([Signature("a-b", [], []), Signature("AB", [], [])], ())
