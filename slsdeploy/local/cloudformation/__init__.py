"""CloudFormation of our own: templates -> change sets -> resources, acting through boto3 on the local AWS's own endpoint.

Decision (2025-11): not an extension of moto's, which lacks Lambda's aliases, URLs and version attributes, computes change sets
by name only, cannot roll back, and takes 1.3 s to import. Resources are made through the public APIs, so that a template and
a person at the command line meet the same rules, and errors come back in AWS's words.
"""
